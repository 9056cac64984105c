"""The verb that lists versions that nothing needs."""

from __future__ import annotations

from pathlib import Path

import click

from mlgitops.cli.options import (
    Target,
    file_option,
    format_option,
    models_argument,
    registry_options,
    show_report,
    warn,
)
from mlgitops.cli.progress import progress
from mlgitops.file.load import load


@click.command(
    epilog="""\b
Examples:
  mlgitops unused
  mlgitops unused 'churn-*' --format json | jq -r '.versions[] | "\\(.model) \\(.number)"'
\b
To delete a version, with MLflow's client:
  python -c 'import mlflow; mlflow.MlflowClient().delete_model_version("NAME", "2")'
"""
)
@models_argument
@file_option
@registry_options
@format_option
def unused(models: tuple[str, ...], file: Path, target: Target, form: str) -> None:
    """List the versions that nothing needs.

    Lists those of MODELS, by name or pattern, or of all models in models.yaml, that are in no stage
    and under no alias, whoever set it; that no rollback returns to; and that models.yaml names
    neither in a stage nor as a recipe. Deletes nothing.
    """
    from mlgitops.core.unused import unused as find
    from mlgitops.history.way_back import declared_versions, returned_to
    from mlgitops.proposal.propose import read
    from mlgitops.report import document, tables

    desired = load(file)
    with progress() as say:
        say("reading the registry")
        reader = target.connect()
        desired, held = read(desired, reader, models)
        say("reading versions")
        names = [one.name for one in desired.models.values() if not one.prompt]
        versions = reader.all_versions([name for name in names if name in held.models])
        declared = declared_versions(Path(desired.file))
    if not declared:
        warn("without git's history, every version that was in a stage before counts as needed")
    found = find(desired, held, versions, returned_to(desired, held, declared))
    show_report(form, tables.unused(found), lambda: document.unused(found))
