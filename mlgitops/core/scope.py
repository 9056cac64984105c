"""What a plan is about: the models that one models.yaml declares otherwise than another. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from mlgitops.core.desired import Desired

# the keys of the file that decide more than one model's plan; the form's version is one of them
_SHARED = (
    *("version", "stages", "owner", "recipes", "include"),
    *("freeze", "allow", "images", "deployments"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Which models a plan is about, and why.

    Attributes:
        models: their names; None: all.
        why: what tells them from others, or why less than all would not do.
        commit: what the file is compared with; None where a plan says which they are.
    """

    models: tuple[str, ...] | None
    why: str
    commit: str | None = None


def scope_since(
    revision: str,
    commit: str,
    before: Desired | None,
    now: Desired,
    touched: Collection[str] = (),
) -> Scope:
    """What changed in models.yaml, and in files that its models name, since a revision.

    Args:
        revision: as a person named it.
        commit: what that is.
        before: what the file said; None where there was none.
        now: what it says.
        touched: the models that name a file that changed.
    """
    since = f"since {revision} ({commit[:7]})"
    if before is None:
        return Scope(models=None, why=f"{now.file} is new {since}", commit=commit)
    if keys := changed_keys(before, now):
        said = f"{' and '.join(keys)} changed {since}"
        return Scope(models=None, why=said, commit=commit)
    changed = changed_models(before, now)
    if not touched:
        return Scope(models=changed, why=f"changed {since}", commit=commit)
    both = {*changed, *touched}
    names = [name for name in now.models if name in both]
    names += [name for name in changed if name not in now.models]
    why = f"whose entries, or files that they name, changed {since}"
    return Scope(models=tuple(names), why=why, commit=commit)


def changed_models(before: Desired, now: Desired) -> tuple[str, ...]:
    """The models that are declared otherwise: in the order of the file, then the removed ones.

    Where an entry stands, and how it is written, changes nothing.
    """
    names = [*now.models, *(name for name in before.models if name not in now.models)]
    return tuple(n for n in names if not same(before.models.get(n), now.models.get(n)))


def changed_keys(before: Desired, now: Desired) -> tuple[str, ...]:
    """The keys beside models and prompts that the file has otherwise."""
    return tuple(key for key in _SHARED if not same(getattr(before, key), getattr(now, key)))


def same(one: object, other: object) -> bool:
    """Whether two values say the same; true, 1 and 1.0 are three values, unlike for Python."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if is_dataclass(one):
        names = (field.name for field in fields(one) if field.compare)
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other
