"""The timeline of a model as a picture: which version each stage held, and when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from mlgitops.report.wording import version_or_empty
from mlgitops.words import when

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from mlgitops.history.stays import Stay

_TICKS = 4
_ROOM = 4.0  # per cent of the width below which no number fits
_LEAST = 0.5  # per cent: a stay of minutes in years is seen, too
_MINUTES = timedelta(minutes=10)  # up to there, a tick names the second
_DAYS = 400  # beyond, a tick names the month and not the day


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A version's stay: where it begins and how wide it is, in per cent of the whole time.

    Attributes:
        back: somebody went back to it, from a version that came later.
        lost: somebody moved the stage since, and no stamp says when.
        said: what a pointer that rests on it is told.
    """

    left: float
    width: float
    label: str
    back: bool
    lost: bool
    said: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One stage, the oldest stay first."""

    stage: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """Stages one below the other; `ticks` are moments as text, with where they stand."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, str], ...]


def drawn(
    stays: Sequence[Stay], now: datetime, lost: Callable[[Stay], bool] = lambda _: False
) -> Timeline | None:
    """The timeline of one model; None if no stage ever held a version.

    It begins with the first stay that an apply has stamped: what was only declared before may be
    older than the registry.

    Args:
        stays: as they were, whole stages one after the other.
        now: where what lasts ends.
        lost: whether a stage was moved since its last stay, and no stamp says when.
    """
    held = [stay for stay in stays if stay.version is not None]
    if not held:
        return None
    first = min(stay.since for stay in [one for one in held if one.stamps] or held)
    whole = max(now - first, timedelta.resolution)
    rows = [
        Row(stage=stage, bars=tuple(_bars(of_stage, first, whole, now, lost)))
        for stage, of_stage in groupby(held, key=lambda stay: stay.stage)
    ]
    return Timeline(rows=tuple(row for row in rows if row.bars), ticks=tuple(_ticks(first, whole)))


def _bars(
    stays: Iterable[Stay],
    first: datetime,
    whole: timedelta,
    now: datetime,
    lost: Callable[[Stay], bool],
) -> Iterable[Bar]:
    order: list[int | None] = []  # in which versions first came, also before the picture begins
    latest = 0
    for stay in stays:
        if stay.version not in order:
            order.append(stay.version)
        place = order.index(stay.version)
        back, latest = place < latest, place
        if not stay.stamps and stay.until is not None and stay.until <= first:
            continue
        since, room = max(stay.since, first), _LEAST if stay.until else _ROOM
        gone = lost(stay)
        left = min(100 * ((since - first) / whole), 100 - room)
        width = max(100 * (((stay.until or now) - since) / whole), room)
        label = f"{'↩ ' if back else ''}{version_or_empty(stay.version)}"
        yield Bar(
            left=round(left, 2),
            width=round(width, 2),
            label=label if width >= _ROOM else "",
            back=back,
            lost=gone,
            said=_said(stay, back=back, lost=gone),
        )


def _said(stay: Stay, *, back: bool, lost: bool) -> str:
    end = f"until {when(stay.until)}" if stay.until else "moved by hand since" if lost else "still"
    came = "returned" if back else "since"
    reason = f": {stay.reason}" if stay.reason else ""
    return f"version {stay.version}, {came} {when(stay.since)}, {end}, by {stay.by}{reason}"


def _ticks(first: datetime, whole: timedelta) -> Iterable[tuple[float, str]]:
    form = "%b %Y" if whole.days > _DAYS else "%d %b" if whole.days > _TICKS else "%d %b %H:%M"
    form = "%H:%M:%S" if whole <= _MINUTES else form
    for number in range(_TICKS):
        share = number / _TICKS
        yield round(100 * share, 2), (first + whole * share).strftime(form)
