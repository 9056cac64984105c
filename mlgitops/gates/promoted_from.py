"""The gate on the stage that a version comes from, and on how long it was there.

Times are those of the stamps. A version carries one stamp for each stage, of its last move there,
so only its last stay can be measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from mlgitops.core.gate import verdict
from mlgitops.core.stage import alias_of
from mlgitops.gates import units
from mlgitops.gates.form import GateForm, StageName
from mlgitops.words import over, when

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlgitops.core.gate import Case, Verdict
    from mlgitops.core.held import HeldModel


class PromotedFromGate(GateForm):
    """The version must hold, or have held, another stage first."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"soak": "whole minutes, hours or days, such as 30m, 24h or 7d"}
    )

    for_prompts: ClassVar[bool] = True

    promoted_from: Annotated[StageName, Field(description="the stage before")]
    # not None: a key whose value was forgotten must not weaken the gate
    soak: Annotated[
        str, Field(pattern=units.DURATION, description="for at least: 30m, 24h or 7d, in one stay")
    ] = ""

    @property
    def stages(self) -> Mapping[str, str]:
        """The stage that the version must come from."""
        return {"promoted_from": self.promoted_from}

    def findings(self, stage: str) -> Iterator[tuple[str | None, str]]:
        """A stage that would have to be entered from itself."""
        if alias_of(self.promoted_from) == alias_of(stage):
            yield (
                None,
                f"a version cannot enter {stage} from {stage} itself; name another stage",
            )

    def judge(self, case: Case) -> Iterator[Verdict]:
        """Whether the version is or was in the stage, with a soak for as long as it asks for."""
        stage = self.promoted_from
        yield _soaked(stage, self.soak, case) if self.soak else _was_there(stage, case)


def _was_there(stage: str, case: Case) -> Verdict:
    rule = f"promoted_from {stage}"
    expected = f"version {case.new.number} is or was in {stage}"
    alias = alias_of(stage)
    if _holds(case.held, alias, case.new.number):
        return verdict(rule, True, expected, f"it is in {stage}")
    stamp = case.held.stamps.get(alias, {}).get(case.new.number)
    if stamp is not None:
        return verdict(rule, True, expected, f"it was in {stage} at {when(stamp.time)}")
    if not case.held.stages and not any(case.held.stamps.values()):
        return verdict(rule, True, expected, "no version of this model was ever in any stage")
    return verdict(rule, False, expected, f"it was never in {stage}")


def _holds(held: HeldModel, alias: str, number: int) -> bool:
    """Whether a stage holds a version, and nobody moved it there by hand past a stamp."""
    newest = held.newest_stamp(alias)
    drifted = newest is not None and newest[1].version != number
    return held.stages.get(alias) == number and not drifted


def _soaked(stage: str, soak: str, case: Case) -> Verdict:
    rule = f"promoted_from {stage} soak {soak}"
    expected = f"version {case.new.number} is or was in {stage} for {soak} in one stay"
    alias, number, span = alias_of(stage), case.new.number, units.duration(soak)
    stay = _last_stay(case.held, alias, number)
    if stay is None:
        return verdict(rule, False, expected, _why_unknown(case.held, alias, number, stage))
    spent = max((stay.until or case.now) - stay.since, timedelta(0))
    until = f" until {when(stay.until)}" if stay.until else ""
    actual = f"in {stage} since {when(stay.since)}{until}: {units.spelled(spent)}"
    if spent >= span:
        return verdict(rule, True, expected, actual)
    # what is left of whole minutes, so that the two add up
    left = units.spelled(span - spent // _MINUTE * _MINUTE)
    end = "" if stay.until else f", until {over(stay.since + span)}"
    found = verdict(rule, False, expected, f"{actual}, {left} left{end}")
    return replace(found, in_time=not stay.until)


_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Span:
    """A version's stay in a stage; `until=None`: it lasts."""

    since: datetime
    until: datetime | None


def _last_stay(held: HeldModel, alias: str, number: int) -> _Span | None:
    """The last stay of a version, as far as stamps tell both its ends; None if they do not."""
    stamps = held.stamps.get(alias, {})
    stamp = stamps.get(number)
    if stamp is None or stamp.version != number:
        return None  # the stage was emptied: that stamp took the place of the one that entered
    since = datetime.fromisoformat(stamp.time)
    if held.stamp_in_force(alias) == stamp:
        return _Span(since=since, until=None)
    later = [one for one in stamps.values() if one.move > stamp.move]
    following = min(later, key=lambda one: one.move, default=None)
    # a move that found another version there does not tell when this one had left
    if following is None or following.previous != number:
        return None
    return _Span(since=since, until=datetime.fromisoformat(following.time))


def _why_unknown(held: HeldModel, alias: str, number: int, stage: str) -> str:
    if held.stages.get(alias) == number:
        return f"it is in {stage}, but no stamp says since when: it was not put there by mlgitops"
    if number in held.stamps.get(alias, {}):
        return f"it was in {stage}, but no stamp says how long"
    return f"it was never in {stage}"
