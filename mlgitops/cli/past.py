"""The verb that looks back: history."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops.cli.options import (
    Target,
    as_json,
    file_option,
    format_option,
    registry_options,
    show_report,
    tell,
    warn,
)
from mlgitops.cli.records import recorded
from mlgitops.core.record import FIRST
from mlgitops.core.stage import alias_of
from mlgitops.errors import GitError, UsageError
from mlgitops.history.revisions import revisions_of
from mlgitops.history.stays import held_at, moved_since, timeline
from mlgitops.system import files
from mlgitops.words import count, listed, moment, suggestion

if TYPE_CHECKING:
    from mlgitops.core.held import Held
    from mlgitops.core.record import Entry
    from mlgitops.history.revisions import Revision
    from mlgitops.history.stays import Stay
    from mlgitops.registry.registry import MlflowRegistry


def _table(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix not in (".json", ".csv"):
        raise UsageError(f"--export {path}: the name must end in .json or .csv")
    return path


def _moment(_: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    """A time; of a day or a minute its beginning for --since, else its end."""
    if text is None:
        return None
    try:
        found = moment(text)
    except ValueError as error:
        raise UsageError(
            f"--{option.name} {text}: pass a day such as 2026-11-23, or a time such as "
            "2026-11-23T14:00Z"
        ) from error
    if re.fullmatch(r"\d{4}-?\d\d-?\d\d", text, re.ASCII):
        edge = time.min if option.name == "since" else time.max
        return datetime.combine(found.date(), edge, UTC)
    if option.name != "since" and re.search(r"[T ]\d\d:?\d\d(?!:?\d\d)", text, re.ASCII):
        return found.replace(second=59, microsecond=999_999)
    return found


@click.command(
    epilog="""\b
Examples:
  mlgitops history
  mlgitops history power-forecasting-model Production
  mlgitops history --at 2026-11-23            what each stage held at the end of that day
  mlgitops history --offline --format json
  mlgitops history --export 2026.csv --since 2026-01-01 --until 2026-12-31
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
@click.option(
    "--export",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_table,
    metavar="FILE",
    help="Write the records of applies to FILE.json or FILE.csv instead.",
)
@click.option(
    "--since", callback=_moment, metavar="TIME", help="Export from this day or time on (UTC)."
)
@click.option(
    "--until", callback=_moment, metavar="TIME", help="Export up to this day or time (UTC)."
)
@file_option
@registry_options
@format_option
def history(
    model: str | None,
    stage: str | None,
    at: datetime | None,
    offline: bool,
    export: Path | None,
    since: datetime | None,
    until: datetime | None,
    file: Path,
    target: Target,
    form: str,
) -> None:
    """Show who put which version into which stage, and when.

    Git tells what was declared; the stamps in the registry tell what was applied. A version keeps
    only the stamp of its last stay in a stage; of earlier stays the records of applies tell.
    `declared only` means that git alone tells; `no`, that the registry holds another version,
    which --at leaves out.

    With --export, writes what each apply decided and why, from its record in MLflow. This needs
    neither git nor models.yaml.
    """
    if export:
        if at or offline:
            raise UsageError("--export goes with neither --at nor --offline; pass --since, --until")
        _export(export, target, (model, stage), since or FIRST, until or datetime.now(UTC))
        return
    if since or until:
        raise UsageError("--since and --until go with --export; for one moment, pass --at")
    from mlgitops.report import document, record, wording

    registry = None if offline else target.connect()
    held = _held(file, registry) if registry else None
    revisions = revisions_of(file)
    chosen = _chosen(timeline(revisions, held), model, stage)
    if registry and (untold := [stay.since for stay in chosen if stay.untold]):
        entries = recorded(registry, min(untold))
        chosen = _chosen(timeline(revisions, held, entries), model, stage)
    for stay, number in moved_since(chosen, held) if held else ():
        now, then = map(wording.version_or_empty, (number, stay.version))
        told = f"{stay.model} {stay.stage} is {now} now, not {then}"
        warn(f"{told}: somebody moved it outside models.yaml, and no stamp says when")
    found = held_at(chosen, at) if at else chosen
    report = record.shown(found, datetime.now(UTC), target.page_of)
    show_report(form, report, lambda: document.history(found))


def _held(file: Path, registry: MlflowRegistry) -> Held:
    from mlgitops.file.load import load

    return registry.held(load(file).models)


def _export(
    path: Path,
    target: Target,
    chosen: tuple[str | None, str | None],
    since: datetime,
    until: datetime,
) -> None:
    from mlgitops.audit import export
    from mlgitops.report import document

    entries, strange = export.read(target.connect(), since, until)
    found = [one for one in entries if _is_meant(one, *chosen)]
    if strange:
        said = f"{count(len(strange), 'run')} of the experiment of records cannot be read as one"
        warn(f"{said}: {listed(strange)}")
    if path.suffix == ".csv":
        files.write_pieces(path, export.csv_lines(found))
    else:
        made = document.records(found, since, until)
        files.write_text(path, as_json(made) + "\n")
    applies = count(len({one.record for one in found}), "record")
    tell(f"{path}: {count(len(found), 'change')} of {applies}")


def _is_meant(entry: Entry, model: str | None, stage: str | None) -> bool:
    of_stage = stage is None or alias_of(entry.stage) == alias_of(stage)
    return model in (None, entry.model) and of_stage


def revisions_or_none(file: Path) -> tuple[Revision, ...]:
    """Git's history of a file; none, and a warning, where git has none."""
    try:
        return revisions_of(file)
    except GitError as error:
        warn(f"the history comes from the registry's stamps only: {error}")
        return ()


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
