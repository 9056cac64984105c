"""What tests of gates share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _unimported() -> Iterator[None]:
    """A team's modules of one test are not those of another."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("wind_", "checks")):
            del sys.modules[name]
