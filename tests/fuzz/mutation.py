"""Inputs made of sound ones: bytes, words and, in JSON, values are changed at random."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

# what has broken a parser, somewhere
_WORDS = tuple(
    word.encode("utf-8", "surrogatepass")
    for word in (
        *("null", "true", "~", "nan", ".inf", "-0", "1e400", "1:30.5", "0x10", "1_000", "\uff11"),
        *(
            "9" * 25,
            "9" * 5000,
            "-1",
            "1.5",
            "2147483648",
            "[" * 2000,
            "- " * 9000,
            "{" * 200,
            "{a: " * 60,
        ),
        *('"\\ud800"', '"\\u0000"', "\ud800", "\x00", "\x85", "\u2028", "\ufeff", "\u202e"),
        *("!!float abc", "!!float ''", "!!bool maybe", "!!int x", "!!binary zz", "!!set {a}"),
        *("!!timestamp x", "!!null x", "!!python/name:os.system ", "!!omap [a: 1]", "<<: *a"),
        *("&a ", "*a", "? ", "- ", ": ", "#", "|\n", ">-\n", "---\n", "...\n", "%YAML 9.9\n"),
        *("'", '"', "\\", "\n", "\r", "\t", ", ", "[]", "{}", "../..", "/dev/zero", "models"),
        *("2026-99-99T00:00:00Z", "2026-11-26T03:15:00Z", "0001-01-01T00:00:00+23:59", "x" * 300),
    )
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 1.5, 1e308, float("nan"), float("inf")),
    *("", "x", "1", "\uff11", "\ud800", "\x00", "\x1b[31m", "x" * 3000, "2026-99-99", "::error::"),
    *([], {}, [None], [[]], {"": None}, {"a": {"a": {"a": []}}}, [1, "x", {}], ["x"] * 300),
)


def of(seeds: Sequence[bytes], random: Random) -> bytes:
    """An input like one of the seeds, changed in a few places."""
    found = random.choice(seeds)
    if random.random() < 0.5 and (changed := _json(found, random)) is not None:
        found = changed
        if random.random() < 0.7:
            return found
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        found = random.choice(_CHANGES)(found, seeds, random)
    return found


def _json(text: bytes, random: Random) -> bytes | None:
    """Other values, keys or types in a document; None if the text is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for _ in range(random.choice((1, 1, 2, 4))):
        document = _replaced(document, random)
    # a body of HTTP and a tag need not be written as Python writes them
    return json.dumps(document, ensure_ascii=random.random() < 0.8).encode("utf-8", "surrogatepass")


def _replaced(value: Any, random: Random) -> Any:
    """The value with something else in one place of it."""
    if not value or not isinstance(value, dict | list) or random.random() < 0.15:
        return random.choice(_VALUES)
    if isinstance(value, list):
        index = random.randrange(len(value))
        rest = value[:index], value[index + 1 :]
        kept = () if random.random() < 0.15 else (_replaced(value[index], random),)
        return [*rest[0], *kept * random.choice((1, 1, 1, 2)), *rest[1]]
    key = random.choice([*value])
    changed = dict(value)
    if random.random() < 0.15:
        del changed[key]
    elif random.random() < 0.1:
        changed[random.choice(("", "x", "\ud800", "version", key + key, "\uff11"))] = value[key]
    else:
        changed[key] = _replaced(value[key], random)
    return changed


def _place(text: bytes, random: Random) -> tuple[int, int]:
    start = random.randint(0, len(text))
    return start, min(len(text), start + random.choice((0, 1, 2, 5, 20, 100)))


def _word(text: bytes, _: Sequence[bytes], random: Random) -> bytes:
    start, end = _place(text, random)
    return text[:start] + random.choice(_WORDS) + text[end:]


def _token(text: bytes, _: Sequence[bytes], random: Random) -> bytes:
    """Another word where a value stands."""
    places = [index for index, byte in enumerate(text) if byte in b":[,- "]
    if not places:
        return _word(text, (), random)
    start = random.choice(places) + 1
    end = next((i for i in range(start + 1, len(text)) if text[i] in b",]}\n "), len(text))
    return text[:start] + b" " + random.choice(_WORDS) + text[end:]


def _bits(text: bytes, _: Sequence[bytes], random: Random) -> bytes:
    start, end = _place(text, random)
    return text[:start] + random.randbytes(min(4, end - start)) + text[end:]


def _cut(text: bytes, _: Sequence[bytes], random: Random) -> bytes:
    start, end = _place(text, random)
    return text[:start] + (b"" if random.random() < 0.2 else text[end:])


def _again(text: bytes, _: Sequence[bytes], random: Random) -> bytes:
    start, end = _place(text, random)
    return text[:end] + text[start:end] * random.choice((1, 2, 50)) + text[end:]


def _spliced(text: bytes, seeds: Sequence[bytes], random: Random) -> bytes:
    other = random.choice(seeds)
    return text[: _place(text, random)[0]] + other[_place(other, random)[0] :]


_CHANGES: tuple[Callable[[bytes, Sequence[bytes], Random], bytes], ...] = (
    *(_word, _token, _token, _token, _bits, _cut, _again, _spliced),
)
