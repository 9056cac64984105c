"""Each format of a plan with two changes and all evidence, and of a comparison, to the letter."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlgitops.report import comparison, document, markdown, text
from mlgitops.report.parts import Part, Report
from mlgitops.report.screen import Pipe
from mlgitops.report.terminal import Terminal
from tests.report import made

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlgitops.report.screen import Screen

FOLDER = Path(__file__).parent / "snapshots"
REWRITE = "MLGITOPS_SNAPSHOTS"


def piped(show: Callable[[Screen], None]) -> str:
    """What a pipe gets."""
    stream = io.StringIO()
    show(Pipe(stream))
    return stream.getvalue()


def printed(show: Callable[[Screen], None]) -> str:
    """What a terminal shows that has no colours and is very wide."""
    stream = io.StringIO()
    show(Terminal(stream, width=1000))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def dumped(found: Mapping[str, object]) -> str:
    """JSON as the command line prints it."""
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


PLAN = made.two_changes()
BESIDE = comparison.report(made.REGRESSION)
FAILED = Report(
    title="wide 測試 é",
    warnings=["one\x1b[31m"],
    parts=[
        Part(title="table", words="words", header=("a", "b"), rows=[["測試", "1"], ["e\u0301", ""]])
    ],
    result="failed",
    failed=True,
)
SHOWN: dict[str, Callable[[], str]] = {
    "plan.txt": lambda: piped(lambda screen: text.plan(PLAN, screen)),
    "plan.md": lambda: markdown.plan(PLAN),
    "plan.json": lambda: dumped(document.plan(PLAN)),
    "compare.txt": lambda: piped(lambda screen: text.report(BESIDE, screen)),
    "compare.md": lambda: markdown.report(BESIDE),
    "compare.json": lambda: dumped(document.comparison(made.REGRESSION)),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_report_is_as_it_was(name: str) -> None:
    """Nothing of a report changes unless somebody looked at it."""
    found, path = SHOWN[name](), FOLDER / name
    if os.environ.get(REWRITE):
        path.write_text(found, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == found, (
        f"{path.name} is no longer what is shown; if it should be, write it anew with "
        f"`{REWRITE}=1 nox -s tests -- {Path(__file__).parent}` and look at the difference"
    )


@pytest.mark.parametrize(
    "show",
    [
        lambda screen: text.plan(PLAN, screen),
        lambda screen: text.report(BESIDE, screen),
        lambda screen: text.report(FAILED, screen),
    ],
)
def test_a_terminal_shows_the_same_as_a_pipe(show: Callable[[Screen], None]) -> None:
    """In colour, and folded where it is too narrow; here it is neither."""
    assert printed(show) == piped(show)
