"""What the forms of MLflow's answers have in common.

What is of another form is refused, never guessed. In JSON, protobuf leaves out what is empty and
writes numbers of 64 bits as text, and what JSON has no number for as a word
(protobuf.dev/programming-guides/json), so that numbers are read from text too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

from msgspec import Meta, Struct, json

from mlgitops.registry.api import Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlgitops.registry.api import Row

T = TypeVar("T", bound="Form")
_LAST = 253_402_300_799_999  # milliseconds: the last that dates reach

Moment = Annotated[int, Meta(ge=0, le=_LAST)]  # milliseconds since 1970


class Form(Struct, frozen=True, gc=False):
    """An object of JSON; fields that are not named are passed over."""


class Paged(Form, frozen=True):
    """A page of a list."""

    next_page_token: str = ""

    def holding(self, rows: Sequence[Row]) -> Page[Row]:
        """The page, holding what of its entries is used."""
        return Page(rows=rows, token=self.next_page_token or None)


class Pair(Form, frozen=True):
    """A tag or a parameter."""

    key: str
    value: str = ""


def read(body: bytes, form: type[T]) -> T:
    """A document of a form.

    Raises:
        msgspec.ValidationError: it is of another form; the text says where, and no values.
        ValueError: it is no JSON.
    """
    try:
        return json.decode(body, type=form, strict=False)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def mapping(pairs: Iterable[Pair]) -> dict[str, str]:
    """Key → value."""
    return {one.key: one.value for one in pairs}
