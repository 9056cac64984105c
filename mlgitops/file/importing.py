"""Held → models.yaml: how a team with a registry of its own starts. Pure.

What the registry's aliases and classic stages say becomes the file, so that the first plan is empty
and nobody's work changes. What the file cannot say is left out and reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from mlgitops.core.stage import CLASSIC_STAGES, PRODUCTION, STAGING, alias_of, classic_stage
from mlgitops.file.schema import MODEL_NAME
from mlgitops.gates.form import RESERVED_ALIAS

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
        if not MODEL_NAME.fullmatch(name):
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
    """Stage → version: those whose aliases and classic stages agree, Production last."""
    found = {
        classic_stage(alias) or alias: version
        for alias, version in held.aliases.items()
        if not _why_not(held, alias)
    }
    return dict(sorted(found.items(), key=lambda item: (item[0] == PRODUCTION, item[0])))


def _why_not(held: HeldModel, alias: str) -> str | None:
    """Why a stage is not in the file; None if it is."""
    stage = classic_stage(alias)
    if alias != alias_of(alias):
        return "aliases must be in lower case; set a lower-case alias instead"
    if RESERVED_ALIAS.fullmatch(alias):
        return "MLflow reserves this name; use another alias"
    if stage is None:
        return None
    version, classic = held.aliases[alias], held.classic.get(stage)
    if classic == _classic(held, stage, version):
        return None
    there = "empty" if classic is None else f"version {classic}"
    return f"the alias is version {version} but the classic stage is {there}; make them agree"


def _classic(held: HeldModel, stage: str, version: int) -> int | None:
    """What the classic stage is to be beside an alias: a version has one classic stage only."""
    taken = stage == STAGING and held.classic.get(PRODUCTION) == version
    return None if taken else version


def _left_out(held: HeldModel) -> Iterator[str]:
    for alias in sorted(held.aliases):
        if reason := _why_not(held, alias):
            yield f"{held.name} {alias}: {reason}"
    for stage in CLASSIC_STAGES:
        if stage in held.classic and alias_of(stage) not in held.aliases:
            version = held.classic[stage]
            yield (
                f"{held.name} {stage}: version {version} is only a classic stage; add "
                f"`{stage}: {version}` to models.yaml, and the next apply sets the alias"
            )
