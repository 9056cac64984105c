"""What a model answered, as data of strangers: checked, then values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mlgitops.core.evidence import Cost
from mlgitops.errors import ScoringError
from mlgitops.review.scorer import MOST_CLASSES, not_one_each, step

if TYPE_CHECKING:
    import numpy as np

_UNLIKE = "its predictions are not numbers or short texts"
_LONGEST = 50_000  # characters of an answer
_SHORT = 1_000  # characters
_MOST_OUTPUTS = 100_000
CLOSE = 1e-3  # of the sum of probabilities to 1
_NAME = 200  # characters of the name of an output, or of a class with a probability


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """What a version answered, and the cost of it.

    Attributes:
        predictions: numbers or texts of shape (rows,), or numbers of shape (rows, outputs).
        columns: names of the outputs, where they have some.
        labels: the days or times that the answers are for, where the version names them itself, as
            forecasters do; there may be more or fewer of them than rows were asked.
        classes: those that `probabilities` are of.
        probabilities: of shape (rows, classes); None where it gives none.
        written: the predictions are free or structured text, no classes.
        step: only one row in so many was told, from the first one on.
    """

    predictions: np.ndarray
    cost: Cost
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    classes: tuple[str, ...] = ()
    probabilities: np.ndarray | None = None
    written: bool = False
    step: int = 1


_Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_Text = Annotated[str, Field(max_length=_LONGEST)]
_Name = Annotated[str, Field(max_length=_NAME)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Probabilities(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    classes: Annotated[list[_Name], Field(min_length=1, max_length=MOST_CLASSES)]
    rows: list[list[_Share]]


class _Answer(BaseModel):
    """What the process says; the model may have written it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    predictions: list[bool] | list[_Whole] | list[float] | list[_Text | None] | None = None
    vectors: list[list[float]] | None = None
    texts: list[_Text] | None = None
    columns: Annotated[list[_Name], Field(max_length=_MOST_OUTPUTS)] = []
    labels: list[_Name] | None = None
    probabilities: _Probabilities | None = None
    milliseconds: _Amount
    mebibytes: _Amount


_ANSWERS: TypeAdapter[tuple[_Answer]] = TypeAdapter(tuple[_Answer])


def read(said: tuple[Any, ...], rows: int) -> Scored:
    """What `mlgitops.review.scorer` said of so many rows.

    Raises:
        ScoringError: it is not one answer for each row, or for each of its own labels.
    """
    try:
        (answer,) = _ANSWERS.validate_python(said)
    except ValidationError:
        raise ScoringError(_UNLIKE) from None
    told = [one for one in (answer.predictions, answer.vectors, answer.texts) if one is not None]
    if len(told) != 1:
        raise ScoringError(_UNLIKE)
    asked = rows if answer.labels is None else len(answer.labels)
    width = len(answer.vectors[0]) if answer.vectors else 1
    if not width:
        raise ScoringError(_UNLIKE)
    every = step(asked, width) if answer.vectors is not None else 1
    if len(told[0]) != -(-asked // every):
        raise ScoringError(not_one_each(str(len(told[0])), asked))
    if answer.vectors is not None and any(len(one) != width for one in answer.vectors):
        raise ScoringError("its vectors are not of one size")
    return Scored(
        predictions=_array(told[0]),
        cost=Cost(milliseconds=answer.milliseconds, mebibytes=answer.mebibytes),
        columns=tuple(answer.columns) if len(answer.columns) == width else (),
        labels=None if answer.labels is None else tuple(answer.labels),
        written=answer.texts is not None,
        step=every,
        **_probabilities(answer.probabilities, asked),
    )


def _array(told: list[Any]) -> np.ndarray:
    """As numpy has it; long texts are objects, as each would take the room of the longest."""
    import numpy as np

    long = any(isinstance(one, str) and len(one) > _SHORT for one in told)
    return np.array(told, dtype=object) if long else np.asarray(told)


def _probabilities(found: _Probabilities | None, rows: int) -> dict[str, Any]:
    """None where they are not one for each row and class, or do not add up to 1."""
    import numpy as np

    if found is None or len(found.rows) != rows or len(set(found.classes)) != len(found.classes):
        return {}
    if any(len(row) != len(found.classes) for row in found.rows):
        return {}
    values = np.asarray(found.rows, dtype=float)
    if not (abs(values.sum(axis=1) - 1) < CLOSE).all():
        return {}
    return {"classes": tuple(found.classes), "probabilities": values}
