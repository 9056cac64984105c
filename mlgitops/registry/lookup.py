"""What a stage holds, for those who ask for a version by its stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of
from mlgitops.errors import UsageError

if TYPE_CHECKING:
    from mlgitops.core.held import HeldModel
    from mlgitops.core.registry import RegistryReader


def require_model(registry: RegistryReader, model: str) -> HeldModel:
    """A model that somebody named.

    Raises:
        UsageError: there is no such model.
    """
    found = registry.model(model)
    if found is None:
        raise UsageError(f"the registry has no model {model!r}; see `mlgitops status`")
    return found


def held_version(registry: RegistryReader, model: str, stage: str) -> int:
    """The version that a stage of a model holds.

    Raises:
        UsageError: there is no such model, or the stage is empty.
    """
    found = require_model(registry, model)
    version = found.aliases.get(alias_of(stage))
    if version is None:
        filled = ", ".join(sorted(found.aliases)) or "none"
        raise UsageError(f"{stage} of {model} is empty; stages with a version: {filled}")
    return version


def find_version(registry: RegistryReader, model: str, text: str) -> tuple[int, str | None]:
    """The version that somebody asked for, and by which stage; None if by its number.

    Raises:
        UsageError: there is no such model or version, or the stage is empty.
    """
    if not text.isdecimal():
        return held_version(registry, model, text), text
    if registry.version(model, int(text)) is None:
        raise UsageError(
            f"{model} has no version {int(text)} in the registry; see `mlgitops status`"
        )
    return int(text), None
