"""Amounts with a unit, as models.yaml writes them: `24h`, `50MB`, `20ms`. Pure.

The patterns say what is well-formed; they are also in models.schema.json. The functions take
nothing else.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

_DECIMAL = r"[0-9]{1,9}(\.[0-9]{1,9})?"
DURATION = r"^[1-9][0-9]{0,4}[mhd]$"
DELAY = r"^[0-9]{1,5}(\.[0-9]{1,3})?[smh]$"
SIZE = rf"^{_DECIMAL}(kB|MB|GB|KiB|MiB|GiB)$"
LATENCY = rf"^{_DECIMAL}(ms|s)$"

_SPANS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_MILLISECONDS = {"ms": 1, "s": 1000}
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def duration(text: str) -> timedelta:
    """Whole minutes, hours or days.

    >>> duration("24h")
    datetime.timedelta(days=1)
    """
    return int(text[:-1]) * _SPANS[text[-1]]


def seconds(text: str) -> float:
    """Seconds, minutes or hours, in seconds.

    >>> seconds("90s"), seconds("1.5m")
    (90.0, 90.0)
    """
    return float(Decimal(text[:-1]) * _SECONDS[text[-1]])


def spelled(span: timedelta) -> str:
    """A time in days, hours and minutes, rounded down to a minute.

    >>> spelled(timedelta(hours=27, minutes=5, seconds=59)), spelled(timedelta(seconds=3))
    ('1d 3h 5m', '0m')
    """
    parts = []
    for unit, one in _SPANS.items():
        count, span = divmod(span, one)
        parts += [f"{count}{unit}"] if count else []
    return " ".join(parts) or "0m"


def size(text: str) -> int:
    """Bytes, rounded down.

    >>> size("1.5kB"), size("2MiB")
    (1500, 2097152)
    """
    number, unit = _split(text)
    return int(number * _BYTES[unit])


def milliseconds(text: str) -> float:
    """Milliseconds.

    >>> milliseconds("20ms"), milliseconds("0.5s")
    (20.0, 500.0)
    """
    number, unit = _split(text)
    return float(number * _MILLISECONDS[unit])


def unmeetable(text: str) -> str:
    """What to say of a limit of nothing."""
    return f"{text} can never be met; set a limit above 0"


def _split(text: str) -> tuple[Decimal, str]:
    number = text.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    return Decimal(number), text[len(number) :]
