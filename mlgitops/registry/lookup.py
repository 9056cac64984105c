"""What a stage holds, for those who ask for a version by its stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.prompts import is_prompt
from mlgitops.core.stage import alias_of
from mlgitops.errors import UsageError
from mlgitops.words import listed, suggestion, whole_number

if TYPE_CHECKING:
    from mlgitops.core.held import HeldModel
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.stage import DeclaredStages
    from mlgitops.core.version import Version


def require_model(registry: RegistryReader, model: str) -> HeldModel:
    """A model that somebody named.

    Raises:
        UsageError: there is no such model.
    """
    found = registry.model(model)
    if found is None:
        raise UsageError(f"the registry has no model {model!r}; see `mlgitops status`")
    return found


def held_version(registry: RegistryReader, model: str, stage: str, declared: DeclaredStages) -> int:
    """The version that a stage of a model holds, be it declared or not.

    Raises:
        UsageError: there is no such model or stage, or the stage is empty.
    """
    return version_in(require_model(registry, model), stage, declared)


def version_in(found: HeldModel, stage: str, declared: DeclaredStages) -> int:
    """The same, of a model that is known.

    Raises:
        UsageError: there is no such stage, or it is empty.
    """
    version = found.stages.get(alias_of(stage))
    if version is None and declared.find(stage) is None:
        others = (found.name_of(one) for one in found.stages if declared.find(one) is None)
        known = (*declared.names, *others)
        raise UsageError(f"{found.name} has no stage {stage!r}; {suggestion(stage, known)}")
    if version is None:
        filled = ", ".join(map(found.name_of, sorted(found.stages))) or "none"
        raise UsageError(f"{stage} of {found.name} is empty; stages with a version: {filled}")
    return version


def find_version(
    registry: RegistryReader, model: str, text: str, declared: DeclaredStages
) -> tuple[Version, str | None]:
    """The version of a model that somebody asked for, and by which stage; None if by its number.

    Raises:
        UsageError: there is no such model, version or stage, the stage is empty, or the model is
            a prompt.
    """
    number = whole_number(text)
    held = held_version(registry, model, text, declared) if number is None else number
    version = registry.version(model, held)
    if version is None:
        raise no_version(registry, model, held)
    if is_prompt(version.tags):
        raise no_model(model)
    return version, text if number is None else None


def no_model(name: str) -> UsageError:
    """That it is a prompt, which has no payload."""
    return UsageError(
        f"{name} is a prompt, not a model; load it with "
        f"mlflow.genai.load_prompt('prompts:/{name}@STAGE')"
    )


def no_version(registry: RegistryReader, model: str, number: int) -> UsageError:
    """That a model does not have a version, and which it has.

    Raises:
        UsageError: there is no such model.
    """
    require_model(registry, model)
    have = sorted(registry.recipes(model))
    if len(have) > 2 and have[-1] - have[0] == len(have) - 1:
        which = f"versions {have[0]} to {have[-1]}"
    elif len(have) > 1:
        which = f"versions {listed([str(one) for one in have])}"
    else:
        which = f"version {have[0]}" if have else "no version"
    return UsageError(f"{model} has no version {number} in the registry; it has {which}")
