"""Tests of `training.windfarm_checks`: what is refused, how it is named, what is tolerated."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.windfarm_text import FIRST, HEADER, line, lines, text
from training.features import COLUMNS, RANGES
from training.windfarm_checks import MAX_MISSING, Checked, check, summary

# a machine that is busy with something else is no reason to fail
unhurried = settings(deadline=None)


def problems(content: str) -> str:
    """All lines of the summary of a wrong file."""
    found = check(content)
    assert not isinstance(found, Checked)
    return "\n".join(summary(found))


def test_a_right_file_comes_out_as_it_is() -> None:
    """Days and values are read in the order of the file."""
    checked = check(text(lines(3)))
    assert isinstance(checked, Checked)
    assert tuple(FIRST + timedelta(days=n) for n in range(3)) == checked.days
    assert {name: [5.5] * 3 for name in COLUMNS} == checked.values
    assert checked.missing_days == 0


def test_columns_may_stand_in_any_order() -> None:
    """Columns are found by name; the date column may be named."""
    header = "date," + ",".join(reversed(COLUMNS))
    values = ",".join(str(number) for number in range(len(COLUMNS)))
    checked = check(text([f"2014-01-01,{values}"], header))
    assert isinstance(checked, Checked)
    assert checked.values["power"] == [0.0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        (HEADER + "\n", "only a header"),
        ("<!DOCTYPE html><html>", "an HTML page instead of CSV"),
        ("\x00\x01PNG", "the first column is"),
        (HEADER + '\n2014-01-01,"5', "not comma-separated values"),
        (text(lines(1), HEADER.replace(",power", "")), "'power' is missing; add it"),
        (text(lines(1), HEADER + ",price"), "'price' is not known; remove it"),
        (text(lines(1), HEADER + ",power"), "'power' is there 2 times; keep one"),
        (text(lines(1), "when" + HEADER), "the first column is 'when'"),
        (text(["2014-01-01,1,2"]), "line 2: 3 values where the header has 11"),
        (text([line("01.02.2014")]), "line 2, date: '01.02.2014' is not a day"),
        (text([line("2014-02-30")]), "'2014-02-30' is not a day"),
        (text([line("20140101")]), "'20140101' is not a day"),
        (text([line("")]), "'' is not a day"),
    ],
)
def test_a_file_of_the_wrong_form_is_refused(content: str, expected: str) -> None:
    """Each problem names the line, what is there and what to do."""
    assert expected in problems(content)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", "the value is missing"),
        ("NaN", "the value is missing"),
        ("null", "the value is missing"),
        ("calm", "'calm' is not a number"),
        ("1_000", "'1_000' is not a number"),
        ("\u0661", "'\u0661' is not a number"),
        ("inf", "'inf' is not a number"),
        ("1e999", "1e999 is out of range, 0 to 60 m/s"),
        ("-1", "-1 is out of range, 0 to 60 m/s"),
        ("60.1", "60.1 is out of range, 0 to 60 m/s"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(value: str, expected: str) -> None:
    """Line, day, column and value are all there."""
    content = text([line("2014-01-01"), line("2014-01-02", wind_speed_08=value)])
    assert f"line 3 (2014-01-02), wind_speed_08: {expected}" in problems(content)


def test_a_long_value_is_cut() -> None:
    """One broken cell does not fill the screen."""
    assert len(problems(text([line("2014-01-01", power="x" * 10_000)]))) < 200


def test_days_ascend_and_come_once() -> None:
    """A day that is there twice names the other line; one that is out of order says so."""
    content = text([line("2014-01-02"), line("2014-01-01"), line("2014-01-02")])
    found = problems(content)
    assert "line 3 (2014-01-01), date: the day comes after 2014-01-02; sort the rows" in found
    assert "line 4 (2014-01-02), date: the day is already on line 2; keep one" in found


def test_all_problems_come_at_once() -> None:
    """One round of corrections is enough."""
    content = text(
        [line("2014-01-01", power="x"), line("2014-01-01", temperature_00="999"), line("nope")]
    )
    found = problems(content)
    for expected in ("'x' is not a number", "out of range", "already on line 2", "'nope'"):
        assert expected in found


def test_many_problems_of_one_kind_are_counted() -> None:
    """Three places are shown, and how many more there are."""
    found = problems(text([line(FIRST + timedelta(days=n), power="x") for n in range(100)]))
    assert len(found.splitlines()) == 4
    assert "97 more like line 4" in found


@unhurried
@given(days=st.integers(2, 400), data=st.data())
def test_missing_days_are_tolerated_up_to_the_limit(days: int, data: st.DataObject) -> None:
    """At most 1% of the span may lack; they are counted, and more are refused."""
    inner = st.sets(st.integers(1, days - 2), max_size=10) if days > 2 else st.just(set[int]())
    gone = data.draw(inner)
    rows = [row for number, row in enumerate(lines(days)) if number not in gone]
    checked = check(text(rows))
    if len(gone) <= days * MAX_MISSING:
        assert isinstance(checked, Checked)
        assert len(gone) == checked.missing_days
    else:
        first = FIRST + timedelta(days=min(gone))
        assert f"{len(gone)} of {days} days are missing, the first is {first}" in problems(
            text(rows)
        )


@unhurried
@given(column=st.sampled_from(COLUMNS), data=st.data())
def test_every_number_in_range_is_read_exactly(column: str, data: st.DataObject) -> None:
    """What repr writes is what comes back, bit for bit."""
    allowed = RANGES[column]
    number = data.draw(st.floats(allowed.low, allowed.high))
    checked = check(text([line(FIRST, **{column: repr(number)})]))
    assert isinstance(checked, Checked)
    assert [number] == checked.values[column]


@unhurried
@given(
    column=st.sampled_from(COLUMNS),
    number=st.floats().filter(lambda value: not -50 <= value <= 20_000),
)
def test_no_number_out_of_range_gets_through(column: str, number: float) -> None:
    """NaN, infinities and everything beyond every range are problems of that column."""
    assert column in problems(text([line(FIRST, **{column: repr(number)})]))


@unhurried
@given(st.text())
def test_no_text_makes_the_check_itself_fail(content: str) -> None:
    """Whatever the file holds, the answer is a list of problems."""
    assert problems(content)


@unhurried
@given(st.lists(st.lists(st.text(max_size=5), max_size=12).map(",".join), max_size=5))
def test_no_rows_below_a_right_header_make_the_check_fail(rows: list[str]) -> None:
    """The same, for what gets past the header."""
    found = check(text(rows))
    assert isinstance(found, Checked) or summary(found)


@unhurried
@given(st.permutations(range(4)))
def test_only_ascending_days_are_accepted(order: list[int]) -> None:
    """Of all orders of four days one is right."""
    rows = [line(FIRST + timedelta(days=number)) for number in order]
    assert isinstance(check(text(rows)), Checked) == (order == sorted(order))


def test_leap_days_are_days() -> None:
    """29 February exists in leap years only."""
    assert isinstance(check(text(lines(3, date(2016, 2, 28)))), Checked)
    assert "'2015-02-29' is not a day" in problems(text([line("2015-02-29")]))
