"""The verbs by which a job decides what there is to do, and reads a pull request as data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mlgitops.cli.job import connect, export
from mlgitops.cli.options import file_option, tell, warn
from mlgitops.errors import GitError

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@file_option
def changes(file: Path) -> None:
    """Tell the next steps whether the event concerns models.

    Compares the commit that is checked out with the base of the pull request, merge group or push.
    Sets the step's outputs `models` (the file with what it includes, or modules and held-out rows
    that it names), `code` (those modules and rows, or which modules it names) and `other` (anything
    but the file) to true or false. What cannot be told is true.
    """
    from mlgitops.github import changes as changed
    from mlgitops.github import context

    try:
        found = changed.found(context.read(), file)
    except GitError as error:
        warn(f"cannot tell what changed, so everything counts: {error}")
        found = changed.Changes()
    said = {"models": found.declared or found.code, **asdict(found)}
    del said["declared"]
    export("GITHUB_OUTPUT", **{name: str(value).lower() for name, value in said.items()})
    for name, value in said.items():
        tell(f"{name}: {'changed' if value else 'not changed'}")


@click.command()
@file_option
def proposed(file: Path) -> None:
    """Read models.yaml as the run's commit has it.

    Overwrites FILE of this checkout and what it includes, which are of the base branch. Nothing
    else is read of that commit: what the pull request proposes is data, and its code does not run.
    Reads through GitHub's API.
    Refuses to overwrite a file that the base branch has and does not include.
    """
    from mlgitops.github.proposed_files import overwrite

    context, api = connect()
    overwrite(file, api.declared(file.as_posix(), context.sha))
    tell(f"{file} is as proposed in {context.sha[:12]}")
