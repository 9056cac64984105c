"""`include` in models.yaml: which files its patterns name, in the work tree or among git's paths.

A pattern is a path from the folder of models.yaml in which `*` and `?` stand for what has no slash,
and `**` for folders of any depth, as in git's own patterns. No name that begins with a dot matches.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from mlgitops.file.reader import KeyPath

INCLUDE = "include"
_MAGIC = re.compile(r"[*?]")
_ODD = re.compile(r"[\[\]{}\\\x00-\x1f]")
_OF_GIT = re.compile(r"[*?\[\\]")
_ALIVE = "move what it leads to here, since git keeps only the name that a link leads to"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern, and where models.yaml has it."""

    at: KeyPath
    text: str

    @property
    def trouble(self) -> str | None:
        """Why it cannot name files; None if it can."""
        parts = PurePosixPath(self.text).parts
        if not parts or _ODD.search(self.text):
            return "must be a path such as models/*.yaml, with *, ? and ** alone"
        if PurePosixPath(self.text).is_absolute() or ".." in parts or "://" in self.text:
            return (
                f"{self.text!r} leads out of the folder of models.yaml; move the files into it, "
                "and write a path such as models/*.yaml"
            )
        if any(part.startswith(".") for part in parts):
            return f"{self.text!r} names what begins with a dot; choose another name"
        if any("**" in part and part != "**" for part in parts):
            return f"{self.text!r}: ** must stand alone between slashes, as in models/**/*.yaml"
        if parts.count("**") > 1:  # with more, one path can match in exponentially many ways
            return f"{self.text!r} has ** more than once; write one pattern for each folder"
        if not parts[-1].endswith((".yaml", ".yml")):
            return f"{self.text!r} must end in .yaml or .yml, as in models/*.yaml"
        return None

    @property
    def parts(self) -> tuple[str, ...]:
        """Its names of folders, and of the file."""
        return PurePosixPath(self.text).parts

    @property
    def folder(self) -> str:
        """The folder that has all its files, from that of models.yaml; empty if it is that one."""
        fixed = []
        for part in self.parts[:-1]:
            if _MAGIC.search(part):
                break
            fixed.append(part)
        return "/".join(fixed)


def patterns(data: Any) -> list[Pattern]:
    """The patterns of a models.yaml, as far as they are texts."""
    said = data.get(INCLUDE) if isinstance(data, dict) else None
    if isinstance(said, str):
        return [Pattern((INCLUDE,), said)]
    listed = said if isinstance(said, list) else []
    return [Pattern((INCLUDE, i), one) for i, one in enumerate(listed) if isinstance(one, str)]


def usable(found: Iterable[Pattern]) -> list[Pattern]:
    """Those that can name files."""
    return [one for one in found if one.trouble is None]


def matching(found: Sequence[Pattern], paths: Iterable[str]) -> list[str]:
    """The paths that patterns name, in order."""
    if not found:
        return []
    one = _compiled(tuple(pattern.text for pattern in found))
    return sorted(path for path in paths if one.fullmatch(path))


@cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(_expression(PurePosixPath(one).parts) for one in patterns))


def _expression(parts: tuple[str, ...]) -> str:
    made = [r"(?:(?!\.)[^/]+/)*" if part == "**" else f"{_of_name(part)}/" for part in parts[:-1]]
    return "".join([*made, _of_name(parts[-1])])


def _of_name(part: str) -> str:
    said = "".join({"*": "[^/]*", "?": "[^/]"}.get(c, re.escape(c)) for c in part)
    return f"(?!\\.){said}" if part[0] in "*?" else said


def specs(folder: str, found: Iterable[Pattern]) -> list[str]:
    """Git's pathspecs for patterns of a models.yaml in a folder, from the top of the work tree."""
    before = _OF_GIT.sub(r"\\\g<0>", folder)
    return [f":(top,glob){before}{'/'.join(one.parts)}" for one in found]


def listed(base: Path, found: Sequence[Pattern]) -> tuple[list[str], list[tuple[KeyPath, str]]]:
    """The files that patterns name in the work tree, and what is wrong with patterns.

    Args:
        base: the folder of models.yaml.
        found: its patterns.

    Returns:
        Paths from there, sorted, each once; and where and why a pattern is an error.
    """
    paths: set[str] = set()
    wrong: list[tuple[KeyPath, str]] = []
    for one in found:
        if one.trouble is not None:
            wrong.append((one.at, one.trouble))
            continue
        links: list[str] = []
        named = matching([one], _walked(base, one, links))
        wrong += [(one.at, _link(base, link)) for link in sorted(links)]
        if not named and not links:
            wrong.append((one.at, nothing(one)))
        paths.update(named)
    return sorted(paths), wrong


def nothing(pattern: Pattern) -> str:
    """What is said of a pattern that names no file."""
    return (
        f"{pattern.text!r} matches no file; add one (paths start from the folder of models.yaml), "
        "or remove the pattern"
    )


def _walked(base: Path, pattern: Pattern, links: list[str]) -> Iterator[str]:
    """The files below the folder of a pattern, as deep as it reaches; links are told apart."""
    folder = pattern.folder
    for above in [*reversed(PurePosixPath(folder).parents), PurePosixPath(folder)]:
        if str(above) != "." and (base / above).is_symlink():
            links.append(str(above))
            return
    deep = len(pattern.parts) - 1 if "**" not in pattern.parts else 1000
    todo = [folder]
    while todo:
        place = todo.pop()
        depth = place.count("/") + 1 if place else 0
        for entry in _entries(base / place):
            path = f"{place}/{entry.name}" if place else entry.name
            if entry.is_symlink():
                if entry.is_dir() if depth < deep else matching([pattern], [path]):
                    links.append(path)
            elif not entry.is_dir(follow_symlinks=False):
                yield path
            elif depth < deep and not entry.name.startswith("."):
                todo.append(path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _link(base: Path, path: str) -> str:
    leads = (base / path).resolve()
    out = "" if leads.is_relative_to(base.resolve()) else " out of the folder of models.yaml"
    return f"{path} is a link that leads{out} to {leads}; {_ALIVE}"
