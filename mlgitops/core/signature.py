"""What a version takes and gives, and which changes of it break callers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# int → long and float → double lose nothing; MLflow's schema enforcement makes the same casts
_WIDENED = {("integer", "long"), ("integer", "double"), ("float", "double")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column or tensor of a signature; `type` as MLflow writes it, e.g. `double`."""

    name: str
    type: str
    required: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """What a model version takes and gives; None where the version does not say."""

    inputs: tuple[Column, ...] | None
    outputs: tuple[Column, ...] | None


def breaking(old: Signature, new: Signature) -> tuple[str, ...]:
    """Why callers of `old` cannot call `new`; empty if they can.

    An input column breaks callers when it is required and new, removed (their values would be
    ignored in silence), or of a type that does not hold the old one. An output column breaks them
    when it is removed or of another type.
    """
    return (
        *_input_breaks(_by_name(old.inputs), _by_name(new.inputs)),
        *_output_breaks(_by_name(old.outputs), _by_name(new.outputs)),
    )


def _by_name(columns: tuple[Column, ...] | None) -> dict[str, Column]:
    return {column.name: column for column in columns or ()}


def _input_breaks(old: dict[str, Column], new: dict[str, Column]) -> Iterator[str]:
    for name, column in old.items():
        if name not in new:
            yield f"input {name} was removed"
            continue
        kinds = (column.type, new[name].type)
        if kinds[0] != kinds[1] and kinds not in _WIDENED:
            yield f"input {name} was {kinds[0]} and is {kinds[1]}"
        if new[name].required and not column.required:
            yield f"input {name} was optional and is required"
    for name, column in new.items():
        if column.required and name not in old:
            yield f"input {name} is new and required"


def _output_breaks(old: dict[str, Column], new: dict[str, Column]) -> Iterator[str]:
    for name, column in old.items():
        if name not in new:
            yield f"output {name} was removed"
        elif new[name].type != column.type:
            yield f"output {name} was {column.type} and is {new[name].type}"
