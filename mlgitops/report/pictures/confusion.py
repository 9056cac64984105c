"""Which class the old version gave and which the new one gives, as a map."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from matplotlib.patches import Rectangle

from mlgitops import words
from mlgitops.report.pictures import svg
from mlgitops.report.pictures.svg import INK, MUTED, NEW, OLD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mlgitops.core.evidence import Comparison, Predictions
    from mlgitops.report.pictures.svg import Picture

MOST_CLASSES = 8  # the rest is drawn as one
_OTHERS = "others"
_CELL = 36  # units of the view box
_LONGEST = 12  # characters of a class's name that there is room for
_FAINTEST, _DARKEST = 0.15, 0.55  # seen where there is a row, and numbers can be read on each


def pictures(comparison: Comparison, found: Predictions, key: str) -> Iterator[Picture]:
    """The map, if both versions scored the rows."""
    old, new = comparison.old, comparison.new
    if old is None or not found.confusion:
        return
    # XML has no way to write what steers a terminal
    named = {(words.plain(a), words.plain(b)): n for (a, b), n in found.confusion.items()}
    cells = _few(named)
    classes = sorted({name for pair in cells for name in pair}, key=lambda c: (c == _OTHERS, c))

    def paint(figure: Figure) -> None:
        (axes,) = svg.panels(figure, 1, top=10, bottom=54, left=110)
        _cells(axes, cells, classes)
        axes.set_xlabel(f"class of {new.label}")
        axes.set_ylabel(f"class of {old.label}")

    yield svg.draw(
        paint,
        height=64 + _CELL * max(3, len(classes)),
        title="Which classes change",
        alt=_alt(named, old.label, new.label),
        name="confusion",
        key=key,
    )


def _few(confusion: Mapping[tuple[str, str], int]) -> Counter[tuple[str, str]]:
    """The same with the rarest classes as one, where there are too many."""
    sizes: Counter[str] = Counter()
    for pair, rows in confusion.items():
        for name in pair:
            sizes[name] += rows
    many = len(sizes) > MOST_CLASSES
    kept = {name for name, _ in sizes.most_common(MOST_CLASSES - 1)} if many else set(sizes)
    cells: Counter[tuple[str, str]] = Counter()
    for (before, after), rows in confusion.items():
        cells[before if before in kept else _OTHERS, after if after in kept else _OTHERS] += rows
    return cells


def _cells(axes: Axes, cells: Counter[tuple[str, str]], classes: list[str]) -> None:
    """Rows that keep their class lie on the diagonal, in the new version's colour."""
    for down, before in enumerate(classes):
        given = sum(cells[before, after] for after in classes)
        for across, after in enumerate(classes):
            rows = cells[before, after]
            if rows:
                alpha = _FAINTEST + (_DARKEST - _FAINTEST) * rows / given
                colour = NEW if before == after else OLD
                corner = (across - 0.5, down - 0.5)
                axes.add_patch(Rectangle(corner, 1, 1, color=colour, alpha=alpha, linewidth=0))
            ink = INK if rows else MUTED
            axes.text(across, down, f"{rows}", ha="center", va="center", color=ink)
    names = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in classes]
    axes.set_xticks(range(len(classes)), names)
    axes.set_yticks(range(len(classes)), names)
    axes.set_xlim(-0.5, len(classes) - 0.5)
    axes.set_ylim(len(classes) - 0.5, -0.5)


def _alt(confusion: Mapping[tuple[str, str], int], old: str, new: str) -> str:
    rows = sum(confusion.values())
    moved = {pair: n for pair, n in confusion.items() if pair[0] != pair[1] and n}
    same = rows - sum(moved.values())
    said = words.listed(
        [f"{a} to {b} {n}" for (a, b), n in sorted(moved.items(), key=lambda item: -item[1])]
    )
    return (
        f"Of {words.count(rows, 'row')}, {new} gives {same} ({same / rows:.1%}) the class that "
        f"{old} gave. Changed: {said or 'none'}."
    )
