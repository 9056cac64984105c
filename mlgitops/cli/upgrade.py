"""The verb that brings a team's repository to what the installed version makes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops import __version__
from mlgitops.cli.options import optional_file_option, tell, warn
from mlgitops.errors import MergeConflictError, OutOfDateError, UncommittedError
from mlgitops.file.load import source
from mlgitops.file.migrate import NEWEST, migrated
from mlgitops.file.texts import read
from mlgitops.system import files, git
from mlgitops.words import count, listed

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(
    epilog="""\b
Examples:
  mlgitops upgrade
  mlgitops upgrade --check     write nothing; fail if there is something to upgrade
"""
)
@click.option("--check", is_flag=True, help="Write nothing; fail if there is something to upgrade.")
@click.option("--force", is_flag=True, help="Also change files with uncommitted changes.")
@optional_file_option
def upgrade(file: Path | None, check: bool, force: bool) -> None:
    """Bring a repository to this version's templates and form.

    Merges what changed in the templates since mlgitops init, or the last upgrade, into the files
    beside models.yaml. Keeps what you changed, leaves out what you deleted, and marks conflicts as
    git does. Brings models.yaml to the newest form; its comments and layout stay. Upgrade mlgitops
    itself first, with the lock of your repository.
    """
    from mlgitops.scaffold import kept, lock
    from mlgitops.scaffold import upgrade as scaffold

    folder = file.parent if file else Path()
    planned = scaffold.plan(folder)
    declared = source(read(file), str(file)) if file else None
    text = migrated(declared) if declared else None
    moves = declared is not None and text != declared.text
    needed = planned is not None and planned.needed
    if not moves and not needed:
        what = "" if planned else "; `mlgitops init` did not make the other files here"
        tell(f"nothing to upgrade to mlgitops {__version__}{what}")
        return
    for change in planned.changes if planned else ():
        tell(f"{change.fate:<9} {change.path}{_WHY.get(change.fate, '')}")
    if moves and declared:
        tell(f"{'updated':<9} {file} (form {declared.desired.version} → {NEWEST})")
    if check:
        raise OutOfDateError(f"there is something to upgrade to mlgitops {__version__}")
    paths = [change.path for change in planned.written] if planned else []
    ours = [*paths, kept.FOLDER] if needed else []
    _require_committed(folder, [*ours, *([file.name] if moves and file else [])], force=force)
    if planned and needed:
        scaffold.write(folder, planned)
    if file and text and moves:
        files.write_text(file, text)
    if conflicts := planned.conflicts if planned else []:
        raise MergeConflictError(
            f"{count(len(conflicts), 'file')} with conflicts: {listed(conflicts, most=50)}; "
            "resolve them, remove the markers, and commit"
        )
    tell(f"upgraded to mlgitops {__version__}; look at `git diff`, and commit")
    if other := scaffold.other_engine(folder) if needed else None:
        warn(f"{lock.LOCK} has mlgitops {other}, and the workflows are those of {__version__} now")


_WHY = {
    "merged": " (with your changes)",
    "left out": " (you deleted it)",
    "kept": " (it is yours)",
}


def _require_committed(folder: Path, paths: Sequence[str], *, force: bool) -> None:
    """Nothing that git could not bring back is overwritten.

    Raises:
        UncommittedError: files have changes that are not committed, and nobody consented.
    """
    if force:
        return
    found = git.uncommitted(folder, paths)
    if found is None:
        raise UncommittedError(
            f"{folder.resolve()} is in no git repository, so nothing could be taken back; "
            "commit the files first, or pass --force"
        )
    if found:
        raise UncommittedError(
            f"{listed(found)}: not committed, and would be changed; commit first, or pass --force"
        )
