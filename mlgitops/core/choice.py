"""Some models of all, by names and patterns that a person typed. Pure."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.errors import UsageError
from mlgitops.words import suggestion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from mlgitops.core.desired import Desired
    from mlgitops.core.held import Held

_SPECIAL = frozenset("*?[")


def are_names(patterns: Iterable[str]) -> bool:
    """Whether each pattern is the name of one model."""
    return not any(_SPECIAL & set(pattern) for pattern in patterns)


def chosen(names: Collection[str], patterns: Collection[str], where: str) -> list[str]:
    """The names that match a pattern, or all if there is none; in their own order.

    Args:
        names: all that could be meant.
        patterns: in the way of a shell, such as `wind-*`.
        where: the beginning of the error, such as "models.yaml has".

    Raises:
        UsageError: a pattern matches nothing.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UsageError(f"{where} no model {pattern!r}; {suggestion(pattern, names)}")
    return [n for n in names if not patterns or any(fnmatchcase(n, p) for p in patterns)]


def within(desired: Desired, names: Collection[str]) -> Desired:
    """A desired state with these models alone."""
    kept = {name: desired.models[name] for name in names if name in desired.models}
    return replace(desired, models=MappingProxyType(kept))


def narrowed(desired: Desired, held: Held, patterns: Collection[str]) -> tuple[Desired, Held]:
    """Both for the models that match a pattern; a model may be in one of the two only.

    Raises:
        UsageError: a pattern matches nothing.
    """
    names = [*desired.models, *sorted(held.models.keys() - desired.models.keys())]
    kept = set(chosen(names, patterns, f"{desired.file} and the registry have"))
    wanted = {name: model for name, model in desired.models.items() if name in kept}
    now = {name: model for name, model in held.models.items() if name in kept}
    return (
        replace(desired, models=MappingProxyType(wanted)),
        replace(held, models=MappingProxyType(now)),
    )
