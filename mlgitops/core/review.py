"""What is under review: the entries that one models.yaml has otherwise than another. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.desired import Desired


def untouched(desired: Desired, base: Desired) -> Callable[[str, str], bool]:
    """Tells by model and alias whether both say the same of a stage.

    That is its version and digest, its gates, the recipe of its version, and the exceptions to
    guards: a change that one of them lets through was not made before.
    """
    return lambda model, alias: _entry(desired, model, alias) == _entry(base, model, alias)


def _entry(desired: Desired, name: str, alias: str) -> tuple[object, ...]:
    model = desired.models.get(name)
    stage = model.listed(alias) if model else None
    allow = (desired.allow, model.allow if model else ())
    if model is None or stage is None:
        return allow
    recipe = None if stage.version is None else model.versions.get(stage.version)
    return (stage.version, stage.digest, model.gates_for(alias), recipe, *allow)
