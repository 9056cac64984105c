"""A plan: the ordered changes that turn what the registry holds into the desired state.

Plain values: the same ones are shown, written to a file and executed.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - plan files are checked against these types
from dataclasses import dataclass
from enum import StrEnum

from mlgitops.core.lock import Lock  # noqa: TC001 - as above
from mlgitops.core.stage import alias_of
from mlgitops.core.stamp import Stamp  # noqa: TC001 - as above
from mlgitops.errors import Where  # noqa: TC001 - as above

ALIAS = "alias"
CLASSIC = "classic stage"
STAMP = "stamp"


class Action(StrEnum):
    """What happens to a stage."""

    FILL = "fill"  # it was empty
    REPLACE = "replace"
    EMPTY = "empty"
    ALIGN = "align"  # the version is right; the alias, the classic stage or the stamp is not


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What happens to one stage of one model.

    Attributes:
        old: the version that the stage holds now; None if it is empty.
        new: the version that it is to hold; None if it is to be empty.
        move: the number that the change's stamp gets.
        carrier: the version whose tag holds the change's stamp; None if it gets none.
        stamp: the owner's newest stamp of the stage: who moved it last through mlgitops.
        elsewhere: the other owner who manages the stage, if there is one.
        drift: the stage does not hold what the newest stamp says: it was moved by hand.
        unfinished: the apply that began this change, and was interrupted or is under way.
        held_before: the new version has held this stage before.
        misaligned: for `align`, what is out of step: ALIAS, CLASSIC, STAMP.
        spelled: the stage's alias as the registry spells it; None if it has none.
        unlisted: the file that does not list the stage any more, although its owner set it.
        prompt: it is a stage of a prompt: nothing of it is built or served.
        displaced: the classic stage of somebody else that the new version leaves by this.
        where: the stage's place in models.yaml, or its model's; None if neither is there.
    """

    model: str
    stage: str
    action: Action
    old: int | None
    new: int | None
    move: int
    carrier: int | None
    stamp: Stamp | None = None
    drift: bool = False
    unfinished: Lock | None = None
    held_before: bool = False
    misaligned: tuple[str, ...] = ()
    spelled: str | None = None
    elsewhere: str = ""
    unlisted: str = ""
    displaced: str = ""
    prompt: bool = False
    where: Where | None = None

    @property
    def alias(self) -> str:
        """The alias that stores the stage."""
        return alias_of(self.stage)

    @property
    def key(self) -> tuple[str, str, Action, int | None, int | None]:
        """What tells one change from another: what it is about, and what it does."""
        return (self.model, self.alias, self.action, self.old, self.new)

    def __str__(self) -> str:
        old, new = ("empty" if version is None else version for version in (self.old, self.new))
        return f"{self.model} {self.stage} {old} → {new}"

    @property
    def enters(self) -> bool:
        """Whether a version enters the stage, so that its gates apply."""
        return self.action in (Action.FILL, Action.REPLACE)

    @property
    def heals(self) -> bool:
        """Whether this makes the stage what its newest stamp says."""
        wrong = self.drift or self.unfinished is not None
        return wrong and self.stamp is not None and self.stamp.version == self.new

    @property
    def since(self) -> str:
        """When the stage got its new version, as the newest stamp says; empty if it gets it now.

        Where the apply of that stamp did not end, and the stage holds what it held before, nobody
        can say whether the version ever came.
        """
        if self.stamp is None or self.stamp.version != self.new:
            return ""
        came = self.unfinished is None or self.old == self.new or self.old != self.stamp.previous
        return self.stamp.since or (self.stamp.time if came else "")

    @property
    def before(self) -> int | None:
        """The version that the stamp names as the one before.

        What somebody put there by hand, and this corrects, has not held the stage: it met no gate.
        """
        return self.stamp.previous if self.heals and self.stamp else self.old

    @property
    def rollback(self) -> bool:
        """Whether the stage goes back to an earlier version that it has held before.

        To enter again after a rollback is no rollback: that version meets the gates anew.
        """
        back = self.old is None or self.downgrade
        return self.enters and self.held_before and back and not self.heals

    @property
    def downgrade(self) -> bool:
        """Whether a lower version number replaces a higher one."""
        return self.old is not None and self.new is not None and self.new < self.old


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A managed stage and what it is to hold.

    Attributes:
        kept: its change is refused: the stage is to go on holding the version that it holds.
    """

    stage: str
    alias: str
    version: int | None
    kept: bool = False
    unlisted: str = ""
    where: Where | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPlan:
    """The changes of one model, in the order in which they are applied.

    Attributes:
        classic: the classic stages that mlgitops manages → the version that each is to resolve to.
        held_classic: classic stage → the version that it resolves to now.
        targets: every managed stage of the model, changed or not.
        carried: version → the stamps that it carries now, for those that get another one.
    """

    model: str
    changes: tuple[Change, ...]
    targets: tuple[Target, ...]
    classic: Mapping[str, int | None]
    held_classic: Mapping[str, int]
    carried: Mapping[int, Mapping[str, Stamp]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All changes, by model in the order of the file.

    Attributes:
        models: only those with a change.
        stages: how many stages are managed in all.
        registry: the identity of the registry that it is for.
        owner: who manages the stages.
        scope: the models that were compared; None: all. Their stages alone may change, and
            `stages` counts what the file declares of all others.
    """

    models: tuple[ModelPlan, ...]
    stages: int
    registry: str = ""
    owner: str = ""
    scope: tuple[str, ...] | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of all models."""
        return tuple(change for model in self.models for change in model.changes)
