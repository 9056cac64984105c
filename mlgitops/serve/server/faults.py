"""Whose fault it is that a model raised: its own, or the caller's who sent what it cannot take.

MLflow answers both with 400. Here what a model's own code raises is the model's failure, a 500. So
is what a library raises, unless it is a ValueError or the like of a library that the model handed
the request to as it came, such as scikit-learn's check for missing values: then the library has
refused the caller's values, which stays MLflow's 400. Both are counted: a version that refuses what
the one before it answered has failed its callers too.
"""

from __future__ import annotations

import functools
import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.exceptions import MlflowException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

# where no code of a model's own is: not in its `code` folder, nor in a function that was pickled
_LIBRARIES = tuple(f"{Path(file).parent}{os.sep}" for file in (os.__file__, mlflow.__path__[0]))
_REFUSALS = (ValueError, TypeError, LookupError)


class Fault(Enum):
    """What a model did with a request that it did not answer."""

    FAILED = "failed"
    REFUSED = "refused"


class ModelFailedError(BaseException):
    """The model's own failure; no Exception, because MLflow makes a 400 of every one of these."""


class ModelRefusedError(Exception):
    """A library of the model's refused the values that the caller sent."""


def told(predict: Callable[..., Any]) -> Callable[..., Any]:
    """The same prediction; what it raises says whose fault it is.

    Raises:
        ModelFailedError: it is the model's.
        ModelRefusedError: it is the caller's.
        MlflowException: it is the caller's, in the model's own words.
    """

    @functools.wraps(predict)  # MLflow looks at its parameters
    def predicted(*arguments: Any, **named: Any) -> Any:
        try:
            return predict(*arguments, **named)
        except MlflowException as error:
            if error.get_http_status_code() < 500:
                raise
            raise ModelFailedError from error
        except BaseException as error:  # sys.exit and Rust's panics, too
            kind = ModelRefusedError if _is_refusal(error) else ModelFailedError
            raise kind from error

    return predicted


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, _REFUSALS) and all(map(_is_library, _files(error.__traceback__)))


def _files(trace: TracebackType | None) -> Iterator[str]:
    """The files whose code was at work, but for the server's own."""
    while trace is not None:
        code, names = trace.tb_frame.f_code, trace.tb_frame.f_globals
        if names.get("__package__") != __package__:
            # what was compiled, as by Cython, names its source
            yield names.get("__file__") or code.co_filename
        trace = trace.tb_next


def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARIES) or file.startswith("<frozen ")
