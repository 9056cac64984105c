"""Numbers of the command line and of variables, written in plain digits.

Python's own reading, which is click's, takes the digits of every script, `1_000` and `nan`.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import click

from mlgitops.words import whole_number

if TYPE_CHECKING:
    from click import Context, Parameter


class Whole(click.IntRange):
    """A whole number."""

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        """The number, if it is one and in the range."""
        if isinstance(value, str) and whole_number(value.removeprefix("-")) is None:
            self.fail(f"{value[:100]!r} is not a whole number.", param, ctx)
        return super().convert(value, param, ctx)


class Number(click.FloatRange):
    """A number, with a fraction or without."""

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        """The number, if it is one and in the range."""
        found = super().convert(value, param, ctx)
        if not isfinite(found) or (isinstance(value, str) and set(value) - set("+-.0123456789eE")):
            self.fail(f"{str(value)[:100]!r} is not a number.", param, ctx)
        return found
