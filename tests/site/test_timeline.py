"""The timeline's picture: what is seen of stays that are short, current, or only declared."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core.stamp import Stamp, iso
from mlgitops.history.stays import Stay
from mlgitops.site.timeline import drawn

NOW = datetime(2026, 11, 28, tzinfo=UTC)
AGES = st.lists(
    st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=3000)),
    min_size=1,
    max_size=8,
    unique=True,
)


def stays(ages: list[timedelta], declared_only: int = 0) -> list[Stay]:
    """Production's stays, the oldest first, of versions 1, 2, …; the first ones without stamps."""
    begun = [NOW - age for age in sorted(ages, reverse=True)]
    ends = [*begun[1:], None]
    return [
        Stay(
            model="wind",
            stage="Production",
            version=number + 1,
            since=since,
            until=until,
            by="ada",
            commit="c",
            pull_request=None,
            stamps=()
            if number < declared_only
            else (
                Stamp(
                    move=number + 1,
                    version=number + 1,
                    previous=None,
                    commit="c",
                    actor="ada",
                    time=iso(since),
                ),
            ),
        )
        for number, (since, until) in enumerate(zip(begun, ends, strict=True))
    ]


@given(AGES)
def test_every_stay_is_seen_and_the_current_one_says_its_version(ages: list[timedelta]) -> None:
    """However short it was, within the picture; a stay of minutes in years, too."""
    found = drawn(stays(ages), NOW)
    assert found is not None
    ((row,), bars) = (found.rows, found.rows[0].bars)
    assert row.stage == "Production"
    assert len(bars) == len(ages)
    assert all(bar.width >= 0.5 and bar.left >= 0 for bar in bars)
    assert all(bar.left <= 99.5 for bar in bars)
    assert bars[-1].label == f"{len(ages)}"
    assert bars[-1].left <= 96


def test_it_begins_with_the_first_apply() -> None:
    """What was only declared before may be older than the registry."""
    ages = [timedelta(days=900), timedelta(days=2), timedelta(days=1)]
    found = drawn(stays(ages, declared_only=1), NOW)
    assert found is not None
    (row,) = found.rows
    assert [(bar.left, bar.width, bar.label) for bar in row.bars] == [
        (0.0, 50.0, "2"),
        (50.0, 50.0, "3"),
    ]
    alone = drawn(stays([timedelta(days=900)], declared_only=1), NOW)
    assert alone is not None
    assert [bar.label for bar in alone.rows[0].bars] == ["1"]


def test_who_went_back_is_told_however_fast_it_was() -> None:
    """Three moves within one second, and what was there first is older than the picture."""
    one, two, again = stays([timedelta(days=900), timedelta(days=2), timedelta(days=1)], 1)
    moment = two.since
    two = replace(two, until=moment)
    found = drawn([replace(one, until=moment), two, replace(again, since=moment, version=1)], NOW)
    assert found is not None
    (row,) = found.rows
    assert [(bar.back, bar.said.partition(", ")[0]) for bar in row.bars] == [
        (False, "version 2"),
        (True, "version 1"),
    ]


def test_going_forward_again_is_no_way_back() -> None:
    """After a rollback, the version that came later may be promoted once more."""
    one, two, back, again = stays([timedelta(days=day) for day in (4, 3, 2, 1)])
    found = drawn([one, two, replace(back, version=1), replace(again, version=2)], NOW)
    assert found is not None
    (row,) = found.rows
    assert [bar.back for bar in row.bars] == [False, False, True, False]


def test_what_was_moved_by_hand_since_is_marked() -> None:
    """No stamp says when it ended, so its bar does not say that it lasts."""
    past = stays([timedelta(days=2), timedelta(days=1)])
    found = drawn(past, NOW, lambda stay: stay is past[-1])
    assert found is not None
    (row,) = found.rows
    assert [bar.lost for bar in row.bars] == [False, True]
    assert "moved by hand since" in row.bars[-1].said
