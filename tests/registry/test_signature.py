"""Signatures are read from payloads, and hold each other exactly as MLflow's enforcement does."""

from __future__ import annotations

import logging
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.models.utils import _enforce_params_schema, _enforce_schema
from mlflow.types.schema import (
    AnyType,
    Array,
    ColSpec,
    DataType,
    Map,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    TensorSpec,
)

from mlgitops.core.signature import Signature, breaking
from mlgitops.errors import PayloadError
from mlgitops.registry.signature import signature_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCALARS: dict[str, list[Any]] = {
    "boolean": [True, False],
    "integer": [np.int32(5), np.int32(-7)],
    "long": [np.int64(2**60), np.int64(3)],
    "float": [np.float32(1.5), np.float32(2)],
    "double": [1.5, np.float64(1e300)],
    "string": ["text", "1"],
    "binary": [b"\xff", b"a"],
    "datetime": [np.datetime64("2020-01-01", "ns"), np.datetime64("2021-01-01", "ns")],
}
PARAMS = {name: values for name, values in SCALARS.items() if name != "binary"}
PARAMS["datetime"] = [np.datetime64("2020-01-01")]  # MLflow takes no nanoseconds here
# MLflow does not look at Python's own objects where it expects these: the model would get them
UNCHECKED = (DataType.string, DataType.binary, DataType.boolean)

scalars = st.sampled_from([DataType[name] for name in SCALARS])
types = st.recursive(
    scalars | st.just(AnyType()),
    lambda inner: st.one_of(
        inner.map(Array),
        inner.map(Map),
        st.dictionaries(st.sampled_from("abc"), st.tuples(inner, st.booleans()), min_size=2).map(
            # with one property, an empty object passes: MLflow takes it for null
            lambda found: Object([Property(name, *rest) for name, rest in found.items()])
        ),
    ),
    max_leaves=4,
)


def mutated(kind: Any, draw: Any) -> Any:
    """A type that is near another: most pairs that are drawn apart have nothing in common."""
    if draw(st.integers(0, 5)) == 0:
        return draw(types)
    match kind:
        case Array():
            return Array(mutated(kind.dtype, draw))
        case Map():
            return Map(mutated(kind.value_type, draw))
        case Object():
            if draw(st.integers(0, 3)) == 0:
                return Map(mutated(kind.properties[0].dtype, draw))
            kept = [p for p in kind.properties if draw(st.integers(0, 4))] or kind.properties
            made = [Property(p.name, mutated(p.dtype, draw), draw(st.booleans())) for p in kept]
            if draw(st.booleans()):
                made.append(Property("new", draw(types), draw(st.booleans())))
            return Object(made)
        case DataType():
            return draw(st.one_of(st.just(kind), scalars))
    return kind


@st.composite
def pairs(draw: Any) -> tuple[Any, Any]:
    """An old type, and a new one."""
    old = draw(types)
    return old, mutated(old, draw)


def samples(kind: Any) -> list[Any]:
    """Values of a type, and null, which some of them are: enough that one fails where any does."""
    match kind:
        case DataType():
            return [*SCALARS[kind.name], None]
        case Array():
            within = samples(kind.dtype)
            return [[], within[:2], *([one] for one in within), None]
        case Map():
            return [{}, *({"a": one, "z": one} for one in samples(kind.value_type)), None]
        case Object():
            full = {p.name: samples(p.dtype)[0] for p in kind.properties}
            each = [{**full, p.name: one} for p in kind.properties for one in samples(p.dtype)]
            less = [{k: v for k, v in full.items() if k != name} for name in full]
            few = {p.name: full[p.name] for p in kind.properties if p.required}
            return [full, *less, few, {}, *each, None]
    return ["text", 1.5, {"a": 1, "q": {}}, [1, "x"], [[]], {}, [], b"x", None]


def fresh(value: Any) -> Any:
    """A value that shares no part with another: MLflow casts what is in objects in place."""
    match value:
        case dict():
            return {name: fresh(one) for name, one in value.items()}
        case list():
            return [fresh(one) for one in value]
    return value


