"""The gate on signatures, and what breaks callers of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.gate import verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.gate import Case, Verdict
    from mlgitops.core.version import Column, Signature

# int → long and float → double lose nothing; MLflow's schema enforcement makes the same casts
_WIDENED = {("integer", "long"), ("integer", "double"), ("float", "double")}


def compatible(case: Case) -> Verdict:
    """Whether callers of the present version can call the new one."""
    rule, expected = "signature compatible", "a signature that callers of the stage can use"
    new = case.new.signature
    if new is None:
        return verdict(rule, False, expected, f"version {case.new.number} has no signature")
    if case.old is None or case.old.signature is None:
        return verdict(rule, True, expected, "no present signature to be compatible with")
    breaks = breaking(case.old.signature, new)
    return verdict(rule, not breaks, expected, "; ".join(breaks) or "compatible")


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
