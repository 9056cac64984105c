"""Words that messages are made of."""

from __future__ import annotations

from mlgitops.words import brief, plain, suggestion


def test_a_suggestion_stays_short() -> None:
    """The nearest name, else a few of all that there are."""
    known = [f"model-{number}" for number in range(3000)]
    assert suggestion("model-1", known) == "did you mean 'model-1'?"
    shown = "known: model-0, model-1, model-2, model-3, model-4 and 2995 more"
    assert suggestion("zzz", known) == shown
    assert suggestion("zzz", []) == "known: none"


def test_a_brief_text_is_one_line() -> None:
    """It has at most as many characters as there is room for, and no half of a word."""
    assert brief("two\n  lines", 9) == "two lines"
    assert brief("two\n  lines", 8) == "two…"
    assert brief("aa b", 3) == "aa…"
    assert brief("lines", 4) == "lin…"


def test_plain_text_shows_all_that_it_holds() -> None:
    """What steers a terminal or the direction of writing, and what is invisible, is a space."""
    assert plain("a\x1b[31m\u202eb\u200bc\u3164d\r\n") == "a [31m b c d  "
    assert plain("naïve 模型 🎉") == "naïve 模型 🎉"
