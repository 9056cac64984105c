"""The gate on the stage that a version comes from, and on how long it was there.

Times are those of the stamps. A version carries one stamp for each stage, of its last move there,
so only its last stay can be measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlgitops.core.gate import verdict
from mlgitops.core.stage import alias_of
from mlgitops.gates.units import spelled

if TYPE_CHECKING:
    from mlgitops.core.desired import PromotedFromGate, Soak
    from mlgitops.core.gate import Case, Verdict
    from mlgitops.core.held import HeldModel


def promoted(gate: PromotedFromGate, case: Case) -> Verdict:
    """Whether the version is or was in a stage, with a soak for as long as it asks for."""
    return _was_there(gate, case) if gate.soak is None else _soaked(gate, gate.soak, case)


def _was_there(gate: PromotedFromGate, case: Case) -> Verdict:
    rule = f"promoted_from {gate.stage}"
    expected = f"version {case.new.number} is or was in {gate.stage}"
    alias = alias_of(gate.stage)
    if case.held.aliases.get(alias) == case.new.number:
        return verdict(rule, True, expected, f"it is in {gate.stage}")
    stamp = case.held.stamps.get(alias, {}).get(case.new.number)
    if stamp is not None:
        return verdict(rule, True, expected, f"it was in {gate.stage} at {stamp.time}")
    if not case.held.aliases and not any(case.held.stamps.values()):
        return verdict(rule, True, expected, "no version of this model was ever in any stage")
    return verdict(rule, False, expected, f"it never was in {gate.stage}")


def _soaked(gate: PromotedFromGate, soak: Soak, case: Case) -> Verdict:
    rule = f"promoted_from {gate.stage} soak {soak.text}"
    expected = f"version {case.new.number} is or was in {gate.stage} for {soak.text} in one stay"
    alias, number = alias_of(gate.stage), case.new.number
    stay = _last_stay(case.held, alias, number)
    if stay is None:
        return verdict(rule, False, expected, _why_unknown(case.held, alias, number, gate.stage))
    spent = max((stay.until or case.now) - stay.since, timedelta(0))
    passed = spent >= soak.span
    until = f" until {_time(stay.until)}" if stay.until else ""
    actual = f"in {gate.stage} since {_time(stay.since)}{until}: {spelled(spent)}"
    # what is left of whole minutes, so that the two add up
    left = spelled(soak.span - spent // _MINUTE * _MINUTE)
    return verdict(rule, passed, expected, actual if passed else f"{actual}, {left} left")


_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stay:
    """A version's stay in a stage; `until=None`: it lasts."""

    since: datetime
    until: datetime | None


def _last_stay(held: HeldModel, alias: str, number: int) -> _Stay | None:
    """The last stay of a version, as far as stamps tell both its ends; None if they do not."""
    stamps = held.stamps.get(alias, {})
    stamp = stamps.get(number)
    if stamp is None or stamp.version != number:
        return None  # the stage was emptied: that stamp took the place of the one that entered
    since = datetime.fromisoformat(stamp.time)
    if held.stamp_in_force(alias) == stamp:
        return _Stay(since=since, until=None)
    later = [one for one in stamps.values() if one.move > stamp.move]
    following = min(later, key=lambda one: one.move, default=None)
    # a move that found another version there does not tell when this one had left
    if following is None or following.previous != number:
        return None
    return _Stay(since=since, until=datetime.fromisoformat(following.time))


def _why_unknown(held: HeldModel, alias: str, number: int, stage: str) -> str:
    if held.aliases.get(alias) == number:
        return f"it is in {stage}, but no stamp says since when: it was not put there by mlgitops"
    if number in held.stamps.get(alias, {}):
        return f"it was in {stage}, but no stamp says how long"
    return f"it never was in {stage}"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
