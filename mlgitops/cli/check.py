"""Verbs that work on models.yaml and recipes alone: offline, and without importing MLflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mlgitops.cli.options import (
    as_json,
    failures_reported,
    file_option,
    formats,
    report_option,
    tell,
    warn,
)
from mlgitops.cli.terms import base_of, base_option, check_exceptions
from mlgitops.errors import DesiredStateError, OutOfDateError, ProblemsError, UsageError
from mlgitops.file import edit, schema
from mlgitops.file.load import load
from mlgitops.file.stages import stage_of
from mlgitops.file.texts import read
from mlgitops.system import files
from mlgitops.words import count, whole_number

if TYPE_CHECKING:
    from mlgitops.core.desired import Desired


@click.command(
    epilog="""\b
Examples:
  mlgitops validate
  mlgitops validate --file staging/models.yaml --format json
  mlgitops validate --format sarif > models.sarif
  mlgitops validate --base origin/main    only warn of exceptions that ended there
"""
)
@base_option(
    "Only warn of exceptions to guards that have ended in models.yaml of this commit, too."
)
@report_option
@file_option
@formats("text", "markdown", "json", "sarif")
def validate(file: Path, form: str, reports: tuple[Path, ...], revision: str | None) -> None:
    """Check models.yaml and report every problem.

    Lists up to 50, in the order of the file, and how many more there are. Works offline. Also
    checks the recipes: imports them in a process without secrets, but does not run them. An
    exception to a guard that has ended is a problem. Warns if the workflows come from templates of
    another version. --report writes a file only if there are problems.
    """
    try:
        with failures_reported(reports):
            desired = load(file)
            check_exceptions(desired, base_of(file, revision))
            _check_recipes(desired)
            _check_templates(file)
    except DesiredStateError as error:
        if form == "text":
            raise
        click.echo(_problems(error, form))
        raise
    models, stages = len(desired.models), sum(len(m.stages) for m in desired.models.values())
    if form == "json":
        from mlgitops.report import document

        click.echo(as_json(document.validated()))
    elif form == "sarif":
        from mlgitops.report import sarif

        click.echo(as_json(sarif.log(())))
    else:
        tell(f"{file} is valid: {count(models, 'model')}, {count(stages, 'stage')}")


def _check_recipes(desired: Desired) -> None:
    from mlgitops.recipes.check import check_recipes

    found = check_recipes(desired)
    for one in found.unchecked:
        warn(str(one))
    if found.problems:
        raise DesiredStateError(found.problems)


def _check_templates(file: Path) -> None:
    from mlgitops.scaffold import kept

    if (file.parent / kept.FOLDER).is_dir():
        from mlgitops.scaffold import upgrade

        if said := upgrade.outdated(file.parent):
            warn(said)


def _problems(error: ProblemsError, form: str) -> str:
    from mlgitops.report import document, sarif
    from mlgitops.report.markdown import table

    if form == "json":
        return as_json(document.validated(error.problems, error.more))
    if form == "sarif":
        return as_json(sarif.log(error.problems, error.rest if error.more else ""))
    listed = table(
        ["place", "model", "stage", "problem"],
        ([str(p.where), p.model or "", p.stage or "", p.message] for p in error.problems),
    )
    return "\n\n".join([listed, *([error.rest] if error.more else [])])


@click.command(
    epilog="""\b
Examples:
  mlgitops promote power-forecasting-model Staging 3
  mlgitops promote power-forecasting-model Production none    (empty the stage)
"""
)
@click.argument("model")
@click.argument("stage")
@click.argument("version")
@file_option
def promote(model: str, stage: str, version: str, file: Path) -> None:
    """Put VERSION into a stage in models.yaml.

    Only the file changes; its comments and order stay. Check the change with `mlgitops plan`,
    commit it, and merge it to apply it.
    """
    number = version_of(version)
    part = edit.part_of(read(file), str(file), model)
    stage = stage_of(part.source.desired, stage)
    edited = edit.set_version(part, model, stage, number).whole
    if edited == part.whole:
        tell(f"{part.file}: {model} {stage} is already at {version}")
        return
    files.write_text(Path(part.file), edited)
    unpinned = edit.unpinned(part, model, stage)
    now = "empty" if number is None else f"at {number}"
    tell(f"{part.file}: {model} {stage} is now {now}{unpinned}; run `mlgitops plan`")


@click.command(
    "add-version",
    epilog="""\b
Examples:
  mlgitops add-version power-forecasting-model '{"estimator": "extra_trees"}' --stage Staging
""",
)
@click.argument("model")
@click.argument("params")
@click.option("--stage", help="Also put the version into this stage.")
@file_option
def add_version(model: str, params: str, stage: str | None, file: Path) -> None:
    """Add a recipe to models.yaml.

    PARAMS is a JSON object. The recipe gets the next version number and uses the training module of
    MODEL's last recipe. To create the version, run `mlgitops train`.
    """
    try:
        parsed = json.loads(params, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"PARAMS is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise UsageError('PARAMS must be a JSON object, such as {"estimator": "linear"}')
    part = edit.part_of(read(file), str(file), model)
    edited, number = edit.add_recipe(part, model, parsed)
    where = ""
    if stage:
        stage = stage_of(part.source.desired, stage)
        edited = edit.set_version(edited, model, stage, number)
        where = f", and put it into {stage}{edit.unpinned(part, model, stage)}"
    files.write_text(Path(part.file), edited.whole)
    tell(f"{part.file}: added version {number} of {model}{where}; run `mlgitops train`")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def version_of(text: str) -> int | None:
    """The version that somebody typed; None for `none`, which empties a stage.

    Raises:
        UsageError: it is neither.
    """
    if text.lower() in ("none", "null"):
        return None
    number = whole_number(text)
    if number is None or not 1 <= number <= schema.MAX_VERSION:
        raise UsageError(f"{text!r} is not a version; pass a whole number from 1, or none")
    return number


@click.command(
    name="schema",
    epilog="""\b
Examples:
  mlgitops schema > models.schema.json
  mlgitops schema --check models.schema.json
  mlgitops schema --kind included > included.schema.json
  mlgitops schema --kind report > report.schema.json
""",
)
@click.option(
    "--kind",
    type=click.Choice(["models", "included", "report"]),
    default="models",
    show_default=True,
    help="The schema of models.yaml, of files it includes, or of what --format json prints.",
)
@click.option(
    "--write", type=click.Path(path_type=Path), help="Write the schema to this file instead."
)
@click.option("--check", type=click.Path(path_type=Path), help="Fail if this file is out of date.")
def schema_command(kind: str, write: Path | None, check: Path | None) -> None:
    """Print the JSON Schema of models.yaml, included files or reports."""
    text = json.dumps(_schema(kind), indent=2) + "\n"
    if write is not None:
        files.write_text(write, text)
    elif check is None:
        click.echo(text, nl=False)
    elif not check.exists() or check.read_text(encoding="utf-8") != text:
        command = f"mlgitops schema --kind {kind} --write {check}"
        raise OutOfDateError(f"{check} is out of date; run `{command}`")


def _schema(kind: str) -> dict[str, Any]:
    if kind == "models":
        return schema.json_schema()
    if kind == "included":
        return schema.included_json_schema()
    from mlgitops.report.schema import published

    return published.json_schema()
