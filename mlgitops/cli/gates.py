"""The verbs about gates."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - click's callbacks are called with it

import click

from mlgitops.cli.evidence import cache_option, cached, environments_option, installing
from mlgitops.cli.options import Target, as_json, file_option, format_option, registry_options
from mlgitops.cli.progress import progress
from mlgitops.errors.applying import GateFailedError
from mlgitops.file.load import load
from mlgitops.file.stages import stage_of
from mlgitops.report.screen import screen


@click.group()
def gates() -> None:
    """Try the gates of models.yaml."""


@gates.command(
    "try",
    epilog="""\b
Examples:
  mlgitops gates try power-forecasting-model 3
  mlgitops gates try power-forecasting-model 3 --stage Production
  mlgitops gates try power-forecasting-model Staging --stage Production
""",
)
@click.argument("model")
@click.argument("version", metavar="STAGE|VERSION")
@click.option("--stage", help="Only try the gates of this stage.")
@file_option
@registry_options
@environments_option
@cache_option
@format_option
def try_command(
    model: str,
    version: str,
    stage: str | None,
    file: Path,
    target: Target,
    environments: bool,
    cache: bool | None,
    form: str,
) -> None:
    """Judge a version by the gates of its stages, without a plan.

    Compares it with what each stage holds now, or, where that is the version itself, with what the
    stage held before. Loads both versions if a gate needs it. Writes nothing, and asks nothing but
    the registry. Exits with 3 if a gate fails.
    """
    from mlgitops.proposal.trial import tried
    from mlgitops.registry.lookup import find_version
    from mlgitops.report import document, markdown, text, trial
    from mlgitops.review.environments import Environments

    desired = load(file)
    stages = [stage_of(desired, stage)] if stage else []
    client = target.connect()
    told = installing(wanted=environments, quick=False)
    own = Environments(say=told) if told else None
    store = cached(wanted=cache, quick=False)
    with progress() as say:
        number = find_version(client, model, version, desired.stages)[0].number
        found = tried(client, desired, model, number, stages, say, own, store)
    report = trial.report(model, number, found)
    if form == "json":
        click.echo(as_json(document.tried(model, number, found)))
    elif form == "markdown":
        click.echo(markdown.report(report), nl=False)
    else:
        text.report(report, screen())
    if report.failed:
        raise GateFailedError(f"{model} version {number}: {report.result}")
