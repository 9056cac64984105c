"""docs/threat-model.md: every row is held by tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
THREATS = TEXT.partition("## What could happen")[2].partition("## GitHub editions and plans")[0]


def rows() -> Iterator[tuple[str, str, str]]:
    """Each threat, its protection and what holds it."""
    for line in THREATS.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0] != "threat" and set(cells[0]) != {"-"}:
            threat, protection, _, held = cells
            yield threat, protection, held


def test_every_threat_is_held_by_a_test() -> None:
    """Only what is not protected against has none."""
    found = list(rows())
    assert len(found) > 30
    for threat, protection, held in found:
        assert bool(held) != protection.startswith("none"), threat


@pytest.mark.parametrize(
    "named", sorted({n for *_, held in rows() for n in held.split("<br>") if n})
)
def test_a_test_that_is_named_exists(named: str) -> None:
    """A test that was renamed or removed holds nothing."""
    path, _, name = named.strip("`").partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert (name or next(test for test in tests if test.startswith("test_"))) in tests
