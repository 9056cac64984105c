"""A record is cut into parameters that MLflow takes, and read back as it was."""

from __future__ import annotations

import json
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core.record import RESULTS, Result, Results, params, text

REASONS = st.lists(st.text(max_size=9000), max_size=5)


@given(REASONS, st.text(max_size=20))
def test_pieces_make_the_whole(reasons: list[str], outcome: str) -> None:
    """Whatever its letters and length; each piece is ASCII of at most 6,000 characters."""
    made = Results(changes=tuple(Result(outcome=outcome, reason=reason) for reason in reasons))

    pieces = params(RESULTS, made)

    assert all(piece and piece.isascii() and len(piece) <= 6000 for piece in pieces.values())
    assert json.loads(text(RESULTS, pieces)) == json.loads(json.dumps(asdict(made)))
    assert text("decision", pieces) == ""
