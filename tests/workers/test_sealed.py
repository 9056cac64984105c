"""What is sealed for a worker, that worker alone can read."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag

from mlgitops.workers.sealed import Reader, seal


def test_only_the_one_it_is_for_can_open_it() -> None:
    """Nor does it hold what was sealed in clear, nor open when it was changed."""
    one, other = Reader(), Reader()
    sealed = seal(b"open sesame", one.public)
    assert one.opened(sealed) == b"open sesame"
    assert b"sesame" not in sealed
    assert seal(b"open sesame", one.public) != sealed
    with pytest.raises(InvalidTag):
        other.opened(sealed)
    with pytest.raises(InvalidTag):
        one.opened(sealed[:-1] + bytes([sealed[-1] ^ 1]))
