"""Each format of a plan with two changes and all evidence, and of a comparison, to the letter."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from mlgitops.report import comparison, document, markdown, text
from tests.report import made

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FOLDER = Path(__file__).parent / "snapshots"
REWRITE = "MLGITOPS_SNAPSHOTS"


def printed(show: Callable[[Console], None]) -> str:
    """What a pipe of 120 columns gets."""
    stream = io.StringIO()
    show(Console(file=stream, width=120, no_color=True, highlight=False))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def dumped(found: Mapping[str, object]) -> str:
    """JSON as the command line prints it."""
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


PLAN = made.two_changes()
BESIDE = comparison.report(made.REGRESSION)
SHOWN: dict[str, Callable[[], str]] = {
    "plan.txt": lambda: printed(lambda console: text.plan(PLAN, console)),
    "plan.md": lambda: markdown.plan(PLAN),
    "plan.json": lambda: dumped(document.plan(PLAN)),
    "compare.txt": lambda: printed(lambda console: text.report(BESIDE, console)),
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
