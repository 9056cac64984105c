"""Which version of a model is proposed for a stage, by the rule that models.yaml has for it. Pure.

Only versions that are newer than all that the stage holds or has held are proposed: what was rolled
back stays where it is until a person, or a newer version, decides otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.gate import Case, Result, judge
from mlgitops.core.metrics import direction
from mlgitops.core.plan import Action, Change
from mlgitops.core.stage import alias_of
from mlgitops.core.version import READY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from mlgitops.core.desired import DesiredModel
    from mlgitops.core.directions import Direction
    from mlgitops.core.held import HeldModel
    from mlgitops.core.stage import DeclaredStages
    from mlgitops.core.version import Version


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Which version is proposed for a stage: the newest, unless another way is set.

    Attributes:
        origin: the stage that a version comes from.
        alias: the MLflow alias that names the version.
        tag: what a version must be tagged with, and `value`, if set, the tag's value.
        metric: the version must have the best of all, and a better one than the stage's version.
        better: which way that is, where the metric's name has no standard meaning.
        auto_merge: GitHub is asked to merge by itself.
    """

    origin: str = ""
    alias: str = ""
    tag: str = ""
    value: str = ""
    metric: str = ""
    better: Direction | None = None
    auto_merge: bool = False

    @property
    def directions(self) -> Mapping[str, Direction]:
        """That of its metric, where it says one."""
        return {self.metric: self.better} if self.better else {}

    def __str__(self) -> str:
        if self.origin:
            return f"from {self.origin}"
        if self.tag:
            return f"tag {self.tag}" + (f" value {self.value}" if self.value else "")
        if self.metric:
            return f"metric {self.metric}"
        return f"alias {self.alias}" if self.alias else "newest"

    def findings(self, stage: str, stages: DeclaredStages) -> Iterator[tuple[str | None, str]]:
        """What is wrong although it is well-formed: the key, None for the rule as a whole; why."""
        ways = {"from": self.origin, "alias": self.alias, "tag": self.tag, "metric": self.metric}
        chosen = [key for key, value in ways.items() if value]
        if len(chosen) > 1:
            yield None, f"a rule has one way to choose a version, not {' and '.join(chosen)}"
        if self.value and not self.tag:
            yield "value", "'value' is that of a tag; add 'tag', or remove it"
        if self.better and not self.metric:
            yield "better", "'better' is said of a metric; add 'metric', or remove it"
        if self.origin and alias_of(self.origin) == alias_of(stage):
            yield "from", f"a version cannot enter {stage} from {stage} itself; name another stage"
        if self.alias and (found := stages.find(self.alias)):
            yield "alias", f"{self.alias!r} is the alias of a stage; write 'from: {found.name}'"


