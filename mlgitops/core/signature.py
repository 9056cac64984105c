"""What a version takes and gives, and which changes of it break callers.

The types are those of MLflow's signatures, and one holds another where MLflow's enforcement of the
new signature lets through all that the old one did. Only where that checks nothing, which is where
a value that is no number comes for text, bytes or a boolean, another type is another type here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# what MLflow casts without loss; a long is no double, for not each of them is one
_COLUMNS = frozenset({("integer", "long"), ("integer", "double"), ("float", "double")})
# a parameter is one value, and MLflow casts more of those
_PARAMS = _COLUMNS | {("integer", "float"), ("long", "float"), ("long", "double")}


@dataclass(frozen=True, slots=True)
class Array:
    """A list of values of one type."""

    items: Type

    def __str__(self) -> str:
        return f"array of {self.items}"


@dataclass(frozen=True, slots=True)
class Map:
    """Any names, with values of one type."""

    values: Type

    def __str__(self) -> str:
        return f"map of {self.values}"


@dataclass(frozen=True, slots=True)
class Object:
    """Names with a type each; MLflow refuses others."""

    properties: tuple[Column, ...]

    def __str__(self) -> str:
        return "object"


@dataclass(frozen=True, slots=True)
class Anything:
    """What no type is checked of."""

    def __str__(self) -> str:
        return "any"


@dataclass(frozen=True, slots=True)
class Tensor:
    """An array of numbers; a size of -1 is any."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"tensor({self.dtype}, {self.shape})"


Type = str | Array | Map | Object | Anything | Tensor
"""A scalar has its name in MLflow, e.g. `double`; `str` of any type is how people read it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column, a tensor or a property of an object."""

    name: str
    type: Type
    required: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Param:
    """A parameter of inference, which callers may leave out; `default` is JSON."""

    name: str
    type: Type
    default: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """What a model version takes and gives; None where the version does not say."""

    inputs: tuple[Column, ...] | None
    outputs: tuple[Column, ...] | None
    params: tuple[Param, ...] = ()


def fields(columns: Iterable[Column] | None, within: str = "") -> Iterator[Column]:
    """The columns, each followed by what is within it: `messages`, then `messages[].role`."""
    for column in columns or ():
        named = replace(column, name=f"{within}{column.name}")
        yield named
        yield from _within(named.name, named.type)


def _within(name: str, kind: Type) -> Iterator[Column]:
    match kind:
        case Array(items):
            yield from _within(f"{name}[]", items)
        case Map(values):
            yield from _within(f"{name}.*", values)
        case Object(properties):
            yield from fields(properties, f"{name}.")


def said(signature: Signature) -> dict[str, str]:
    """What a signature says, by names such as `input messages[].role`."""
    return {
        **_each_said("input", signature.inputs),
        **{f"parameter {p.name}": f"{p.type}, {p.default} by default" for p in signature.params},
        **_each_said("output", signature.outputs),
    }


def _each_said(side: str, columns: Iterable[Column] | None) -> dict[str, str]:
    return {
        f"{side} {one.name}": f"{one.type}" if one.required else f"{one.type}, optional"
        for one in fields(columns)
    }


def breaking(old: Signature, new: Signature) -> tuple[str, ...]:
    """Why callers of `old` cannot call `new`; empty if they can.

    An input breaks callers when it is required and new, removed (their values would be ignored in
    silence), or of a type that does not hold the old one. So does a parameter of inference, but
    never a new one, since each has a default. An output breaks them when it is removed or may be
    missing, or is of another type; an object may gain properties.
    """
    return (
        *_side(_INPUTS, old.inputs, new.inputs),
        *_each(_OF_PARAMS, "parameter ", _columns(old.params), _columns(new.params)),
        *_side(_OUTPUTS, old.outputs, new.outputs),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rule:
    """How values travel: `answers` go from the new version to callers of the old one."""

    name: str
    casts: frozenset[tuple[str, str]] = frozenset()
    answers: bool = False


_INPUTS = _Rule(name="input", casts=_COLUMNS)
_OF_PARAMS = _Rule(name="parameter", casts=_PARAMS)
_OUTPUTS = _Rule(name="output", answers=True)


def _columns(params: tuple[Param, ...]) -> tuple[Column, ...]:
    return tuple(Column(name=one.name, type=one.type, required=False) for one in params)


def _side(
    rule: _Rule, old: tuple[Column, ...] | None, new: tuple[Column, ...] | None
) -> Iterator[str]:
    if old and new is None:
        yield f"the signature no longer says what the {rule.name}s are"
        return
    yield from _each(rule, f"{rule.name} ", old or (), new or ())


def _each(rule: _Rule, at: str, old: tuple[Column, ...], new: tuple[Column, ...]) -> Iterator[str]:
    """What breaks by the columns of a side, or the properties of an object."""
    before, after = ({one.name: one for one in columns} for columns in (old, new))
    for name, was in before.items():
        if name not in after:
            yield f"{at}{name} was removed"
            continue
        now = after[name]
        yield from _types(rule, f"{at}{name}", was.type, now.type, now.required)
        if rule.answers and was.required and not now.required:
            yield f"{at}{name} was required and is optional"
        elif not rule.answers and now.required and not was.required:
            yield f"{at}{name} was optional and is required"
    for name, now in after.items():
        if name not in before and now.required and not rule.answers:
            yield f"{at}{name} is new and required"


def _types(rule: _Rule, at: str, old: Type, new: Type, required: bool) -> Iterator[str]:
    """What breaks by a type; MLflow hands `required` on to what is within."""
    match (old, new):
        case (Array(was), Array(now)):
            yield from _types(rule, f"{at}[]", was, now, required)
        case (Map(was), Map(now)):
            yield from _types(rule, f"{at}.*", was, now, required)
        case (Object(were), Object(are)):
            yield from _each(rule, f"{at}.", were, are)
        case (Object(were), Map(now)) if not rule.answers:
            for one in were:
                yield from _types(rule, f"{at}.{one.name}", one.type, now, required)
                if not one.required and required and not _empty(now):
                    yield f"{at}.{one.name} was optional and is required"
        case _ if not _holds(rule, old, new):
            yield f"{at} was {old} and is {new}"


def _empty(kind: Type) -> bool:
    """Whether null passes for a required value, as it does where anything is within."""
    match kind:
        case Array(within) | Map(within):
            return isinstance(within, Anything)
    return isinstance(kind, Anything)


def _holds(rule: _Rule, old: Type, new: Type) -> bool:
    given, taken = (new, old) if rule.answers else (old, new)
    match (given, taken):
        case (_, Anything()):
            return True
        case (Tensor(), Tensor()):
            return _fits(given, taken)
        case (str(), str()):
            return given == taken or (given, taken) in rule.casts
    return given == taken


def _fits(given: Tensor, taken: Tensor) -> bool:
    if taken == Tensor("object", (-1,)):  # MLflow lets any ragged array be one
        return True
    sizes = zip(given.shape, taken.shape, strict=False)
    same = (given.dtype, len(given.shape)) == (taken.dtype, len(taken.shape))
    return same and all(size in (-1, was) for was, size in sizes)
