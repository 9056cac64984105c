"""What answers say in the language of their task, as words and tables. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.report import wording
from mlgitops.report.parts import Part
from mlgitops.words import NONE, brief, count, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlgitops.core.evidence import Predictions
    from mlgitops.core.predicted import Bin, Classes, Probabilities, Vectors

_CLASSES = 20
_OUTPUTS = 20  # those that changed most
_TEXT = 2_000  # characters of an answer


def changed(found: Predictions) -> str:
    """What counts as a change of a row."""
    moved = f"moved by more than {found.tolerance * 100:.3g}%"
    return {
        "classification": "different class",
        "text": "different text",
        "vectors": f"cosine below {1 - found.tolerance:.3g}",
        "outputs": f"some output {moved}",
    }.get(found.kind, moved)


def parts(found: Predictions) -> Iterator[Part]:
    """What there is to say beside the share of rows that changed; empty ones may be among them."""
    if found.trouble:
        yield Part(words=f"answers cannot be compared: {found.trouble}")
    rows = [
        [
            one.label,
            f"{one.rows:,}",
            *wording.sides(one.old_mae, one.new_mae),
            *wording.sides(one.old_mean, one.new_mean),
        ]
        for one in found.periods
    ]
    header = ("errors over time", "rows", "old MAE", "new MAE", "old mean error", "new mean error")
    yield Part(header=header, rows=rows)
    if found.classes:
        yield from _classes(found.classes)
    yield _outputs(found)
    if found.vectors:
        yield from _vectors(found.vectors)
    if found.kind == "text" and not found.reworded:
        yield Part(words="no answer changed")
    yield Part(
        header=("answer to", "old", "new"),
        rows=[
            [one.row, NONE if one.old is None else brief(one.old, _TEXT), brief(one.new, _TEXT)]
            for one in found.reworded
        ],
    )


def _classes(found: Classes) -> Iterator[Part]:
    if found.broken is not None and found.mended is not None:
        rows = [
            ["right before, wrong now", f"{found.broken:,}"],
            ["wrong before, right now", f"{found.mended:,}"],
        ]
        yield Part(header=("classes", "rows"), rows=rows)
    yield Part(
        header=("class", "rows", "old recall", "new recall", "old precision", "new precision"),
        rows=[
            [
                one.name,
                f"{one.rows:,}",
                *map(_share, (one.old, one.new, one.old_precision, one.new_precision)),
            ]
            for one in found.recalls[:_CLASSES]
        ],
    )
    if found.probabilities:
        yield from _probabilities(found.probabilities)
    yield Part(
        header=("row with another class", "old", "new", "actual"),
        rows=[
            [
                one.row,
                _sure(one.old, one.old_probability),
                _sure(one.new, one.new_probability),
                NONE if one.actual is None else one.actual,
            ]
            for one in found.switched
        ],
    )


def _probabilities(found: Probabilities) -> Iterator[Part]:
    yield _shares("probability that moved, at most", found.moved)
    event = f"class {found.event}" if found.event else "the class it names"
    old, new = (
        {int(one.said * 10): one for one in bins} for bins in (found.old_bins, found.new_bins)
    )
    yield Part(
        header=(
            f"calibration: probability of {event}",
            "old: said",
            "came true",
            "new: said",
            "came true",
        ),
        rows=[
            [
                f"{index / 10:.0%} to {(index + 1) / 10:.0%}",
                *_bin(old.get(index)),
                *_bin(new.get(index)),
            ]
            for index in sorted(old.keys() | new.keys())
        ],
    )


def _bin(found: Bin | None) -> tuple[str, str]:
    if found is None:
        return NONE, NONE
    return f"{found.said:.1%}", f"{found.true:.1%} of {count(found.rows, 'row')}"


def _outputs(found: Predictions) -> Part:
    listed = sorted(found.outputs, key=lambda one: -(one.changed or 0))[:_OUTPUTS]
    return Part(
        header=("output", "changed", "old mean", "new mean", "new - old", ""),
        rows=[
            [
                one.name,
                _share(one.changed),
                *wording.sides(one.old_mean, one.new_mean),
                number(one.quantiles.get(0.5)),
                f"9 of 10 between {_number(one.quantiles, 0.05)} and {_number(one.quantiles, 0.95)}"
                if one.quantiles
                else "",
            ]
            for one in listed
        ],
    )


def _vectors(found: Vectors) -> Iterator[Part]:
    rows = [
        [
            "numbers a vector",
            NONE if found.old_size is None else f"{found.old_size:,}",
            f"{found.new_size:,}",
        ],
        ["median length", *wording.sides(found.old_norm, found.new_norm)],
    ]
    yield Part(header=("vectors", "old", "new"), rows=rows)
    yield _shares("cosine of old and new, at most", found.cosine)
    if found.neighbours is not None:
        said = f"{found.neighbours:.1%} of the {found.nearest} rows nearest to a row stay the same"
        yield Part(words=said)
    rows = [[row, number(value)] for row, value in found.unlike]
    yield Part(header=("least alike", "cosine"), rows=rows)


def _shares(what: str, found: Mapping[float, float]) -> Part:
    if not found:
        return Part()
    header = tuple(f"{share * 100:.3g}%" for share in found)
    values = [number(value) for value in found.values()]
    return Part(header=("share of the rows", *header), rows=[[what, *values]])


def _number(found: Mapping[float, float], share: float) -> str:
    return number(found.get(share))


def _share(value: float | None) -> str:
    return NONE if value is None else f"{value:.1%}"


def _sure(name: str, probability: float | None) -> str:
    return name if probability is None else f"{name} ({probability:.1%})"