NEWEST = Rule()


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the registry knows of one model.

    Attributes:
        versions: all that exist, by number.
        metrics: those of versions that a rule compares, by number.
    """

    held: HeldModel
    versions: Mapping[int, Version]
    metrics: Mapping[int, Mapping[str, float]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pick:
    """The version that a rule chooses, or None, and why.

    Attributes:
        waits: there is none yet, but what was chosen before may still be right.
    """

    version: int | None
    why: str
    waits: bool = False


def pick(
    model: DesiredModel,
    stage: str,
    rule: Rule,
    stages: DeclaredStages,
    known: Known,
    now: datetime,
) -> Pick:
    """The version that a rule proposes for a stage.

    Of those that the rule offers, it is the first that the gates let pass which ask for another
    stage, with the time that they ask for; all other gates are for the check to judge.

    Args:
        model: as models.yaml has it.
        stage: as it is declared.
        rule: how to choose.
        stages: all that are declared.
        known: what the registry has.
        now: when that is asked; has a time zone.
    """
    alias = alias_of(stage)
    newer = _newer(model, alias, stages, known)
    offered = [number for number in _offered(rule, model, alias, known) if number in newer]
    if rule.origin and not _is_settled(model, alias_of(rule.origin), known.held):
        why = f"{rule.origin} does not hold what models.yaml declares"
        return Pick(version=None, why=why, waits=True)
    if not offered:
        return Pick(version=None, why=f"no newer version by the rule {str(rule)!r}")
    waiting = [_waits(number, model, stage, known, now) for number in offered]
    for number, why in zip(offered, waiting, strict=True):
        if not why:
            return Pick(version=number, why=f"chosen by the rule {str(rule)!r}")
    return Pick(version=None, why=f"version {offered[0]} has to wait: {waiting[0]}", waits=True)


def _newer(model: DesiredModel, alias: str, stages: DeclaredStages, known: Known) -> frozenset[int]:
    """The versions that could be news for a stage."""
    rank = stages.rank(alias)
    later = {one.alias for one in stages.listed if stages.rank(one.alias) > rank}
    beyond = {number for one in later for number in _held(model, one, known.held)}
    before = max((*_held(model, alias, known.held), *known.held.stamps.get(alias, ())), default=0)
    return frozenset(
        number
        for number, version in known.versions.items()
        if number > before
        and number not in beyond
        and number not in model.blocked
        and version.status == READY
    )


def _held(model: DesiredModel, alias: str, held: HeldModel) -> Iterator[int]:
    """What a stage is to hold, and what it holds."""
    declared = model.listed(alias)
    if declared and declared.version is not None:
        yield declared.version
    if (number := held.stages.get(alias)) is not None:
        yield number


def _offered(rule: Rule, model: DesiredModel, alias: str, known: Known) -> list[int]:
    """The versions that a rule offers, the best first."""
    newest_first = sorted(known.versions, reverse=True)
    if rule.origin:
        return sorted(_passed_on(alias_of(rule.origin), known.held), reverse=True)
    if rule.alias:
        return [n for n in newest_first if n == known.held.stages.get(alias_of(rule.alias))]
    if rule.tag:
        return [n for n in newest_first if _is_tagged(known.versions[n], rule)]
    if rule.metric:
        lower = direction(rule.metric, model.directions) == "lower"
        return _best(rule.metric, lower, max(_held(model, alias, known.held), default=None), known)
    return newest_first


def _is_tagged(version: Version, rule: Rule) -> bool:
    found = version.tags.get(rule.tag)
    return found is not None and rule.value in ("", found)


def _best(metric: str, lower: bool, present: int | None, known: Known) -> list[int]:
    """The versions by a metric, down to that of the stage's version, without that."""
    sign = 1 if lower else -1
    found = {
        number: sign * value
        for number in known.versions
        if (value := known.metrics.get(number, {}).get(metric)) is not None and isfinite(value)
    }
    limit = found.get(present, float("inf")) if present is not None else float("inf")
    return sorted((n for n in found if found[n] < limit), key=lambda n: (found[n], -n))


def _is_settled(model: DesiredModel, alias: str, held: HeldModel) -> bool:
    """Whether a stage holds what is declared: nobody moved it by hand, and it is not to change."""
    declared = model.listed(alias)
    return held.stages.get(alias) == (declared.version if declared else None)


def _passed_on(alias: str, held: HeldModel) -> Iterator[int]:
    """What a stage holds, and what it held until a newer version took its place.

    What was rolled back there is not passed on, nor what nobody knows the end of.
    """
    present, stamps = held.stages.get(alias), held.stamps.get(alias, {})
    if present is None:
        return
    yield present
    for number, stamp in stamps.items():
        later = (one for one in stamps.values() if one.move > stamp.move)
        following = min(later, key=lambda one: one.move, default=None)
        if following and following.previous == number and (following.version or 0) > number:
            yield number


def _waits(number: int, model: DesiredModel, stage: str, known: Known, now: datetime) -> str:
    """Why a version cannot enter a stage yet, by the gates that ask for another stage."""
    alias = alias_of(stage)
    old = known.versions.get(known.held.stages.get(alias, 0))
    change = Change(
        model=model.name,
        stage=stage,
        action=Action.REPLACE if old else Action.FILL,
        old=old.number if old else None,
        new=number,
        move=1,
        carrier=number,
    )
    new = known.versions[number]
    case = Case(
        change=change,
        held=known.held,
        new=new,
        old=old,
        now=now,
        directions=model.directions,
    )
    asking = [gate for gate in model.gates_for(alias) if gate.stages]
    failed = (said for said in judge(asking, case) if said.result is Result.FAILED)
    return next(map(str, failed), "")
