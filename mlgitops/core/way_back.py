"""The way back: what a rollback of a stage returns to, and whether it can. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mlgitops.core.plan import Change
    from mlgitops.core.stamp import Stamp
    from mlgitops.core.status import StageStatus


FEW = 100  # payloads: that many are looked for unasked, a request each


@dataclass(frozen=True, kw_only=True, slots=True)
class WayBack:
    """Where a rollback of a stage leads.

    Attributes:
        version: the version that it returns to; None where the stage had none before, or where
            nothing tells which.
        blocked: why it cannot return there, and what to do.
        unchecked: what is not known of it, and why.
    """

    version: int | None = None
    blocked: str = ""
    unchecked: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """The move that brought a version into a stage, or is to.

    Attributes:
        version: the version that the stage holds after it.
        previous: the version that the stage held before it, by stamp; None if it was empty.
        move: the number of the move; 0 where no stamp tells of it.
    """

    model: str
    stage: str
    version: int
    previous: int | None
    move: int

    @property
    def slot(self) -> tuple[str, str]:
        """Model and alias."""
        return self.model, alias_of(self.stage)


def of_change(change: Change, production: Collection[str]) -> Step | None:
    """The move that a change makes; None where its stage, by alias, is not production."""
    guarded = change.alias in production and not change.prompt
    if not change.enters or not guarded or change.new is None:
        return None
    return Step(
        model=change.model,
        stage=change.stage,
        version=change.new,
        previous=change.old,
        move=change.move,
    )


def of_stage(stage: StageStatus, production: Collection[str]) -> Step | None:
    """The last move of a stage; None where it, by alias, is not production, or is not managed."""
    guarded = alias_of(stage.stage) in production and not stage.prompt
    if stage.actual is None or not stage.managed or not guarded:
        return None
    stamp = stage.stamp
    return Step(
        model=stage.model,
        stage=stage.stage,
        version=stage.actual,
        previous=stamp.previous if stamp else None,
        move=stamp.move if stamp else 0,
    )


def is_plain(step: Step, stamps: Mapping[int, Stamp]) -> bool:
    """Whether stamps alone tell what a rollback returns to: the version before the last move.

    A stage's first move does, and one that goes on from the move before it. After a rollback, a
    heal, a move by hand, or where a version is gone with its stamp, only git knows.

    Args:
        step: the last move of a stage.
        stamps: version → the stamp of that stage that it carries.
    """
    if step.move <= 1:
        return step.move == 1 or not stamps
    before = stamps.get(step.previous or 0)
    return before is not None and before.move == step.move - 1 and is_forward(step)


def is_forward(step: Step) -> bool:
    """Whether a later version replaced an earlier one."""
    return step.previous is not None and step.previous < step.version
