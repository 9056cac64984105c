"""What tests of recipes share."""

from __future__ import annotations

import sys
from itertools import count
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = count(1)


@pytest.fixture
def unique() -> Iterator[str]:
    """The name of a package that this process has not imported, and forgets afterwards."""
    name = f"company_{next(_NUMBERS)}"
    yield name
    for module in [one for one in sys.modules if one.partition(".")[0] == name]:
        del sys.modules[module]
