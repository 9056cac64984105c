"""Pictures of a comparison that a reviewer understands at a glance, as SVG within a page.

What cannot be drawn is left out: a new model has no past, and nobody knows what is true of input
examples. Versions differ in colour and in what is said beside them; the alternative text says in
numbers what is to be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.report.pictures import calibration, confusion, history, predictions, slices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.evidence import Comparison
    from mlgitops.report.pictures.svg import Picture


def draw(comparison: Comparison, key: str = "picture") -> Iterator[Picture]:
    """The pictures that can be made, one at a time.

    Args:
        comparison: what is compared.
        key: begins the ids within the pictures: letters, digits and `-`. Two comparisons on one
            page need two.
    """
    found = comparison.predictions
    if found is not None and found.kind == "classification":
        yield from confusion.pictures(comparison, found, key)
        yield from calibration.pictures(comparison, found, key)
    elif found is not None and found.kind == "regression" and not found.answers:
        yield from predictions.pictures(comparison, found.series, key)
    yield from slices.pictures(comparison, key)
    yield from history.pictures(comparison, key)
