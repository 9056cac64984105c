"""A GitHub for each test, on a real port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.github import fake

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def hub() -> Iterator[fake.GitHub]:
    """An empty repository."""
    with fake.running() as made:
        yield made
    assert made.unknown == []