def series(kind: Any, value: Any) -> pd.Series:
    """A column of a value, of the dtype that its type has."""
    if isinstance(kind, DataType) and kind.name not in ("string", "binary"):
        return pd.Series(np.asarray([value]))
    return pd.Series([value]) if isinstance(value, str) else pd.Series([value], dtype=object)


def passes(check: Callable[..., object], *given: Any) -> bool:
    """Whether MLflow lets it through; stores of NumPy and pandas raise what they like."""
    try:
        check(*given)
    except (MlflowException, ValueError, TypeError, OverflowError):
        return False
    return True


def of(kind: Any, required: bool) -> Schema:
    """A schema of one column."""
    return Schema([ColSpec(kind, "x", required)])


def read(folder: Path, **sides: Any) -> Signature:
    """The signature of a model that was saved with it."""
    Model(signature=ModelSignature(**sides)).save(str(folder / "MLmodel"))
    found = signature_in(folder)
    assert found is not None
    return found


def unchecked(old: Any, new: Any) -> bool:
    """Whether MLflow passes on what it does not look at, somewhere in a type."""
    match (old, new):
        case (Array(), Array()):
            return unchecked(old.dtype, new.dtype)
        case (Map(), Map()):
            return unchecked(old.value_type, new.value_type)
        case (Object(), Object()):
            after = {p.name: p.dtype for p in new.properties}
            return any(unchecked(p.dtype, after.get(p.name)) for p in old.properties)
        case (Object(), Map()):
            return any(unchecked(p.dtype, new.value_type) for p in old.properties)
    objects = not isinstance(old, DataType) or old.name in ("string", "binary")
    return objects and old != new and new in UNCHECKED


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """MLflow warns of each parameter that it ignores."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@settings(max_examples=60, deadline=None)
@given(pair=pairs(), required=st.tuples(st.booleans(), st.booleans()))
def test_a_type_holds_another_exactly_if_mlflow_lets_its_values_through(
    tmp_path_factory: pytest.TempPathFactory, pair: tuple[Any, Any], required: tuple[bool, bool]
) -> None:
    """All that passes as the old type passes as the new one, or something does not."""
    folder = tmp_path_factory.getbasetemp()
    schemas = [of(kind, needed) for kind, needed in zip(pair, required, strict=True)]
    old, new = (read(folder, inputs=schema) for schema in schemas)

    def let(column: dict[str, Any], schema: Schema) -> bool:
        frame = pd.DataFrame({name: series(pair[0], fresh(one)) for name, one in column.items()})
        return passes(_enforce_schema, frame, schema)

    columns = [*({"x": one} for one in samples(pair[0])), {"other": samples(pair[0])[0]}]
    valid = [column for column in columns if let(column, schemas[0])]
    held = all(let(column, schemas[1]) for column in valid)
    breaks = breaking(old, new)
    assert held or breaks, (valid, breaks)
    assert not held or not breaks or unchecked(*pair), (valid, breaks)


def param_values(spec: ParamSpec) -> list[Any]:
    """What callers may give for a parameter."""
    values = PARAMS[str(spec.to_dict()["type"])]
    return [*values, None] if spec.shape is None else [values, []]


def test_a_parameter_holds_another_exactly_if_mlflow_lets_its_values_through(
    tmp_path: Path,
) -> None:
    """Of every two types: a double that became a string breaks callers, an integer may be long."""
    specs = [
        ParamSpec("p", name, values[0] if shape is None else [], shape)
        for name, values in PARAMS.items()
        for shape in (None, (-1,))
    ]
    found = [read(tmp_path, params=ParamSchema([spec])) for spec in specs]
    for (was, old), (now, new) in product(zip(specs, found, strict=True), repeat=2):
        schema = ParamSchema([now])
        held = all(passes(_enforce_params_schema, {"p": one}, schema) for one in param_values(was))
        assert held == (breaking(old, new) == ()), (was, now)


def test_inference_parameters_count(tmp_path: Path) -> None:
    """A new one has a default; one that is gone would be ignored in silence."""
    limit, topic = (ParamSpec("limit", "long", 5), ParamSpec("topic", "string", None))
    none, one, two = (
        read(tmp_path, inputs=of("double", True), params=params)
        for params in (None, ParamSchema([limit]), ParamSchema([limit, topic]))
    )
    text = read(
        tmp_path, inputs=of("double", True), params=ParamSchema([ParamSpec("limit", "string", "5")])
    )
    assert breaking(none, one) == breaking(one, two) == ()
    assert breaking(two, one) == ("parameter topic was removed",)
    assert breaking(one, none) == ("parameter limit was removed",)
    assert breaking(one, text) == ("parameter limit was long and is string",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("float64", (-1, 3)), ("float64", (-1, 3))),
        (("float64", (2, 3)), ("float64", (-1, 3))),
        (("float64", (-1, 3)), ("float64", (-1, 4))),
        (("float64", (-1, 3)), ("float64", (2, 3))),
        (("float64", (-1, 3)), ("float32", (-1, 3))),
        (("float32", (-1, 3)), ("float64", (-1, 3))),
        (("float64", (-1, 3)), ("float64", (-1, 3, 1))),
        (("float64", (-1, 3)), ("object", (-1,))),
    ],
)
def test_a_tensor_holds_another_exactly_if_mlflow_lets_its_values_through(
    tmp_path: Path, old: tuple[str, tuple[int, ...]], new: tuple[str, tuple[int, ...]]
) -> None:
    """Types are the same, sizes the same or free."""
    schemas = [Schema([TensorSpec(np.dtype(dtype), shape)]) for dtype, shape in (old, new)]
    before, after = (read(tmp_path, inputs=schema) for schema in schemas)
    arrays = [np.ones([size if s == -1 else s for s in old[1]], old[0]) for size in (1, 2, 5)]
    held = all(passes(_enforce_schema, one, schemas[1]) for one in arrays)
    assert held == (breaking(before, after) == ())


ROLE = Property("role", DataType.string)


def of_messages(*properties: Property) -> Schema:
    """What a chat model takes."""
    return Schema([ColSpec(Array(Object([ROLE, *properties])), "messages")])


def test_an_object_may_gain_optional_properties(tmp_path: Path) -> None:
    """A required one breaks callers; answers may gain any, and lose none."""
    plain = of_messages()
    optional = of_messages(Property("name", DataType.string, required=False))
    required = of_messages(Property("name", DataType.string))
    old, more, needed = (read(tmp_path, inputs=one) for one in (plain, optional, required))
    assert breaking(old, more) == ()
    assert breaking(old, needed) == ("input messages[].name is new and required",)
    assert breaking(more, needed) == ("input messages[].name was optional and is required",)
    assert breaking(more, old) == ("input messages[].name was removed",)
    before, maybe, after = (read(tmp_path, outputs=one) for one in (plain, optional, required))
    assert breaking(before, after) == breaking(before, maybe) == breaking(maybe, after) == ()
    assert breaking(after, before) == ("output messages[].name was removed",)
    assert breaking(after, maybe) == ("output messages[].name was required and is optional",)


def test_a_signature_that_says_nothing_more_of_a_side_breaks_callers(tmp_path: Path) -> None:
    """Nobody can say whether they can go on."""
    old = read(tmp_path, inputs=of("double", True), outputs=of("double", True))
    new = read(tmp_path, inputs=of("double", True))
    assert breaking(old, new) == ("the signature no longer says what the outputs are",)
    assert breaking(new, old) == ()


def test_types_too_deep_within_each_other_are_no_signature(tmp_path: Path) -> None:
    """One line says so; nothing runs out of stack."""
    deep: Any = DataType.string
    for _ in range(80):
        deep = Array(deep)
    with pytest.raises(PayloadError, match="more than 50 types are within each other"):
        read(tmp_path, inputs=of(deep, True))
