"""A few hundred inputs a target, always the same; `nox -s fuzz` tries thousands of new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fuzz.run import made, tried
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("target", [*TARGETS])
def test_no_input_is_a_traceback(target: str, tmp_path: Path) -> None:
    """Whatever stands in what others write, reading it ends soon, and with an error at most."""
    found = tried(target, {number: made(target, 0, number) for number in range(200)}, tmp_path)
    assert [one.why for one in found] == []
