"""Held → models.yaml: how a team with a registry of its own starts. Pure.

What the registry's stages hold becomes the file, so that the first plan is empty and nobody's work
changes. What the file cannot say is left out and reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from mlgitops.core.stage import PRODUCTION, alias_of
from mlgitops.file.schema import is_model_name
from mlgitops.gates.form import RESERVED_ALIAS, STAGE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.held import Held, HeldModel

HEADER = """\
# yaml-language-server: $schema=./models.schema.json
#
# Which version of each model is in which stage, as the registry had it when this file was written.
# To promote a version, change its number in a pull request. See the README of mlgitops.

"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """The text of models.yaml, and what of the registry is not in it, each in one line."""

    text: str
    left_out: tuple[str, ...]


def imported(held: Held) -> Imported:
    """The file that describes a registry as it is."""
    models: dict[str, object] = {}
    left_out: list[str] = []
    seen: dict[str, str] = {}
    for name, now in sorted(held.models.items()):
        other = seen.setdefault(name.lower(), name)
        if not is_model_name(name):
            left_out.append(
                f"model {name!r}: models.yaml does not allow this name; rename the model"
            )
        elif other != name:
            left_out.append(f"model {name!r}: it differs from {other!r} only in case; rename one")
        else:
            left_out += _left_out(now)
            models[name] = {"stages": _stages(now)}
    body = yaml.safe_dump({"models": models}, sort_keys=False, width=100, allow_unicode=True)
    return Imported(text=HEADER + body, left_out=tuple(left_out))


def _stages(held: HeldModel) -> dict[str, int]:
    """Stage → version, Production last."""
    found = {
        held.name_of(alias): version
        for alias, version in held.stages.items()
        if not _why_not(held, alias)
    }
    return dict(sorted(found.items(), key=lambda item: (item[0] == PRODUCTION, item[0])))


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
