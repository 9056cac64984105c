"""A GitHub for each test, on a real port."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.github import fake

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def hub() -> Iterator[fake.GitHub]:
    """An empty repository."""
    made = fake.GitHub()
    with fake.server(made) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()
    assert made.unknown == []
