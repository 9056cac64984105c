"""Python's search for cycles of objects, which costs most where there are most objects."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def no_search() -> Iterator[None]:
    """No search while many objects are made that stay, of which each new one starts a search."""
    searches = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searches:
            gc.enable()
