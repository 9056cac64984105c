"""A saved input example that is no table: tensors, messages, texts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlgitops.review.scorer import Example
from mlgitops.words import brief

if TYPE_CHECKING:
    from collections.abc import Mapping

_LABEL = 200  # characters of a question


def example(inputs: Any, params: Mapping[str, Any] | None) -> tuple[Example, tuple[str, ...]]:
    """What a model is asked, and what each of its rows is called.

    Args:
        inputs: as MLflow loads it: arrays, sparse ones, or what is written as JSON.
        params: those that the example was logged with.
    """
    dense = inputs.toarray() if hasattr(inputs, "toarray") else inputs
    arrays = _arrays(dense)
    labels = _labels(dense)
    made = Example(
        text=json.dumps(dense, default=lambda one: one.tolist()),
        count=len(labels),
        arrays=arrays,
        params=json.dumps(params, default=lambda one: one.tolist()) if params else "",
    )
    return made, labels


def _arrays(inputs: Any) -> tuple[tuple[str, str], ...]:
    """The types of arrays, by their names."""
    if hasattr(inputs, "dtype"):
        return (("", inputs.dtype.str),)
    if isinstance(inputs, dict) and inputs and all(hasattr(v, "dtype") for v in inputs.values()):
        return tuple((str(name), values.dtype.str) for name, values in inputs.items())
    return ()


def _labels(inputs: Any) -> tuple[str, ...]:
    if isinstance(inputs, list):
        return tuple(_asked(one) or f"row {number + 1}" for number, one in enumerate(inputs))
    if hasattr(inputs, "dtype"):
        return _numbered(len(inputs) if inputs.ndim else 1)
    if isinstance(inputs, dict):
        rows = {v.shape[:1] for v in inputs.values() if hasattr(v, "shape")}
        if len(rows) == 1 and _arrays(inputs) and (size := rows.pop()):
            return _numbered(size[0])
    return (_asked(inputs) or "the example",)


def _numbered(rows: int) -> tuple[str, ...]:
    return tuple(f"row {number + 1}" for number in range(rows))


def _asked(inputs: Any) -> str:
    """The question: a text, or the last one of a chat's messages; empty where there is none."""
    if isinstance(inputs, str):
        return brief(inputs, _LABEL)
    if isinstance(inputs, list):
        return next(filter(None, map(_asked, reversed(inputs))), "")
    if isinstance(inputs, dict):
        keys = ("content", "messages", "input", "prompt", "text")
        return next(filter(None, (_asked(inputs.get(key)) for key in keys)), "")
    return ""
