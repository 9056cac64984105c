"""What a model itself answers, from a process of its own; and whether a server answers alike.

The process runs where the model's packages are: what it says is data of strangers, checked here.
"""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mlgitops.errors import ScoringError, ServeError
from mlgitops.serve.server import truth as program
from mlgitops.words import brief

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.review.environments import Environments
    from mlgitops.serve.payloads import Payload

# CSV and JSON carry numbers as decimal text, whose last digit may be rounded
TOLERANCE = 1e-6
TIMEOUT = 300.0  # seconds for loading and all predictions
SOURCE = Path(program.__file__).read_text(encoding="utf-8")  # the program, for any Python
_HOUR, _DAY = 3600, 86_400  # seconds
_LONGEST = 1_000  # characters of a reason


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Verdict(_Checked):
    """What MLflow makes of a request with the model itself.

    Attributes:
        status: 200 if the model answers it.
        answer: as MLflow's server writes it; `again` is a second one to the same request.
        why: why there is none; the model's own words if it raised an exception.
        by_model: whether it did.
    """

    status: Annotated[int, Field(ge=100, lt=600)]
    answer: Any = None
    again: Any = None
    why: Annotated[str, Field(max_length=_LONGEST)] = ""
    by_model: bool = False

    @property
    def predictions(self) -> Any:
        """The answer without the key that all but chats and agents have."""
        return _inside(self.answer)

    @property
    def predictions_again(self) -> Any:
        """The second one."""
        return _inside(self.again)


class _About(_Checked):
    mlflow: Annotated[str, Field(max_length=100)]
    example: Any = None


class Truth(_Checked):
    """What a model says.

    Attributes:
        mlflow: the version of MLflow that it was asked with.
        example: its predictions for the example that it was logged with; None if it has none.
        verdicts: on each request.
    """

    mlflow: str
    example: Any = None
    verdicts: tuple[Verdict, ...]


Ask = Callable[[Sequence["Payload"]], Truth]

_VERDICTS: TypeAdapter[tuple[Verdict, ...]] = TypeAdapter(tuple[Verdict, ...])


def asking(payloads: Iterable[Payload]) -> list[tuple[str, str]]:
    """Requests, as the program takes them."""
    return [(base64.b64encode(one.body).decode(), str(one.content_type)) for one in payloads]


def read(said: Sequence[Any], asked: int) -> Truth:
    """What the program said to so many requests.

    Raises:
        ServeError: the model cannot be loaded, or what was said is no answer.
    """
    match said:
        case [*_, {"error": str(error)}]:
            raise ServeError(f"the model cannot be asked: {brief(error, _LONGEST)}")
    try:
        about = _About.model_validate(said[0] if said else None)
        verdicts = _VERDICTS.validate_python(tuple(said[1:]))
    except ValidationError:
        raise ServeError("what the model's own process says cannot be read") from None
    if len(verdicts) != asked:
        raise ServeError(f"the model's own process answered {len(verdicts)} of {asked} requests")
    return Truth(mlflow=about.mlflow, example=about.example, verdicts=verdicts)


def of_folder(
    folder: Path, payloads: Sequence[Payload], own: Environments | None, timeout: float = TIMEOUT
) -> Truth:
    """What the model in a folder says, apart, with its own packages where ours are others.

    Raises:
        ServeError: it cannot be loaded, ended its process, or took too long.
    """
    from mlgitops.review import running

    asked = asking(payloads)
    try:
        said, _ = running.run(folder, program.answers, asked, own=own, timeout=timeout)
    except ScoringError as error:
        raise ServeError(f"the model cannot be asked: {error}") from error
    return read(said, len(asked))


def lines(text: str) -> list[Any]:
    """What the program wrote.

    Raises:
        ServeError: it is not JSON.
    """
    try:
        return [json.loads(line) for line in text.splitlines()]
    except (ValueError, RecursionError):
        raise ServeError("what the model's own process says cannot be read") from None


def alike(given: Any, answer: Any, again: Any) -> bool:
    """Whether an answer is the model's own, of which two to the same request are known.

    Where those two differ, as identifiers do, it may differ, too; a Unix time of today may be
    another of the same hour.

    >>> alike({"id": "c", "n": 1}, {"id": "a", "n": 1}, {"id": "b", "n": 1})
    True
    >>> alike({"id": "c", "n": 2}, {"id": "a", "n": 1}, {"id": "b", "n": 1})
    False
    """
    if same(given, answer):
        return True
    match answer, again:
        case dict(), dict() if answer.keys() == again.keys():
            known = isinstance(given, dict) and given.keys() == answer.keys()
            return known and all(alike(given[key], answer[key], again[key]) for key in answer)
        case list(), list() if len(answer) == len(again):
            known = isinstance(given, list) and len(given) == len(answer)
            return known and all(map(alike, given, answer, again))
    if not same(answer, again):
        return type(given) is type(answer)
    return _is_now(given) and _is_now(answer) and abs(given - answer) < _HOUR


def _inside(answer: Any) -> Any:
    keyed = isinstance(answer, dict) and answer.keys() == {"predictions"}
    return answer["predictions"] if keyed else answer


def _is_now(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value - time.time()) < _DAY


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, numbers within `TOLERANCE` of each other.

    >>> same([1.0, {"a": "x"}], [1.0000000001, {"a": "x"}]), same([1], [1, 2]), same(1, "1")
    (True, False, False)
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        close = math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-12)
        return close or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)
