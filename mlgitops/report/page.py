"""Pages of HTML from templates: text of a registry is only ever text in them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mlgitops import words
from mlgitops.report import wording
from mlgitops.report.comparison import BREAKS
from mlgitops.report.parts import Code, Link
from mlgitops.system import secrets

if TYPE_CHECKING:
    from mlgitops.report.parts import Cell
    from mlgitops.report.pictures.svg import Picture

# a word is never told from another by its colour alone, nor only by reading it
_MARKS = {
    **dict.fromkeys(("better", "passed", "applied"), "✓ "),
    **dict.fromkeys(("worse", "failed", "half done", BREAKS), "✗ "),
}


@cache
def templates(*packages: str) -> Environment:
    """The templates of some packages; those of an earlier one come first."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(wording=wording, number=words.number, when=words.when, NONE=words.NONE)
    made.filters.update(mark=_mark, web=web, svg=_svg)
    made.tests.update(code=_is_code, link=_is_link, marked=_is_marked)
    return made


def _plain(value: object) -> object:
    """Text from a registry without secrets, nor what steers how it is read, such as directions."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return words.plain(secrets.hidden(value))


def _mark(word: str) -> str:
    return _MARKS.get(word, "")


def _is_marked(cell: Cell) -> bool:
    return cell in _MARKS


def _is_code(cell: Cell) -> bool:
    return isinstance(cell, Code)


def _is_link(cell: Cell) -> bool:
    return isinstance(cell, Link)


def web(link: str | None) -> str | None:
    """A link if it leads to a page; text of a registry might name a script."""
    return link if link and link.startswith(("https://", "http://")) else None


def _svg(picture: Picture) -> Markup:
    return Markup(picture.svg)  # noqa: S704 - made by matplotlib, which escapes all text
