"""Words that messages are made of."""

from __future__ import annotations

from mlgitops.words import suggestion


def test_a_suggestion_stays_short() -> None:
    """The nearest name, else a few of all that there are."""
    known = [f"model-{number}" for number in range(3000)]
    assert suggestion("model-1", known) == "did you mean 'model-1'?"
    shown = "known: model-0, model-1, model-2, model-3, model-4 and 2995 more"
    assert suggestion("zzz", known) == shown
    assert suggestion("zzz", []) == "known: none"
