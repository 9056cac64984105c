"""What a model answered, as data of strangers: checked, then values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mlgitops.core.evidence import Cost
from mlgitops.errors import ScoringError
from mlgitops.review.scorer import not_one_each

if TYPE_CHECKING:
    import numpy as np

_LONGEST = 1_000  # characters of a class


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """The predictions of shape (rows,), numbers or texts, and their cost."""

    predictions: np.ndarray
    cost: Cost


_Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_Class = Annotated[str, Field(max_length=_LONGEST)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Answer(BaseModel):
    """What the process says; the model may have written it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    predictions: list[bool] | list[_Whole] | list[float] | list[_Class | None]
    milliseconds: _Amount
    mebibytes: _Amount


_ANSWERS: TypeAdapter[tuple[_Answer]] = TypeAdapter(tuple[_Answer])


def read(said: tuple[Any, ...], rows: int) -> Scored:
    """What `mlgitops.review.scorer` said of so many rows.

    Raises:
        ScoringError: it is not one value for each row.
    """
    import numpy as np

    try:
        (answer,) = _ANSWERS.validate_python(said)
    except ValidationError:
        raise ScoringError("its predictions are not numbers or short texts") from None
    if len(answer.predictions) != rows:
        raise ScoringError(not_one_each(str(len(answer.predictions)), rows))
    cost = Cost(milliseconds=answer.milliseconds, mebibytes=answer.mebibytes)
    return Scored(predictions=np.asarray(answer.predictions), cost=cost)
