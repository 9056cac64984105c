"""Words that messages are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.words import apart, brief, number, over, plain, span, suggestion, when


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


def test_a_number_has_the_digits_that_mean_something() -> None:
    """Three significant ones, all of a whole number's, thousands apart; a dash for none."""
    assert [number(value) for value in (0.977031, 13544.9, -4829.31, 999.6, 0.9, 0.0)] == [
        *("0.977", "13,545", "-4,829", "1,000", "0.9", "0"),
    ]
    assert [number(value) for value in (1e-7, 3e12, float("nan"), float("inf"), None)] == [
        *("1e-07", "3e+12", "nan", "inf", "–"),
    ]
    assert (number(0.05, sign=True), number(-1234.5, sign=True)) == ("+0.05", "-1,234")


def test_times_are_told_in_one_form() -> None:
    """To the minute, in UTC; a guess in as few digits; what is no time as it is."""
    assert when("2026-11-28T14:38:59.5+01:00") == "2026-11-28 13:38 UTC"
    assert when(datetime(2026, 11, 28, 13, 38, tzinfo=UTC)) == "2026-11-28 13:38 UTC"
    assert when("yesterday") == "yesterday"
    ends = datetime(2026, 11, 28, 13, 38, tzinfo=UTC)
    assert over(ends) == "2026-11-28 13:38 UTC"
    assert over(ends + timedelta(seconds=1)) == "2026-11-28 13:39 UTC"
    assert (span(28.4), span(119), span(150)) == ("28 s", "119 s", "2 min")


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=4))
def test_values_that_differ_are_told_apart(values: list[float]) -> None:
    """In as many digits as that takes; the same value is said the same."""
    said = apart(*values)
    assert len(set(said)) == len(set(values))
    assert (apart(0.9, 0.89999), apart(0.0, -0.0)) == (["0.9", "0.89999"], ["0", "0"])
    for value, text in zip(values, said, strict=True):
        assert float(text.replace(",", "")) == pytest.approx(value, rel=1e-2)
