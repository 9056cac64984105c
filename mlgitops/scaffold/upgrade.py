"""A repository's files, made from older templates → made from those of this version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from mlgitops import __version__
from mlgitops.errors import GitError, ScaffoldError
from mlgitops.scaffold import kept, lock, merge, place, render
from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlgitops.scaffold.kept import Kept
    from mlgitops.scaffold.merge import Change

_MAX_BYTES = 2**24
_LOCKED = re.compile(r"^mlgitops(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Upgrade:
    """What is to be done in a repository.

    Attributes:
        before: what it keeps of how it was made.
        after: what it is to keep.
        changes: in its files.
    """

    before: Kept
    after: Kept
    changes: tuple[Change, ...]

    @property
    def needed(self) -> bool:
        """Whether anything was made from other templates."""
        return self.before.files != self.after.files

    @property
    def written(self) -> list[Change]:
        """What changes in the repository."""
        return [change for change in self.changes if change.written]

    @property
    def conflicts(self) -> list[str]:
        """The files in which people have to decide."""
        return [one.path for one in self.changes if one.fate is merge.Fate.CONFLICT]


def plan(folder: Path) -> Upgrade | None:
    """What is to be done; None in a repository that `mlgitops init` did not make.

    Raises:
        ScaffoldError: a newer mlgitops made it, or a file cannot be read.
        GitError: git cannot merge.
    """
    before = kept.read(folder)
    if before is None:
        return None
    if newer := _newer(before.version):
        raise ScaffoldError(newer)
    rendered = render.team(before.answers)
    new = {path: text for path, text in rendered.items() if render.is_maintained(path)}
    labels = ("yours", f"mlgitops {before.version}", f"mlgitops {__version__}")
    ours = _present(folder, {**before.files, **new})
    changes = tuple(merge.changes(before.files, ours, new, labels))
    own = {change.path for change in changes if change.fate is merge.Fate.KEPT}
    made = {path: text for path, text in new.items() if path not in own}
    after = kept.Kept(version=__version__, answers=before.answers, files=made)
    return Upgrade(before=before, after=after, changes=changes)


def outdated(folder: Path) -> str | None:
    """What to say where the files of a repository come from other templates."""
    try:
        upgrade = plan(folder)
    except (ScaffoldError, GitError) as error:
        return str(error)
    if upgrade is None or not upgrade.needed:
        return None
    return (
        f"the workflows are those of mlgitops {upgrade.before.version}, and this is {__version__}; "
        "run `mlgitops upgrade`"
    )


def write(folder: Path, upgrade: Upgrade) -> None:
    """Change the files of a repository, and what it keeps of how they were made.

    Raises:
        FileWriteError: a file cannot be written; those before it are, and to try again is safe.
    """
    for change in upgrade.written:
        if change.text is None:
            (folder / change.path).unlink(missing_ok=True)
        else:
            place.write(folder, change.path, change.text)
    kept.write(folder, upgrade.after)


def other_engine(folder: Path) -> str | None:
    """The version that the lock of a repository names, where it is not this one."""
    try:
        text = files.read_text(folder / lock.LOCK, limit=_MAX_BYTES)
    except (OSError, UnicodeDecodeError):
        return None
    found = _LOCKED.search(text)
    return None if found is None or found[1] == __version__ else found[1]


def _newer(made_by: str) -> str | None:
    """What to say if a newer version made the files."""
    try:
        newer = Version(made_by) > Version(__version__)
    except InvalidVersion:
        return f"{kept.FOLDER}/answers.yaml: {made_by!r} is no version; take the file back from git"
    if not newer:
        return None
    return (
        f"this repository was made by mlgitops {made_by}, and this is {__version__}; "
        f"install mlgitops {made_by} or later"
    )


def _present(folder: Path, paths: Mapping[str, str]) -> dict[str, str]:
    """Those files that are there.

    Raises:
        ScaffoldError: one cannot be read, or is not in the repository, whoever wrote its name.
    """
    found, top = {}, folder.resolve()
    for path in paths:
        if not (folder / path).resolve().is_relative_to(top):
            raise ScaffoldError(f"{path} leads out of {top}; put a file in its place, or remove it")
        try:
            found[path] = files.read_text(folder / path, limit=_MAX_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ScaffoldError(f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ScaffoldError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    return found
