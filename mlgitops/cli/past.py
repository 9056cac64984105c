"""The verbs that look back: history and rollback."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import click

from mlgitops.cli.options import Target, file_option, format_option, registry_options, show_report
from mlgitops.core.stage import alias_of
from mlgitops.errors import UsageError
from mlgitops.history.revisions import revisions_of
from mlgitops.history.stays import held_at, previous, timeline
from mlgitops.system import files
from mlgitops.words import suggestion

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.core.held import Held
    from mlgitops.history.stays import Stay


def _moment(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--at {text}: pass a day such as 2026-11-23, or a time such as 2026-11-23T14:00Z"
        ) from error
    if re.fullmatch(r"\d{4}-?\d\d-?\d\d", text):
        moment = datetime.combine(moment.date(), time.max)  # what the day ended with
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command(
    epilog="""\b
Examples:
  mlgitops history
  mlgitops history power-forecasting-model Production
  mlgitops history --at 2026-11-23            what each stage held at the end of that day
  mlgitops history --offline --format json
"""
)
@click.argument("model", required=False)
@click.argument("stage", required=False)
@click.option(
    "--at",
    callback=_moment,
    metavar="TIME",
    help="Show only what each stage held at this time (UTC).",
)
@click.option("--offline", is_flag=True, help="Read git only, not the registry.")
@file_option
@registry_options
@format_option
def history(
    model: str | None,
    stage: str | None,
    at: datetime | None,
    offline: bool,
    file: Path,
    target: Target,
    form: str,
) -> None:
    """Show who put which version into which stage, and when.

    Git tells what was declared; the stamps in the registry tell what was applied. A version keeps
    only the stamp of its last stay in a stage; earlier stays are `declared only`: git alone tells
    of them. With --at, what was declared and not yet applied does not count.
    """
    from mlgitops.report import document, record

    stays = timeline(revisions_of(file), None if offline else _actual(file, target))
    chosen = _chosen(stays, model, stage)
    found = held_at(chosen, at) if at else chosen
    report = record.shown(found, datetime.now(UTC))
    show_report(form, report, lambda: document.history(found))


def _actual(file: Path, target: Target) -> Held:
    from mlgitops.file.load import load

    return target.connect().held(load(file).models)


def _chosen(stays: tuple[Stay, ...], model: str | None, stage: str | None) -> tuple[Stay, ...]:
    models = {stay.model for stay in stays}
    if model and model not in models:
        raise UsageError(f"no model {model!r} in the history; {suggestion(model, sorted(models))}")
    of_model = [stay for stay in stays if model in (None, stay.model)]
    stages = {stay.stage for stay in of_model}
    if stage and alias_of(stage) not in map(alias_of, stages):
        near = suggestion(stage, sorted(stages))
        raise UsageError(f"no stage {stage!r} in the history of {model}; {near}")
    return tuple(s for s in of_model if not stage or alias_of(s.stage) == alias_of(stage))


@click.command(
    epilog="""\b
Examples:
  mlgitops rollback power-forecasting-model Production
  mlgitops rollback power-forecasting-model Production 1
"""
)
@click.argument("model")
@click.argument("stage")
@click.argument(
    "version", required=False, type=click.IntRange(min=1), envvar="MLGITOPS_ROLLBACK_VERSION"
)
@file_option
def rollback(model: str, stage: str, version: int | None, file: Path) -> None:
    """Put the previous version back into models.yaml.

    Pass VERSION to choose another version. Only the file changes: commit it, then run `mlgitops
    apply`, with --rollback if the model is frozen.
    """
    from mlgitops.file import edit
    from mlgitops.file.load import read
    from mlgitops.file.stages import stage_of
    from mlgitops.history.declared import declared

    text = read(file)
    part = edit.part_of(text, str(file), model)
    stage = stage_of(part.source.desired, stage)
    former = version or previous(revisions_of(file), model, stage, declared(text))
    if former is None:
        raise UsageError(
            f"git has no earlier version of {model} {stage}; pass the VERSION to go back to"
        )
    edited = edit.set_version(part, model, stage, former).whole
    if edited == text:
        raise UsageError(f"{file}: {model} {stage} is already at {former}; pass another VERSION")
    files.write_text(file, edited)
    unpinned = edit.unpinned(part, model, stage)
    click.echo(
        f"{file}: {model} {stage} is back at {former}{unpinned}; commit, then run `mlgitops apply`"
    )
