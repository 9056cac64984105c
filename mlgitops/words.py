"""Words that every report and message is made of. Pure."""

from __future__ import annotations

import codecs
import math
import re
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

NONE = "–"  # an en dash: there is no value
LONGEST_REASON = 200  # characters
_LONG = 120  # seconds; from there on, a time is told in minutes


# letters by their category, blanks by their looks: Hangul fillers, the empty Braille pattern
_BLANK = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")


def plain(text: object) -> str:
    """One line that shows as it is: what steers a terminal, or cannot be seen, becomes a space."""
    shown = _BLANK.sub(" ", str(text))
    if shown.isprintable():
        return shown
    return "".join(letter if letter.isprintable() else " " for letter in shown)


def from_json(written: str | bytes) -> Any:
    """What others wrote as JSON.

    Raises:
        ValueError: it is none, or is nested too deeply, or has half a surrogate pair, which nothing
            can print.
    """
    if isinstance(written, bytes):
        return _parser()(written.removeprefix(codecs.BOM_UTF8))
    return _parser()(written if written.isascii() else written.encode())


@cache
def _parser() -> Callable[[str | bytes], Any]:
    """Pydantic's, which refuses half a surrogate pair; most verbs that print words load none."""
    from pydantic_core import from_json as parser

    return parser


def one_line(text: object) -> str:
    """A text, or what an error says, on one line."""
    return " ".join(str(text).split())


def reason(text: str) -> str:
    """Why somebody does something, as a person writes it on one line.

    Raises:
        ValueError: it is empty or too long, or has a line break or another control character.
    """
    stated = text.strip()
    if not stated or len(stated) > LONGEST_REASON or plain(stated) != stated:
        raise ValueError(
            f"a reason is one line of 1 to {LONGEST_REASON} characters, without control characters"
        )
    return stated


def brief(text: object, most: int) -> str:
    """One line of at most `most` characters; an ellipsis stands for the words that are left out.

    No word is cut, as a part of a secret is not known for one; unless there is nothing but a word.
    """
    line = one_line(text)
    if len(line) <= most:
        return line
    kept = line[:most].rpartition(" ")[0][: most - 1].rstrip()
    return f"{kept or line[: most - 1]}…"


def whole_number(text: str) -> int | None:
    """The number that plain digits say; None if it is none, or one of more than 20 digits."""
    # isdecimal alone takes the digits of every script, as int does
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else None


def count(number: int, noun: str) -> str:
    """`1 change`, `2 changes`, `1,000 changes`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def number(value: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """A value in significant digits, thousands apart; whole numbers keep all of theirs.

    >>> number(0.977031), number(13544.9), number(-4829.31), number(1e-7), number(None)
    ('0.977', '13,545', '-4,829', '1e-07', '–')
    """
    if value is None:
        return NONE
    plus = "+" if sign else ""
    if not 1e-4 <= abs(value) < 1e12:
        return f"{value + 0.0:{plus}.{digits}g}"  # without the sign of -0.0
    after = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    said = f"{value:{plus},.{after}f}"
    return said.rstrip("0").rstrip(".") if after else said


def apart(*values: float) -> list[str]:
    """Values in three digits, or as many more as tell those apart that differ.

    >>> apart(624.149, 624.2, 594.427)
    ['624.1', '624.2', '594.4']
    """
    for digits in range(3, 17):
        said = [number(value, digits) for value in values]
        if len(set(said)) == len(set(values)):
            return said
    return [repr(value) for value in values]


def pace(done: int, total: int, seconds: float, unit: str = "") -> str:
    """`120 of 1,000, 31/s, 28 s left`: how far a job is that has taken so many seconds."""
    said = f"{done:,} of {total:,}{unit}"
    if not 0 < done < total or seconds <= 0:
        return said
    rate = done / seconds
    left = (total - done) / rate
    speed = f", {rate:.0f}{unit}/s" if rate >= 1 else ""
    return f"{said}{speed}, {span(left)} left"


def span(seconds: float) -> str:
    """`28 s`, or `3 min`: a time that is only guessed."""
    return f"{seconds:.0f} s" if seconds < _LONG else f"{seconds / 60:.0f} min"


def when(moment: datetime | str) -> str:
    """`2026-11-28 13:38 UTC`, of a time that may be ISO 8601; other text, as NONE, stays."""
    try:
        known = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError:
        return str(moment)
    return f"{known.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def moment(text: str) -> datetime:
    """The time that a text tells, by ISO 8601 or as `when`; in UTC where it names no zone.

    Raises:
        ValueError: it tells none.
    """
    found = datetime.fromisoformat(text.removesuffix(" UTC"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def over(moment: datetime) -> str:
    """The same of an end, never too early: what ends within a minute is over with the next one."""
    return when(moment + timedelta(seconds=59))


def listed(items: Sequence[str], *, most: int = 5) -> str:
    """The first of some items, and how many more there are."""
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest} more" if rest > 0 else "")


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that an unknown one is like in any case, or begins; None if there is none."""
    begun, by_lower = name.lower(), {one.lower(): one for one in known}
    near = get_close_matches(begun, by_lower, n=1) or [
        one for one in by_lower if begun and one.startswith(begun)
    ]
    return by_lower[near[0]] if near else None


def suggestion(name: str, known: Collection[str]) -> str:
    """What to write instead of an unknown name: the nearest one, or else some that are known."""
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near else f"known: {listed([*known]) or 'none'}"
