"""The verbs that start something: a file from a registry, a registry from a file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops.cli.options import (
    Target,
    file_option,
    format_option,
    registry_options,
    show_report,
    tell,
    warn,
)
from mlgitops.cli.progress import progress
from mlgitops.errors import DesiredStateError, DesiredVersionError, NotEmptyError
from mlgitops.file import texts
from mlgitops.file.load import load, loads, of_revision
from mlgitops.history.revisions import texts_at
from mlgitops.system import files
from mlgitops.words import listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.desired import Desired
    from mlgitops.file.importing import Imported


@click.command(
    "import",
    epilog="""\b
Examples:
  MLFLOW_TRACKING_URI=https://mlflow.example.org mlgitops import
  mlgitops import --output models.yaml --force
""",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("models.yaml"),
    show_default=True,
    help="The file to write.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@registry_options
def import_command(output: Path, force: bool, target: Target) -> None:
    """Write models.yaml from an existing registry.

    Only reads the registry. The first plan afterwards is empty. Lists on standard error what the
    file cannot express.
    """
    if output.exists() and not force:
        raise NotEmptyError(
            f"{output} already exists; pass another --output, or overwrite it with --force"
        )
    with progress() as say:
        made = import_from(target, say)
    loads(made.text, str(output))
    unread = _included(output)
    files.write_text(output, made.text)
    tell_imported(made, output)
    if unread:
        it = "it" if len(unread) == 1 else "them"
        tell(f"{output} no longer includes {listed(unread)}; remove {it}", err=True)
    tell(f"wrote {output}; `mlgitops plan` shows no changes")


def _included(file: Path) -> list[str]:
    """The files that a models.yaml includes, as far as it can be read."""
    try:
        return [one.name for one in texts.read(file).included] if file.exists() else []
    except DesiredStateError:
        return []


def import_from(target: Target, say: Callable[[str], None]) -> Imported:
    """The models.yaml of a registry as it is.

    Raises:
        RegistryError: it cannot be read.
    """
    from mlgitops.file.importing import imported

    say("reading the registry")
    return imported(target.connect().held(prompts=True))


def tell_imported(made: Imported, output: Path) -> None:
    """What the file does not say of the registry."""
    for line in made.left_out:
        tell(f"left out: {line}", err=True)
    if not made.declared.production:
        tell(
            f"{output} declares no stage as production; guards watch those that are declared as "
            "{name: NAME, production: true}",
            err=True,
        )


@click.command(
    epilog="""\b
Examples:
  mlgitops rebuild
  mlgitops rebuild --revision origin/main    use the file of the main branch
  mlgitops rebuild --revision origin/main --planned && mlgitops plan
"""
)
@click.option("--revision", metavar="REV", help="Read models.yaml from this commit.")
@click.option(
    "--planned",
    is_flag=True,
    help="Train only the versions that leave or enter a stage from there to FILE.",
)
@click.option("--data", metavar="PATH_OR_URL", help="The data for recipes that read a file.")
@file_option
@registry_options
@format_option
def rebuild(
    revision: str | None,
    planned: bool,
    data: str | None,
    file: Path,
    target: Target,
    form: str,
) -> None:
    """Fill an empty registry from models.yaml.

    Trains every recipe, then fills every stage. Gates and guards do not block it, because the file
    met them when it was merged. With --planned, a version that no plan of FILE compares gets its
    number and no model.
    """
    from mlgitops.audit import keeping
    from mlgitops.cli.reconcile import check_outcomes
    from mlgitops.core.apply import execute
    from mlgitops.core.guards import Terms
    from mlgitops.core.turn import Watch
    from mlgitops.history import author
    from mlgitops.proposal.propose import propose
    from mlgitops.recipes import rebuild as rebuilding
    from mlgitops.recipes.train import train
    from mlgitops.report import document, tables

    desired = _desired(file, revision)
    if desired is None:
        tell(f"{revision} has no {file}; nothing to rebuild")
        return
    desired, prompts = rebuilding.without_prompts(desired)
    if prompts:
        tell(f"left out, because prompts have no recipes: {', '.join(prompts)}", err=True)
    needed = rebuilding.planned(desired, load(file)) if planned else None
    by = author.find(file, commit=None, actor=None, pull_request=None)
    with progress() as say:
        client = target.connect()
        rebuilding.require_rebuildable(desired, client.held(desired.models))
        prepare = target.prepare_experiment
        train(desired, client, data=data, needed=needed, prepare=prepare, progress=say).check()
        unjudged = rebuilding.unjudged(desired, needed)
        proposal = propose(unjudged, client, Terms(now=datetime.now(UTC)), say)
        if proposal.problems:
            raise DesiredVersionError(proposal.problems)
        record = keeping.begin(proposal, client, lambda _: by, warn, prepare=prepare)
        done = execute(
            proposal.plan,
            client,
            lambda _: by,
            lambda: datetime.now(UTC),
            Watch(progress=say),
            record=record.run_id,
        )
    recorded = record.close(done)
    report = tables.outcomes(proposal, done, recorded)
    show_report(form, report, lambda: document.outcomes(proposal, done, recorded))
    check_outcomes(done)


def _desired(file: Path, revision: str | None) -> Desired | None:
    if revision is None:
        return load(file)
    found = texts_at(file, revision)
    return None if found is None else of_revision(found, file, revision)
