"""How values are said, once for every format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops import words
from mlgitops.core.guards import how_to_allow
from mlgitops.core.plan import Action

if TYPE_CHECKING:
    from mlgitops.core.guards import Objection
    from mlgitops.core.metrics import Difference
    from mlgitops.core.plan import Change, Plan
    from mlgitops.core.status import StageStatus
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal

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


def remarks(change: Change) -> tuple[str, ...]:
    """What a reviewer should know of a change besides its versions."""
    said = []
    if change.unfinished:
        said.append(f"unfinished: {change.unfinished}")
    elif change.heals:
        said.append("corrects drift")
    elif change.drift and change.stamp is not None:
        said.append(f"drift: the last apply left {version_or_empty(change.stamp.version)}")
    if change.rollback:
        said.append("rollback: this version was in the stage before")
    elif change.downgrade and not change.heals:
        said.append("downgrade")
    if change.elsewhere:
        said.append(f"managed by {change.elsewhere}")
    if change.unlisted:
        said.append(f"no longer in {change.unlisted}")
    return tuple(said)


def headline(plan: Plan) -> str:
    """The plan in one line."""
    stages = words.count(plan.stages, "stage")
    if not plan.changes:
        return f"No changes: {stages} as declared."
    changes, models = (
        words.count(len(plan.changes), "change"),
        words.count(len(plan.models), "model"),
    )
    return f"Plan: {changes} in {models}; {stages} managed."


def refusal(proposal: Proposal) -> str:
    """Why a plan is refused, in one line; empty if it is not."""
    said = [*map(failure, proposal.failing), *map(objection, proposal.guarded)]
    if not said:
        return ""
    rest = f" (and {words.count(len(said) - 1, 'more refusal')})" if len(said) > 1 else ""
    return f"Refused: {said[0]}{rest}"


def failure(exhibit: Exhibit) -> str:
    """The first gate that a change fails."""
    failed = next(v for v in exhibit.verdicts if v.result == "failed")
    return (
        f"{exhibit.change.model} {exhibit.change.stage} → {version_or_empty(exhibit.change.new)}: "
        f"{failed.rule}: expected {failed.expected}, actual {failed.actual}"
    )


def objection(one: Objection) -> str:
    """What a guard says, and of which stage."""
    subject = f"{one.model} {one.stage}: " if one.model else ""
    return f"{one.guard}: {subject}{one.reason}"


def objections(proposal: Proposal) -> tuple[tuple[str, str, str], ...]:
    """Each objection: refused or allowed, what it says, what allows it."""
    return tuple(
        (
            "allowed" if one.allowed else "refused",
            objection(one),
            "" if one.allowed else how_to_allow(one),
        )
        for one in proposal.objections
    )


def number(value: float | None) -> str:
    """A metric's value in six significant digits."""
    return words.NONE if value is None else f"{value:.6g}"


def difference(one: Difference) -> str:
    """The difference of a metric: absolute, and relative in per cent."""
    if one.absolute is None:
        return ""
    relative = "" if one.relative is None else f" ({one.relative:+.1%})"
    return f"{one.absolute:+.6g}{relative}"
