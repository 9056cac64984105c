"""Held → models.yaml: how a team with a registry of its own starts. Pure.

What the registry's stages hold becomes the file, so that the first plan is empty and nobody's work
changes. What the file cannot say is left out and reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING

import yaml

from mlgitops.core.desired import MODELS, PROMPTS
from mlgitops.core.stage import BY_ALIAS, DeclaredStages, alias_of
from mlgitops.file.schema import is_model_name
from mlgitops.file.stages import likely, line
from mlgitops.gates.form import RESERVED_ALIAS, STAGE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlgitops.core.held import Held, HeldModel

# `mlgitops init` writes both, `upgrade` follows the engine
SCHEMA, OF_INCLUDED = ".github/models.schema.json", ".github/included.schema.json"
HEADER = f"""\
# yaml-language-server: $schema=./{SCHEMA}
#
# Which version of each model is in which stage, as the registry had it when this file was written.
# To promote a version, change its number in a pull request. See the README of mlgitops.

"""

_WIDTH = 100  # characters of a line


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """A models.yaml.

    Attributes:
        declared: the stages that it declares.
        left_out: what of the registry is not in it, each in one line.
    """

    text: str
    declared: DeclaredStages
    left_out: tuple[str, ...]


def imported(held: Held) -> Imported:
    """The file that describes a registry as it is."""
    kept: list[HeldModel] = []
    left_out: list[str] = []
    seen: dict[str, str] = {}
    for name, now in sorted(held.models.items()):
        if now.prompt and not now.stages:
            continue  # nobody loads it by a stage
        other = seen.setdefault(name.lower(), name)
        if not is_model_name(name):
            left_out.append(
                f"model {name!r}: models.yaml does not allow this name; rename the model"
            )
        elif other != name:
            left_out.append(f"model {name!r}: it differs from {other!r} only in case; rename one")
        else:
            left_out += _left_out(now)
            kept.append(now)
    declared = _declared(kept)
    sections: dict[str, dict[str, object]] = {MODELS: {}}
    for now in kept:
        section = sections.setdefault(PROMPTS if now.prompt else MODELS, {})
        section[now.name] = {"stages": _stages(now, declared)}
    body = yaml.safe_dump(sections, sort_keys=False, width=_WIDTH, allow_unicode=True)
    stages = fill(line(declared.listed), _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    head = f"{HEADER}version: 2\n{stages}\n"
    return Imported(text=head + body, declared=declared, left_out=tuple(left_out))


def _declared(models: Iterable[HeldModel]) -> DeclaredStages:
    """The stages that hold a version, production last; Staging and Production if no others do."""
    found: dict[str, str] = {}
    for held in models:
        for alias in held.stages:
            if not _why_not(held, alias):
                found.setdefault(alias, held.name_of(alias))
    if found.keys() <= BY_ALIAS.keys():
        return DeclaredStages()
    listed = sorted(map(likely, found.values()), key=lambda stage: (stage.production, stage.name))
    return DeclaredStages(listed=tuple(listed))


def _stages(held: HeldModel, declared: DeclaredStages) -> dict[str, int]:
    """Stage → version, in the order of the declaration."""
    return {
        stage.name: held.stages[stage.alias]
        for stage in declared.listed
        if stage.alias in held.stages and not _why_not(held, stage.alias)
    }


def _why_not(held: HeldModel, alias: str) -> str | None:
    """Why a stage is not in the file; None if it is."""
    for clash in held.clashes:
        if alias_of(clash[0]) == alias:
            one, other = clash
            return f"the aliases {one!r} and {other!r} differ only in case; remove one"
    if RESERVED_ALIAS.fullmatch(alias):
        return "MLflow reserves this name; use another alias"
    if not STAGE_NAME.fullmatch(alias):
        return "models.yaml does not allow this name; use letters, digits, '_' or '-'"
    return None


def _left_out(held: HeldModel) -> Iterator[str]:
    for alias in sorted(held.stages):
        if reason := _why_not(held, alias):
            yield f"{held.name} {held.name_of(alias)}: {reason}"
