"""The verb that goes back: it edits models.yaml, by what git knows of it."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops.cli.numbers import Whole
from mlgitops.cli.options import file_option, reason_option, tell
from mlgitops.core.stage import alias_of
from mlgitops.errors import UsageError
from mlgitops.file import edit
from mlgitops.file.stages import stage_of
from mlgitops.file.texts import read
from mlgitops.history.declared import declared
from mlgitops.history.reasons import TRAILER
from mlgitops.history.revisions import revisions_of
from mlgitops.history.stays import previous
from mlgitops.system import files, git

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.file.part import Part
    from mlgitops.history.revisions import Revision


@click.command(
    epilog="""\b
Examples:
  mlgitops rollback power-forecasting-model Production
  mlgitops rollback power-forecasting-model Production 1
  mlgitops rollback power-forecasting-model Production --block --reason "leaks the future"
"""
)
@click.argument("model")
@click.argument("stage")
@click.argument("version", required=False, type=Whole(min=1), envvar="MLGITOPS_ROLLBACK_VERSION")
@click.option(
    "--block",
    is_flag=True,
    envvar="MLGITOPS_ROLLBACK_BLOCK",
    help="Block the version that the stage leaves, in all stages; needs --reason.",
)
@reason_option
@file_option
def rollback(
    model: str, stage: str, version: int | None, block: bool, reason: str | None, file: Path
) -> None:
    """Put the previous version back into models.yaml.

    Pass VERSION to choose another version. Versions that are blocked are skipped. Only the file
    changes: commit it, then run `mlgitops apply`, with --rollback if the model is frozen.

    With --block, no stage can hold the version that STAGE leaves any more. Other stages of MODEL
    that name it go back too; one that had no other version before is left empty.
    """
    texts = read(file)
    part = edit.part_of(texts, str(file), model)
    edited = Path(part.file)
    of, stage = part.source.desired.models[model], stage_of(part.source.desired, stage)
    held = of.listed(alias_of(stage))
    leaving = held.version if held else None
    bad = _blocked(leaving, reason) if block else {}
    but = of.blocked.keys() | bad.keys()

    @cache
    def known() -> tuple[Revision, ...]:
        return revisions_of(file)

    def before(name: str) -> int | None:
        return previous(known(), model, name, declared(texts), but=but)

    former = version or before(stage)
    if former is None:
        at = f"held nothing before version {leaving}" if leaving else "has held no version"
        ever = {one.stages.get(model, {}).get(alias_of(stage)) for one in known() if one.stages}
        gone = ever - {None, leaving}
        but_for = ", but for blocked versions and what it was rolled back from" if gone else ""
        raise UsageError(
            f"{model} {stage} {at} that git knows of{but_for}; pass the VERSION to go to"
        )
    if former == leaving:
        raise UsageError(f"{edited}: {model} {stage} is already at {former}; pass another VERSION")
    others = (one.name for one in of.stages if one.version in bad and one.alias != alias_of(stage))
    moves = {stage: former} | {name: before(name) for name in others}
    files.write_text(edited, _edited(part, model, moves, bad).whole)
    for name, number in moves.items():
        where = "empty" if number is None else f"back at {number}"
        rest = "; commit, then run `mlgitops apply`" if name == stage else ""
        tell(f"{edited}: {model} {name} is {where}{edit.unpinned(part, model, name)}{rest}")
    for number, why in bad.items():
        tell(f"{edited}: version {number} of {model} is blocked: {why}")
    if reason:
        paragraphs = f"Roll back {model} {stage}", f"{TRAILER}: {reason}"
        options = " ".join(f"-m {shlex.quote(one)}" for one in paragraphs)
        tell(f"to record the reason: {_committing(edited, options)}")


def _committing(edited: Path, options: str) -> str:
    """The command that commits a file; it works from here, whose repository it is or not."""
    asked = ("rev-parse", "--show-toplevel")
    if git.ask(edited, *asked) == git.ask(Path.cwd() / edited.name, *asked):
        return f"git commit {options} {shlex.quote(str(edited))}"
    folder, name = shlex.quote(str(edited.parent)), shlex.quote(edited.name)
    return f"git -C {folder} commit {options} {name}"


def _edited(part: Part, model: str, moves: Mapping[str, int | None], bad: dict[int, str]) -> Part:
    for stage, version in moves.items():
        part = edit.set_version(part, model, stage, version)
    for version, reason in bad.items():
        part = edit.block(part, model, version, reason)
    return part


def _blocked(leaving: int | None, reason: str | None) -> dict[int, str]:
    """The version to block, and why."""
    if reason is None:
        raise UsageError("--block needs --reason TEXT, which models.yaml keeps")
    if leaving is None:
        raise UsageError("--block has no version to block: the stage is empty")
    return {leaving: reason}
