"""The table, the JSON file and the plot of one run."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from benchmarks.reconcile.results import BEFORE, LOOP, OURS, SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.reconcile.results import Figure, Results

_HEAD = ("figure", "measured", "goal", "met", "from")
_COLOURS = {OURS: "#0b6e4f", BEFORE: "#b23a48", LOOP: "#8d99ae"}


def written(results: Results, folder: Path) -> Iterator[str]:
    """Write the files, and yield the lines of the table."""
    figures = list(results.figures())
    table, picture = folder / "reconcile.json", folder / "reconcile.svg"
    table.write_text(json.dumps(_document(results, figures), indent=2) + "\n")
    _plot(results, picture)
    yield from _table(figures)
    yield from (f"failed: {failure}" for failure in results.failures)
    yield f"written: {table}, {picture}"


def _table(figures: Sequence[Figure]) -> Iterator[str]:
    rows = [_HEAD, *(figure.cells for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(str.ljust, row, widths)).rstrip()


def _document(results: Results, figures: Sequence[Figure]) -> dict[str, object]:
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count()},
        "python": platform.python_version(),
        "mlflow": version("mlflow"),
        "figures": [asdict(figure) | {"met": figure.met} for figure in figures],
        "measured": [asdict(one) for one in results.all],
        "failures": results.failures,
    }


def _plot(results: Results, path: Path) -> None:
    """CPU of a plan with nothing to do over the number of models, on logarithmic axes."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    measured = [on for on in SERVERS if results.sizes(on)]
    canvas = Canvas(figsize=(4.5 * len(SERVERS), 4), layout="constrained")
    FigureCanvasSVG(canvas)
    for place, on in enumerate(measured, 1):
        axes = canvas.add_subplot(1, len(measured), place)
        for who, colour in _COLOURS.items():
            found = [results.find("plan", who, on, size) for size in results.sizes(on)]
            points = [(one.size, one.cost.cpu) for one in found if one]
            if points:
                axes.loglog(*zip(*points, strict=True), "o-", color=colour, label=who)
        axes.set(title=f"plan, nothing to do, {on}", xlabel="models", ylabel="CPU, s")
        axes.grid(visible=True, which="both", alpha=0.2)
        axes.legend()
    canvas.savefig(path)
