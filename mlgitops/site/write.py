"""A site as files of a folder: what did not change stays as it is, what is no more goes."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mlgitops.errors import FileWriteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LIST = ".mlgitops-site"  # the files of the last time; a folder without it is somebody else's
_FOOTER = b"<footer>"


def write(folder: Path, found: Iterable[tuple[str, str]]) -> tuple[int, int]:
    """Write the files of a site.

    Args:
        folder: where; made if it is missing.
        found: each path, relative to the folder, and its text.

    Returns:
        How many files there are, and how many of them were written.

    Raises:
        UsageError: the folder holds something that is no site.
        FileWriteError: a file cannot be written.
    """
    before = _before(folder)
    now: set[str] = set()
    written = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _note(folder, before)  # a build that is cut off leaves a site, which the next one may write
        try:
            for name, text in found:
                now.add(name)
                written += _written(folder / name, text.encode())
        except BaseException:
            _note(folder, before | now)
            raise
        for name in before - now:
            (folder / name).unlink(missing_ok=True)
        _note(folder, now)
    except OSError as error:
        raise FileWriteError(f"{error.filename or folder}: {error.strerror}") from error
    return len(now), written


def _note(folder: Path, names: Iterable[str]) -> None:
    (folder / LIST).write_text("\n".join(sorted(names)) + "\n", encoding="utf-8")


def _before(folder: Path) -> set[str]:
    """The files of the site that is there; none where the folder is missing or empty."""
    try:
        names = (folder / LIST).read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(
                f"{folder} holds other files than a site; pass an empty or a new folder"
            ) from None
        return set()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{folder / LIST} cannot be read: {error}") from error
    paths = (PurePosixPath(name) for name in names if name)
    # a list that somebody else wrote removes nothing outside the folder
    return {str(path) for path in paths if not path.is_absolute() and ".." not in path.parts}


def _told(text: bytes) -> bytes:
    """A page without its footer, which only says when and from where it was read."""
    return text.partition(_FOOTER)[0]


def _written(path: Path, text: bytes) -> bool:
    """Whether it was written, because it was not so already."""
    try:
        if _told(path.read_bytes()) == _told(text):
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return True
