"""The verbs by which a job decides what there is to do, and reads a pull request as data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mlgitops.cli.job import connect, export
from mlgitops.cli.options import file_option, tell, warn
from mlgitops.errors import GitError
from mlgitops.system import files

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@file_option
def changes(file: Path) -> None:
    """Tell the next steps whether the event concerns models.

    Compares the commit that is checked out with the base of the pull request, merge group or push.
    Sets the step's outputs `models` (the file, or modules that it names), `code` (those modules, or
    which of them the file names) and `other` (anything but the file) to true or false. What cannot
    be told is true.
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
    """Read models.yaml of the run's commit, and nothing else of it.

    Overwrites FILE of this checkout, which is of the base branch: what the pull request proposes is
    data, and its code does not run. Reads FILE through GitHub's API.
    """
    context, api = connect()
    files.write_text(file, api.text_of(file.as_posix(), context.sha))
    tell(f"{file} is as proposed in {context.sha[:12]}")
