"""A site in a folder: what a build that fails in the middle leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.site.write import LIST, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_after_a_build_that_failed_the_next_one_goes_on(tmp_path: Path) -> None:
    """The folder is still that of a site, and its pages that are gone by then are removed."""
    site = tmp_path / "public"

    def failing() -> Iterator[tuple[str, str]]:
        yield "index.html", "first"
        yield "models/gone.html", "gone"
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        write(site, failing())
    assert (site / "models" / "gone.html").exists()
    assert write(site, [("index.html", "first")]) == (1, 0)
    assert sorted(path.name for path in site.rglob("*") if path.is_file()) == [LIST, "index.html"]


def test_a_build_that_was_killed_leaves_a_site(tmp_path: Path) -> None:
    """The list is there before the first page, so that the folder is known again."""

    def looking() -> Iterator[tuple[str, str]]:
        assert (tmp_path / LIST).exists()
        yield "index.html", "first"

    assert write(tmp_path, looking()) == (1, 1)
