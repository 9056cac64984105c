"""What reports say of answers in the language of their task, in a terminal and on a page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mlgitops.core.evidence import Comparison, Cost, Predictions
from mlgitops.report import comparison, document, html, markdown
from mlgitops.review import predictions
from mlgitops.review.answers import Scored
from mlgitops.review.rows import Rows
from tests.report import made

if TYPE_CHECKING:
    from collections.abc import Sequence

COST = Cost(milliseconds=1.0, mebibytes=1.0)
DAYS = tuple(f"2024-{month:02}-01" for month in range(1, 13))
LABELS = DAYS + tuple(f"row {number}" for number in range(13, 41))


def compared(
    old: Sequence[object] | np.ndarray,
    new: Sequence[object] | np.ndarray,
    actual: object = None,
    **more: object,
) -> Comparison:
    """Two versions that answered this."""
    import pandas as pd

    rows = Rows(
        frame=pd.DataFrame(index=range(len(new))),
        actual=None if actual is None else np.array(actual),
        labels=LABELS[: len(new)],
        source="held-out rows",
    )
    before, after = (
        Scored(predictions=np.asarray(said), cost=COST, **more)  # type: ignore[arg-type]
        for said in (old, new)
    )
    found = predictions.contrast(rows, after, before)
    return replace(made.CLASSIFICATION, predictions=found)


def page(found: Comparison) -> str:
    """The page of HTML, which says all that JSON and Markdown can say, too."""
    assert document.comparison(found)["predictions"]["kind"] == kind(found)
    return "".join(html.comparison(found))


def kind(found: Comparison) -> str:
    """What was found out of the task."""
    assert isinstance(found.predictions, Predictions)
    return found.predictions.kind


CASES = {
    "quarters": (
        compared([1.0] * 12, [2.0] * 12, [1.0] * 11 + [0.0]),
        "regression",
        [
            "| errors over time | rows | old MAE |",
            "| 2024Q4 | 3 | 0.333 | 1.33 | 0.333 | 1.33 |",
        ],
    ),
    "classes": (
        compared(["a", "b", "b"], ["a", "a", "b"], ["a", "b", "a"]),
        "classification",
        ["| right before, wrong now | 1 |", "| a | 2 | 50.0% | 50.0% | 100.0% | 50.0% |"],
    ),
    "probabilities": (
        compared([[0.9, 0.1], [0.4, 0.6]], [[0.8, 0.2], [0.7, 0.3]], [0, 1]),
        "classification",
        [
            "| probability that moved, at most | 0.2 | 0.25 | 0.28 | 0.29 | 0.3 |",
            "| calibration: probability of class 1 | old: said | came true |",
            "| 60% to 70% | 60.0% | 100.0% of 1 row | \N{EN DASH} | \N{EN DASH} |",
            "| 2024-02-01 | 1 (60.0%) | 0 (70.0%) | 1 |",
        ],
    ),
    "outputs": (
        compared([[1.0, 5.0]] * 30, [[1.0, 6.0]] * 30, columns=("low", "high")),
        "outputs",
        ["| high | 100.0% | 5 | 6 | 1 | 9 of 10 between 1 and 1 |", "some output moved by more"],
    ),
    "vectors": (
        compared(np.eye(40) - 0.1, np.eye(40)[::-1] - 0.1),
        "vectors",
        ["| median length |", "cosine of old and new, at most", "nearest to a row stay the same"],
    ),
    "texts": (
        compared(["It is calm."], ["It blows:\n@all <b>"], written=True),
        "text",
        ["| answer to | old | new |", "| 2024-01-01 | It is calm. | It blows: \\@"],
    ),
    "the same text": (
        compared(["It is calm."], ["It is calm."], written=True),
        "text",
        ["no answer changed"],
    ),
    "few vectors": (
        compared(np.eye(12) - 0.1, np.eye(12)[::-1] - 0.1),
        "vectors",
        ["| median length |", "| least alike | cosine |"],
    ),
    "two tasks": (
        compared([1.0], [[1.0] * 9]),
        "vectors",
        ["answers cannot be compared: the old version answers one value per row"],
    ),
}


@pytest.mark.parametrize(("found", "task", "lines"), CASES.values(), ids=CASES)
def test_each_task_is_told_in_its_own_words(found: Comparison, task: str, lines: list[str]) -> None:
    """In Markdown, on the page and as JSON; nothing of a model's text becomes markup."""
    assert kind(found) == task
    text = markdown.report(comparison.report(found))
    for line in lines:
        assert line in text
    shown = page(found)
    assert "<b>" not in shown
    title = lines[0].removeprefix("| ").partition(" |")[0]
    assert title in shown
