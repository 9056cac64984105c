"""The processes that another one has started; Linux tells of them in /proc."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def children(process: int) -> list[int]:
    """The ids of those that it has started and that still live; none if it is gone itself."""
    found: list[int] = []
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(FileNotFoundError):
            found += map(int, listed.read_text().split())
    return found
