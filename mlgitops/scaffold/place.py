"""Files that are to lie in a repository, beside those that lie there."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors import ScaffoldError
from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_IGNORED = ".gitignore"
_MAX_BYTES = 2**24


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A file to be written.

    Attributes:
        name: its path in the repository.
        text: what it is to hold.
        there: what it holds; None where there is no such file.
    """

    name: str
    text: str
    there: str | None

    @property
    def differs(self) -> bool:
        """Whether somebody else's file of this name would be lost."""
        return self.there is not None and self.there != self.text

    def difference(self) -> Iterator[str]:
        """What writing it changes, in lines of a unified diff."""
        old, new = (self.there or "").splitlines(), self.text.splitlines()
        yield from difflib.unified_diff(old, new, f"{self.name} (now)", self.name, lineterm="")


def look(folder: Path, texts: Mapping[str, str]) -> tuple[Placed, ...]:
    """What lies where files are to be written; nothing is.

    Raises:
        ScaffoldError: one of them can never be written there.
    """
    return tuple(_looked(folder, name, text) for name, text in texts.items())


def write(folder: Path, name: str, text: str) -> None:
    """Write a file of a repository, and the folders above it.

    Raises:
        FileWriteError: it cannot be written; the old file is as it was.
    """
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, text)


def _looked(folder: Path, name: str, text: str) -> Placed:
    path = folder / name
    above = next(one for one in path.absolute().parents if one.exists() or one.is_symlink())
    if not above.is_dir():
        raise ScaffoldError(f"cannot write {path}: {above} is no folder; move it away")
    if not os.access(above, os.W_OK | os.X_OK):
        raise ScaffoldError(f"cannot write {path}: you may not write to the folder {above}")
    if not path.exists() and not path.is_symlink():
        return Placed(name=name, text=text, there=None)
    if not path.is_file():
        raise ScaffoldError(f"cannot write {path}: it is no file; move it away")
    try:
        there = files.read_text(path, limit=_MAX_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ScaffoldError(f"cannot read {path}: {why}; move it away") from error
    return Placed(name=name, text=_added(there, text) if name == _IGNORED else text, there=there)


def _added(there: str, text: str) -> str:
    """The lines of a .gitignore, with those of ours that it lacks."""
    have = there.splitlines()
    return "\n".join([*have, *(line for line in text.splitlines() if line not in have)]) + "\n"
