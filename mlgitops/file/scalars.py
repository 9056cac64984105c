"""What the words of a YAML text mean, by the tags that they have or that their form gives them."""

from __future__ import annotations

from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

from mlgitops.words import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TAG = "tag:yaml.org,2002:"
_NULLS = ("", "~", "null", "Null", "NULL")


def meant(tag: str, text: str) -> Any:
    """What a word of the text means.

    Raises:
        ValueError: that is not supported; with what to write.
    """
    kind = tag.removeprefix(TAG)
    if kind in ("str", "timestamp"):  # parameters must be representable in JSON
        return text
    if kind in _WORDS:
        with suppress(ValueError, LookupError):
            return _WORDS[kind](text)
        # YAML 1.1 reads 010 as 8, 1:30 as 90 and 1:30.5 as 90.5
        what = (
            "in plain decimal digits" if kind in ("int", "float") else f"without the tag !!{kind}"
        )
        raise ValueError(f"write {text[:20]!r} {what}, or in quotes")
    raise ValueError(unsupported(tag))


def _integer(text: str) -> int:
    digits = text.removeprefix("-").removeprefix("+")
    number = whole_number(digits)
    if number is None or (digits != "0" and digits.startswith("0")):
        raise ValueError
    return -number if text.startswith("-") else number


def _float(text: str) -> float:
    if not text.isascii() or ":" in text:
        raise ValueError
    node = yaml.ScalarNode(f"{TAG}float", text)
    return float(yaml.constructor.SafeConstructor().construct_yaml_float(node))


def _null(text: str) -> None:
    if text not in _NULLS:
        raise ValueError


_WORDS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "int": _integer,
        "float": _float,
        "bool": lambda text: yaml.constructor.SafeConstructor.bool_values[text.lower()],
        "null": _null,
    }
)


def unsupported(tag: str) -> str:
    """What to say of a tag."""
    return f"YAML tag {tag} is not supported; write a plain value"
