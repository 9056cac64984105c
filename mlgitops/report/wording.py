"""How values are said, once for every format."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mlgitops import words
from mlgitops.core.guards import how_to_allow
from mlgitops.core.plan import Action
from mlgitops.core.status import StageState, left_by, state_of
from mlgitops.errors import located

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from mlgitops.core.apply import Outcome
    from mlgitops.core.gate import Verdict
    from mlgitops.core.guards import Objection
    from mlgitops.core.metrics import Difference, Interval
    from mlgitops.core.plan import Change, Plan
    from mlgitops.core.status import StageStatus
    from mlgitops.core.way_back import WayBack
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal

_MEET_IT = "choose a version that meets the gate, or change the gate"
SIGNS = {Action.FILL: "+", Action.REPLACE: "~", Action.EMPTY: "-", Action.ALIGN: "="}


def version_or_empty(version: int | None) -> str:
    """The version that a stage holds."""
    return "empty" if version is None else str(version)


def versions(change: Change) -> str:
    """What happens to the version of a stage: `1 → 2`, `empty → 1`, `2 (classic stage)`."""
    if change.action is Action.ALIGN:
        return f"{version_or_empty(change.new)} ({' and '.join(change.misaligned)} out of step)"
    return f"{version_or_empty(change.old)} → {version_or_empty(change.new)}"


def wrong(stage: StageStatus) -> str:
    """How a stage differs from models.yaml."""
    return f"is {version_or_empty(stage.actual)}, should be {version_or_empty(stage.desired)}"


def remarks(exhibit: Exhibit) -> tuple[str, ...]:
    """What a reviewer should know of a change besides its versions."""
    said = [*_of_change(exhibit.change)]
    if exhibit.leaves:
        said.append(exhibit.leaves + (", and stays for now" if exhibit.refused else ""))
    if exhibit.commit_reason:
        said.append(f"reason: {exhibit.commit_reason}")
    if why := exhibit.payload.unchecked:
        said.append(f"it is not known whether the payload is there: {why}")
    if why := lost(exhibit.way_back):
        said.append(why)
    if exhibit.before and exhibit.refused:
        said.append("refused since before: it decides nothing here")
    return tuple(said)


def _of_change(change: Change) -> Iterator[str]:
    if change.unfinished:
        yield f"unfinished: {change.unfinished}"
    elif change.heals:
        yield "corrects drift"
    elif change.drift and change.stamp is not None:
        yield f"drift: the last apply left {version_or_empty(change.stamp.version)}"
    if change.rollback:
        yield "rollback: this version was in the stage before"
    elif change.downgrade and not change.heals:
        yield "downgrade"
    if change.elsewhere:
        yield f"managed by {change.elsewhere}"
    if change.unlisted:
        yield f"no longer in {change.unlisted}"


def lost(way: WayBack | None) -> str:
    """Why a rollback would lead nowhere, or may; empty where nothing is known against it."""
    if way and way.blocked:
        return f"no way back: {way.blocked}"
    if way and way.unchecked:
        version = f" to version {way.version}" if way.version else ""
        return f"way back{version} not checked: {way.unchecked}"
    return ""


def way_back(exhibit: Exhibit) -> str:
    """Where a rollback of a change leads; empty where a remark says what is against it."""
    way = exhibit.way_back
    if way is None or lost(way):
        return ""
    return f"way back: version {way.version}" if way.version else "way back: none, it is the first"


def remarked(exhibit: Exhibit) -> list[str]:
    """All that is remarked on a change in a table of changes."""
    return [*remarks(exhibit), *filter(None, [way_back(exhibit)])]


def left(change: Change) -> str:
    """Who moved a stage last, as far as stamps know; of one that drifted, to what."""
    if change.stamp is None:
        return ""
    if change.drift:
        return left_by(change.stamp)
    return f"last moved by {change.stamp.actor}, {words.when(change.stamp.time)}"


REFUSED = "refused"
STATES = (StageState.DRIFT.value, StageState.PENDING.value, REFUSED)


def states(exhibit: Exhibit) -> set[str]:
    """How a change stands, of STATES: drift or pending, and whether it is refused."""
    return {state_of(exhibit.change).value, *([REFUSED] if exhibit.refused else [])}


def note(stage: StageStatus) -> str:
    """What a stage's row says at its end: what is out of step, and what keeps it from going back.

    A way back that is clear goes without saying.
    """
    return "; ".join(filter(None, (stage.note, lost(stage.way_back))))


def standing(stages: Collection[StageStatus]) -> str:
    """How many stages there are, and how they stand, in one line; empty without any."""
    found = Counter(one.state for one in stages)
    said = [f"{found[state]:,} {state.value}" for state in StageState if found[state]]
    return f"{words.count(len(stages), 'stage')}: {', '.join(said)}." if said else ""


def headline(plan: Plan) -> str:
    """The plan in one line."""
    stages = words.count(plan.stages, "stage")
    if not plan.changes and plan.scope is not None:
        return f"No changes in scope; {stages} managed."
    if not plan.changes:
        return f"No changes: {stages} as declared."
    changes, models = (
        words.count(len(plan.changes), "change"),
        words.count(len(plan.models), "model"),
    )
    return f"Plan: {changes} in {models}; {stages} managed."


def scope(proposal: Proposal) -> str:
    """Which models a plan is about, and why; empty where nobody asked for less than all."""
    found = proposal.scope
    if found is None:
        return ""
    if found.models is None:
        return f"Scope: all models, because {found.why}."
    return f"Scope: {words.count(len(found.models), 'model')} {found.why}."


def applied(done: Sequence[Outcome]) -> str:
    """What became of a plan, in one line, with what is left to do."""
    found = Counter(str(outcome.status) for outcome in done)
    made, refused = found["applied"], found["refused"]
    if made == len(done):
        return f"Applied: {words.count(made, 'change')}."
    part = "Applied in part" if made else "Nothing was applied"
    said = f"{part}: {made} of {words.count(len(done), 'change')} went through"
    said += f", {refused} refused" if refused else ""
    return f"{said}." if made + refused == len(done) else f"{said}; apply again, it does the rest."


def refusals(proposal: Proposal) -> Iterator[tuple[str, str]]:
    """Each refusal once: where, of what, by which rule and values; and what to do about it."""
    for one in proposal.failing:
        for verdict in one.failed:
            yield located(one.change.where, f"{_entering(one)}: {verdict}"), how_to_meet([verdict])
    for found in proposal.guarded:
        yield located(found.where, objection(found)), f"to allow it: {how_to_allow(found.guard)}"
    yield from ((str(problem), "") for problem in proposal.problems)


def how_to_meet(failed: Iterable[Verdict]) -> str:
    """What to do about gates that refuse a change."""
    if all(one.in_time for one in failed):
        return f"wait until then and plan again, or {_MEET_IT}"
    return _MEET_IT


def refused_first(proposal: Proposal) -> str:
    """What refuses a plan first, in one line; its values are told where it belongs."""
    gates = [
        f"{_entering(one)}: {verdict.rule}" for one in proposal.failing for verdict in one.failed
    ]
    guards = [": ".join(filter(None, (o.guard, _subject(o)))) for o in proposal.guarded]
    return _first([*gates, *guards, *(problem.told for problem in proposal.problems)])


def refusal(proposal: Proposal) -> str:
    """Why changes of a plan are refused, in one line; empty if none is."""
    gates = (f"{_entering(one)}: {one.reasons[0]}" for one in proposal.failing)
    return _first(
        [*gates, *map(objection, proposal.guarded), *map(str, proposal.problems)],
    )


def _first(said: Sequence[str]) -> str:
    rest = f" (and {words.count(len(said) - 1, 'more refusal')})" if len(said) > 1 else ""
    return f"Refused: {said[0]}{rest}" if said else ""


def refused_by(proposal: Proposal) -> str:
    """How much refuses a plan: each refusal is told where it belongs, with what to do."""
    gates = sum(len(one.failed) for one in proposal.failing)
    found = {"gate": gates, "guard": len(proposal.guarded), "problem": len(proposal.problems)}
    said = [words.count(number, noun) for noun, number in found.items() if number]
    *others, last = said
    return f"Refused by {' and '.join(filter(None, (', '.join(others), last)))}."


def _entering(exhibit: Exhibit) -> str:
    change = exhibit.change
    return f"{change.model} {change.stage} → {version_or_empty(change.new)}"


def objection(one: Objection) -> str:
    """What a guard says, and of which stage."""
    return ": ".join(filter(None, (one.guard, _subject(one), one.reason)))


def _subject(one: Objection) -> str:
    return f"{one.model} {one.stage}" if one.model else ""


def objections(proposal: Proposal) -> tuple[tuple[str, str, str], ...]:
    """Each objection: refused or allowed, what it says, what would allow it or does."""
    return tuple(
        (
            "allowed" if one.allowed else "refused",
            located(one.where, objection(one)),
            f"allowed by {one.allowed_by}" if one.allowed else how_to_allow(one.guard),
        )
        for one in proposal.objections
    )


def sides(*values: float | None) -> list[str]:
    """Values of one row, in digits that tell them apart."""
    said = iter(words.apart(*(value for value in values if value is not None)))
    return [words.NONE if value is None else next(said) for value in values]


def interval(found: Interval | None) -> str:
    """Where a difference lies: `-0.12 to +0.03`; empty where that is not known."""
    return (
        f"{words.number(found.low, sign=True)} to {words.number(found.high, sign=True)}"
        if found
        else ""
    )


def answer(value: float | str | None, sure: float | None = None) -> str:
    """What a version answers to a row, and with which probability: `7.5`, `rain (80.0%)`."""
    said = str(value) if isinstance(value, str | bool) else words.number(value)
    return said if sure is None else f"{said} ({sure:.1%})"


def difference(one: Difference) -> str:
    """The difference of a metric: absolute, and relative in per cent."""
    if one.absolute is None:
        return ""
    relative = "" if one.relative is None else f" ({one.relative:+,.1%})"
    return f"{words.number(one.absolute, sign=True)}{relative}"
