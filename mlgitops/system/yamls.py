"""YAML that others wrote, read within bounds: PyYAML has none."""

from __future__ import annotations

import re
from typing import Any

import yaml

LARGEST = 16 * 2**20  # bytes; a signature of 100,000 columns has 8 MiB
DEEPEST = 200  # levels; at some thousands libyaml's reader ends the process, others take hours
# whatever PyYAML raises of values that their tags do not fit
BROKEN = (
    *(AttributeError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError),
    yaml.YAMLError,
)
_MARKS = re.compile(rb"[\[\]{},:]")
_WORK = 20_000_000  # of PyYAML's scanner, which goes through all open brackets at a mark: a second
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check(text: bytes) -> None:
    """Return if a text is YAML that takes the time and the memory that its size lets expect.

    Raises:
        ValueError: it takes more.
        yaml.YAMLError: it is no YAML.
    """
    if len(text) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
    depth = work = 0
    for mark in _MARKS.finditer(text):
        depth = max(0, depth + {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(mark[0], 0))
        work += depth
        if work > _WORK:
            raise ValueError("it is nested too deeply")
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")


def load(text: bytes) -> Any:
    """What a text means, its tags those of YAML.

    Raises:
        Exception: one of BROKEN; it is no such text.
    """
    check(text)
    if b"<<" in text and b"&" in text:  # merged again and again, it would fill the memory
        raise ValueError("it merges what it repeats")
    return yaml.load(text, _Loader)  # noqa: S506 - a safe one, faster
