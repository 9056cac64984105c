"""What the site shows, as values that its pages are made of."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from mlgitops.core.metrics import titled
from mlgitops.core.stage import alias_of
from mlgitops.history.stays import actual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from mlgitops.core.desired import Desired, DesiredModel, DesiredStage
    from mlgitops.core.directions import Direction
    from mlgitops.core.evidence import Side
    from mlgitops.core.record import Entry
    from mlgitops.core.status import StageStatus
    from mlgitops.core.version import Version, VersionKey
    from mlgitops.deploy.values import Served
    from mlgitops.history.stays import Stay

# what any file system can hold and no server rewrites
_SAFE = re.compile(r"[a-z0-9][a-z0-9_-]{0,80}")
_UNSAFE = re.compile(r"[^a-z0-9_-]+")
_One = TypeVar("_One")


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where the data of a site come from, and where its links lead.

    Attributes:
        made: when they were read, UTC.
        registry: the identity of the registry.
        file: models.yaml, as it was named.
        folder: of models.yaml in its repository, with a slash at its end; empty for the top.
        commit: of the file; empty if it is in none.
        host: the page of the repository at its host; None where it has none.
        branch: that people edit there.
    """

    made: datetime
    registry: str
    file: str
    folder: str = ""
    commit: str = ""
    host: str | None = None
    branch: str = "main"


@dataclass(frozen=True, kw_only=True, slots=True)
class StageShown:
    """One stage of one model.

    Attributes:
        stay: the one that brought what it holds; None if nobody knows of it, as after a move by
            hand.
        declared: what models.yaml says of it; None if it does not list it.
        served: what really serves it, place by place.
    """

    status: StageStatus
    stay: Stay | None
    declared: DesiredStage | None
    served: tuple[Served, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelShown:
    """One model, or prompt.

    Attributes:
        declared: what models.yaml says of it; None if it does not list it.
        stays: its timeline as it was, stage by stage, the oldest first.
        entries: the changes of it that applies recorded, the oldest first.
        versions: its latest versions, with the metrics and parameters of their runs.
        held: what its stages hold, by number, with all that is recorded of it.
    """

    name: str
    declared: DesiredModel | None
    stages: tuple[StageShown, ...]
    stays: tuple[Stay, ...]
    entries: tuple[Entry, ...]
    versions: tuple[Version, ...] = ()
    held: Mapping[int, Side] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def key(self) -> str:
        """The name of its files: its own where every file system can hold it."""
        if _SAFE.fullmatch(self.name):
            return self.name
        digest = hashlib.sha256(self.name.encode()).hexdigest()[:8]
        return f"{_UNSAFE.sub('-', self.name.lower()).strip('-')[:60] or 'model'}-{digest}"

    @property
    def owners(self) -> tuple[str, ...]:
        """Its teams."""
        return self.declared.owners if self.declared else ()

    @property
    def directions(self) -> Mapping[str, Direction]:
        """Metric → which way is better, where that is declared."""
        return self.declared.directions if self.declared else {}

    def lost(self, stay: Stay) -> bool:
        """Whether its stage holds another version now, and no stamp says since when."""
        _, alias = stay.slot
        return stay.until is None and any(
            alias_of(one.status.stage) == alias and one.status.actual != stay.version
            for one in self.stages
        )

    def titled(self, metric: str) -> str:
        """A metric with its unit, where that is declared."""
        return titled(metric, self.declared.units if self.declared else {})


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequest:
    """A pull request that is open and changes what is declared.

    Attributes:
        by: the login of who opened it; empty if GitHub does not tell.
        model: what it is about; empty, as `stage` is, if it may be about anything in the file.
    """

    number: int
    title: str
    by: str
    url: str
    model: str = ""
    stage: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """Something that waits for a person.

    Attributes:
        kind: `drift`, `pending`, `refused`, `blocked`, `proposed`, `frozen`, `soaking` or
            `failing`.
        stage: empty where it is of the whole model; `model` is None where it is of the whole file.
        pull: what it is about where it is a pull request.
    """

    kind: str
    said: str
    model: ModelShown | None = None
    stage: str = ""
    pull: PullRequest | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """All that the pages show."""

    origin: Origin
    stages: tuple[str, ...]
    models: tuple[ModelShown, ...]
    needs: tuple[Need, ...]

    @property
    def applies(self) -> Mapping[str, Sequence[Entry]]:
        """The changes of each recorded apply, the newest first."""
        every = (entry for model in self.models for entry in model.entries)
        found = sorted(every, key=lambda one: one.time, reverse=True)
        return grouped(found, lambda one: one.record)


def collected(
    desired: Desired,
    statuses: Iterable[StageStatus],
    stays: Iterable[Stay],
    entries: Iterable[Entry],
    served: Iterable[Served],
    known: Mapping[VersionKey, Version],
    held: Mapping[VersionKey, Side],
) -> tuple[ModelShown, ...]:
    """Every model that something is known of: those of models.yaml in its order, then others.

    Args:
        desired: models.yaml.
        statuses: how every stage stands.
        stays: whole stages of the timeline.
        entries: the changes that applies recorded.
        served: what really serves, in the places that models.yaml declares.
        known: the latest versions, with what their runs recorded.
        held: the versions that stages hold, with all that is recorded of them.
    """
    of_model = grouped(statuses, lambda one: one.model)
    past = grouped(stays, lambda one: one.model)
    recorded = grouped(entries, lambda one: one.model)
    serving = grouped(served, lambda one: one.model)
    versions = grouped(sorted(known.items()), lambda one: one[0][0])
    sides = grouped(held.items(), lambda one: one[0][0])
    return tuple(
        _model(
            name,
            desired.models.get(name),
            of_model.get(name, []),
            tuple(past.get(name, ())),
            tuple(recorded.get(name, ())),
            serving.get(name, []),
            tuple(version for _, version in versions.get(name, ())),
            MappingProxyType({number: side for (_, number), side in sides.get(name, ())}),
        )
        for name in dict.fromkeys((*desired.models, *of_model, *past, *recorded))
    )


def grouped(found: Iterable[_One], key: Callable[[_One], str]) -> dict[str, list[_One]]:
    """Some values by what each is of, in the order of their first appearance."""
    groups: dict[str, list[_One]] = defaultdict(list)
    for one in found:
        groups[key(one)].append(one)
    return groups


def _of_now(last: Stay | None, status: StageStatus) -> Stay | None:
    return last if last and last.version == status.actual else None


def _model(
    name: str,
    declared: DesiredModel | None,
    statuses: Iterable[StageStatus],
    stays: tuple[Stay, ...],
    entries: tuple[Entry, ...],
    served: Iterable[Served],
    versions: tuple[Version, ...],
    held: Mapping[int, Side],
) -> ModelShown:
    past = tuple(actual(stays))
    last = {alias_of(stay.stage): stay for stay in past}
    serving = grouped(served, lambda one: alias_of(one.stage))
    stages = tuple(
        StageShown(
            status=one,
            stay=_of_now(last.get(alias), one),
            declared=declared.listed(alias) if declared else None,
            served=tuple(serving.get(alias, ())),
        )
        for one, alias in ((one, alias_of(one.stage)) for one in statuses)
    )
    return ModelShown(
        name=name,
        declared=declared,
        stages=stages,
        stays=past,
        entries=entries,
        versions=versions,
        held=held,
    )
