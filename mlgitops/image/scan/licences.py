"""Licences from packages' metadata, and whether they are allowed. Pure."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from mlgitops.errors import UsageError
from mlgitops.image.scan.values import Licence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.image.scan.values import Package

UNKNOWN = "unknown"
_LONGEST = 60  # characters; what is longer is a licence's text and not its name
# names that mean one licence; others, such as "BSD License", mean several (PEP 639, "Mapping
# license classifiers to SPDX identifiers")
_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD 3-Clause": "BSD-3-Clause",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
}


@cache
def _spdx() -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


def stated(expression: str | None, field: str | None, classifiers: Iterable[str]) -> Licence:
    """A package's licence.

    Args:
        expression: the metadata's `License-Expression`.
        field: its `License`, which is free text.
        classifiers: its `Classifier` lines; the others than of licences are passed over.
    """
    if expression and (parsed := _parsed(expression)) is not None:
        return Licence(expression=parsed.render())
    stated = (field or "").strip()
    stated = "" if "\n" in stated or len(stated) > _LONGEST or stated == "UNKNOWN" else stated
    if stated and (parsed := _parsed(stated, known=True)) is not None:
        return Licence(expression=parsed.render())
    kinds = [c.split(" :: ")[1:] for c in classifiers if c.startswith("License :: ")]
    names = [kind[-1] for kind in kinds if kind != ["OSI Approved"]]
    for name in (stated, *(names if len(names) == 1 else ())):
        if name in _NAMES:
            return Licence(expression=_NAMES[name])
    return Licence(stated=expression or stated or "; ".join(names) or None)


def _parsed(text: str, *, known: bool = False) -> Any:
    from license_expression import ExpressionError, ExpressionParseError

    try:
        return _spdx().parse(text, validate=known, strict=known)
    except (ExpressionError, ExpressionParseError):
        return None


def identifier(text: str) -> str:
    """A licence's SPDX identifier in its own spelling.

    Raises:
        UsageError: SPDX knows none of that name.
    """
    parsed = _parsed(text, known=True)
    if parsed is None or not hasattr(parsed, "key"):
        raise UsageError(f"{text} is no licence of SPDX; name one by its identifier, such as MIT")
    return str(parsed.key)


def denied(licence: Licence, refused: frozenset[str]) -> bool:
    """Whether a package can not be used without one of the refused licences.

    `A OR B` can if either can; `A WITH exception` counts as `A`.
    """
    if licence.expression is None:
        return False
    return not _usable(_spdx().parse(licence.expression), refused)


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
