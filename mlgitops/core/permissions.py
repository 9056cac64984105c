"""What allows a change that a guard refuses: a flag, a label, or an exception in models.yaml. Pure.

A flag allows every change of one command. A label allows the changes of its pull request; which
labels count, GitHub is asked (`mlgitops.github.labels`). An exception stands in models.yaml, so it
is reviewed with the change, and ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.errors import Problem
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from mlgitops.core.desired import Desired, GuardException

LABEL = "mlgitops/allow-"
ROLLBACK_LABEL = "mlgitops/rollback"


class Guard(StrEnum):
    """The guards by name."""

    EMPTIES_PRODUCTION = "empties-production"
    MANY_CHANGES = "many-changes"
    UNMANAGED = "unmanaged"
    TAKEOVER = "takeover"
    STALE_PLAN = "stale-plan"
    FREEZE = "freeze"
    IMAGE_PROOF = "image-proof"
    MISSING_PAYLOAD = "missing-payload"


# a plan file is of one run: no label allows another
LABELS = frozenset(
    {ROLLBACK_LABEL, *(LABEL + guard for guard in Guard if guard is not Guard.STALE_PLAN)}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """What allows something.

    Attributes:
        text: for reports and records: what, who, and why.
        brief: the same for a stamp.
    """

    text: str
    brief: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Permission:
    """What is allowed by name.

    Attributes:
        guards: the guards that may be passed, and what allows that.
        rollback: what says that the change is a rollback: it may pass a freeze.
    """

    guards: Mapping[Guard, Allowed] = field(default_factory=lambda: MappingProxyType({}))
    rollback: Allowed | None = None

    def __or__(self, other: Permission) -> Permission:
        """What either allows; where both do, the first is named."""
        return Permission(
            guards={**other.guards, **self.guards}, rollback=self.rollback or other.rollback
        )


def by_flags(names: Iterable[Guard], *, rollback: bool = False, who: str = "") -> Permission:
    """What flags allow, and who passed them, if that is known."""
    passed, by = (f", passed by {who}", f" by {who}") if who else ("", "")
    return Permission(
        guards={
            guard: Allowed(text=f"--allow {guard}{passed}", brief=f"--allow{by}") for guard in names
        },
        rollback=Allowed(text=f"--rollback{passed}", brief=f"--rollback{by}") if rollback else None,
    )


def by_labels(labels: Iterable[str]) -> Permission:
    """What labels allow: each is `NAME`, or `NAME@LOGIN` with the login of who set it."""
    found = {}
    for label in sorted(labels):
        name, _, who = label.partition("@")
        found[name] = Allowed(
            text=f"the label {name}" + (f", set by {who}" if who else ""),
            brief="label" + (f" by {who}" if who else ""),
        )
    return Permission(
        guards={guard: found[LABEL + guard] for guard in Guard if LABEL + guard in found},
        rollback=found.get(ROLLBACK_LABEL),
    )


def by_exceptions(desired: Desired, now: datetime, model: str | None = None) -> Permission:
    """What models.yaml allows at a time: of its exceptions, and those of a model."""
    declared = None if model is None else desired.models.get(model)
    own = declared.allow if declared else ()
    return Permission(
        guards={
            Guard(one.guard): _excepted(one)
            for one in (*desired.allow, *own)
            if not one.expired(now)
        }
    )


def _excepted(one: GuardException) -> Allowed:
    place = f"{one.where.file}:{one.where.line}"
    return Allowed(
        text=f"{place}: {one_line(one.reason)}, until {one.until}",
        brief=f"{place} until {one.until}",
    )


def expired(desired: Desired, now: datetime, base: Desired | None = None) -> Iterator[Problem]:
    """The exceptions that allow nothing any more, but for those that a base has as well."""
    known = set(base.exceptions) if base else set()
    for model, one in desired.exceptions:
        if one.expired(now) and (model, one) not in known:
            said = (
                f"the exception to {one.guard} ended {one.until}: remove it, or let a later end be "
                "reviewed"
            )
            yield Problem(where=one.where, model=model, message=said)
