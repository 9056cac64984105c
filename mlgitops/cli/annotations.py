"""Errors on the lines of a pull request, by GitHub's workflow commands.

docs.github.com, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops import words
from mlgitops.system import secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlgitops.errors import Problem

_MOST = 10  # GitHub shows that many errors of a step


def commands(failure: str, problems: Sequence[Problem]) -> Iterator[str]:
    """The workflow commands that show an error.

    Args:
        failure: the whole error, line by line.
        problems: what it consists of, as far as that is known: each is shown at its line. Where
            there are more than GitHub shows, one annotation has all.
    """
    placed = [problem for problem in problems if problem.where]
    shown = placed if len(placed) <= _MOST else placed[: _MOST - 1]
    for problem in shown:
        assert problem.where is not None
        line, column = problem.where.line, problem.where.column
        place = f"file={_property(_path(problem.where.file))},line={line},col={column}"
        yield f"::error {place},title=mlgitops::{_escaped(problem.told)}"
    if len(shown) < len(problems) or not problems:
        yield f"::error title=mlgitops::{_escaped(failure)}"


def _path(file: str) -> str:
    """A path as GitHub knows the file: from the top of the checkout."""
    top = Path(os.environ.get("GITHUB_WORKSPACE", "")).resolve()
    path = Path(file).parent.resolve() / Path(file).name  # a link stays where it is
    return path.relative_to(top).as_posix() if path.is_relative_to(top) else file


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _escaped(text: str) -> str:
    lines = [words.plain(line) for line in secrets.hidden(text).splitlines()]
    return "%0A".join(line.replace("%", "%25") for line in lines)
