"""Figures of matplotlib as SVG within a page: fonts and colours are the page's, light or dark."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from mlgitops import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

# matplotlib knows no names of CSS: it draws in colours that nobody else uses, which are replaced
INK, MUTED, GRID, OLD, NEW = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f"
_COLOURS = {
    INK: "currentColor",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    OLD: "var(--old)",
    NEW: "var(--new)",
}
_WIDEST = 1e6  # beyond, powers of ten stand beside an axis
HUGE = 1e300  # what is beyond is not drawn: infinity, and what MLflow's database makes of it
WIDTH = 400  # units of the view box: about a phone's pixels, so that its text can be read there
GAP = 30  # between panels: room for a title
_POINTS = 72  # in an inch; a unit of the view box is a point
_STYLE: Any = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), MUTED),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.xmargin": 0.01,
    "font.family": ["DejaVu Sans"],  # matplotlib's own: it measures, the page's font is shown
    "font.size": 11,
    "grid.color": GRID,
    "svg.fonttype": "none",
    "svg.hashsalt": "mlgitops",
    "text.parse_math": False,  # a class may be called $x$
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_SVG, _XLINK = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xlink}href"
_FONT = re.compile(r"font-family: [^;]*;?")
_FRACTION = re.compile(r"(\.\d)\d+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture for a page.

    Attributes:
        name: which of the pictures of a comparison it is, such as `residuals`.
        svg: an `<svg>` element, with the alternative text as its label.
    """

    name: str
    title: str
    svg: str


def draw(
    paint: Callable[[Figure], None], *, height: int, title: str, alt: str, name: str, key: str
) -> Picture:
    """What `paint` draws, as a picture as wide as what holds it; the same drawing, the same text.

    Args:
        paint: draws on an empty figure.
        height: in units of the view box, which is WIDTH wide.
        title: what is said above it.
        alt: says what is to be seen to those who do not see it.
        name: which picture of a comparison it is.
        key: which comparison of a page it belongs to. Name and key are of letters, digits and `-`.
    """
    out = StringIO()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # a page's fonts have glyphs that the one which measures has not
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(WIDTH / _POINTS, height / _POINTS))
        paint(figure)
        figure.savefig(out, format="svg", transparent=True, metadata=_NO_METADATA)
    root = ET.fromstring(out.getvalue())  # noqa: S314 - matplotlib wrote it
    root.attrib = {
        "role": "img",
        "aria-label": alt,
        "viewBox": f"0 0 {WIDTH} {height}",
        "width": "100%",
        "stroke-linejoin": "round",
    }
    _tidy(root, f"{key}-{name}")
    ET.register_namespace("", _SVG)
    return Picture(name=name, title=title, svg=ET.tostring(root, encoding="unicode"))


def panels(
    figure: Figure, count: int, *, top: int, bottom: int, left: int = 58, same: bool = False
) -> list[Axes]:
    """Axes above each other that share what is across; margins in units of the view box.

    With `same`, they share what is up as well, so that they can be compared by eye.
    """
    height = figure.get_figheight() * _POINTS
    each = (height - top - bottom - GAP * (count - 1)) / count
    made = figure.subplots(count, 1, sharex=True, sharey=same, squeeze=False)
    figure.subplots_adjust(
        left=left / WIDTH,
        right=1 - 12 / WIDTH,
        top=1 - top / height,
        bottom=bottom / height,
        hspace=GAP / each,
    )
    return list(made[:, 0])


def number(value: float, digits: int = 3, *, sign: bool = False) -> str:
    """A number as tables have it, with a minus that is as long as a plus."""
    return words.number(value, digits, sign=sign).replace("-", "\N{MINUS SIGN}")


def _beside(value: float) -> str:
    """A number beside an axis, where there is room for few digits."""
    if abs(value) >= _WIDEST:
        return f"{value:.5g}".replace("-", "\N{MINUS SIGN}")
    return number(value, 5)


def plain_numbers(axes: Axes, *, across: bool = False) -> None:
    """Numbers as they are beside the axis, never a common factor somewhere else."""
    formatter = FuncFormatter(lambda value, _: _beside(value))
    (axes.xaxis if across else axes.yaxis).set_major_formatter(formatter)


def _tidy(root: ET.Element, key: str) -> None:
    """Leave out what only a file of its own needs; make ids those of this picture."""
    root[:] = [child for child in root if child.find(f"{{{_SVG}}}style") is None]
    for element in root.iter():
        element.tail = None
        if element.tag != f"{{{_SVG}}}text":
            element.text = None
        element.attrib = _attributes(element.attrib, key)


def _attributes(found: dict[str, str], key: str) -> dict[str, str]:
    kept = {}
    for name, value in found.items():
        if name == "style":
            kept[name] = _style(value)
        elif name == "d":
            kept[name] = _FRACTION.sub(r"\1", " ".join(value.split()))
        elif name == _XLINK:
            kept["href"] = value.replace("#", f"#{key}-")
        elif name == "clip-path":
            kept[name] = value.replace("#", f"#{key}-")
        elif name != "id":
            kept[name] = value
        elif "_" not in value:  # what nothing refers to is called axes_1, patch_2
            kept[name] = f"{key}-{value}"
    return kept


def _style(text: str) -> str:
    for colour, name in _COLOURS.items():
        text = text.replace(colour, name)
    return _FONT.sub("", text)
