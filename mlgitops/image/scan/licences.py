"""Licences of packages, and whether they are allowed. Pure."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from mlgitops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.image.scan.values import Licence, Package

UNKNOWN = "unknown"


@cache
def _spdx() -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


def identifier(text: str) -> str:
    """A licence's SPDX identifier in its own spelling.

    Raises:
        UsageError: SPDX knows none of that name.
    """
    from license_expression import ExpressionError, ExpressionParseError

    parsed: Any = None
    with suppress(ExpressionError, ExpressionParseError):
        parsed = _spdx().parse(text, validate=True, strict=True)
    if not hasattr(parsed, "key"):
        raise UsageError(f"{text} is not an SPDX identifier, such as MIT")
    return str(parsed.key)


def denied(licence: Licence, refused: frozenset[str]) -> bool:
    """Whether a package cannot be used without one of the refused licences.

    `A OR B` can if either can; `A WITH exception` counts as `A`.
    """
    return not all(_usable(_spdx().parse(one), refused) for one in licence.expressions)


def _usable(part: Any, refused: frozenset[str]) -> bool:
    if part.isliteral:
        return getattr(part, "license_symbol", part).key not in refused
    choices = (_usable(argument, refused) for argument in part.args)
    return any(choices) if isinstance(part, _spdx().OR) else all(choices)


def by_licence(packages: Iterable[Package]) -> dict[str, tuple[str, ...]]:
    """The packages of each licence, the most frequent first and the unknown last."""
    found: dict[str, list[str]] = defaultdict(list)
    for package in packages:
        found[package.licence.text or UNKNOWN].append(package.name)
    order = sorted(found, key=lambda text: (text == UNKNOWN, -len(found[text]), text))
    return {text: tuple(sorted(found[text])) for text in order}
