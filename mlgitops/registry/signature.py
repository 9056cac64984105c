"""A model version's signature, read from its MLmodel file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlgitops.core.signature import Anything, Array, Column, Map, Object, Param, Signature, Tensor
from mlgitops.errors import PayloadError
from mlgitops.system import files, yamls
from mlgitops.words import brief

if TYPE_CHECKING:
    from pathlib import Path

    from mlflow.models import ModelSignature
    from mlflow.types import ParamSchema, Schema

    from mlgitops.core.signature import Type

_MLMODEL = "MLmodel"
_DEEPEST = 50  # types within each other; people nest three or four


def signature_in(folder: Path) -> Signature | None:
    """The signature of a model that lies in a folder; None if it has none.

    Raises:
        PayloadError: it cannot be read.
    """
    try:
        described = yamls.load(files.read_bytes(folder / _MLMODEL, limit=yamls.LARGEST))
        return said_by(described.get("signature"))
    except PayloadError:
        raise
    except Exception as error:  # nobody knows what is written there
        raise _unreadable(error) from error


def said_by(described: Any) -> Signature | None:
    """The signature that an MLmodel file describes; None if it describes none.

    MLflow's own reader of the whole file takes ten times as long, as it does without libyaml.

    Raises:
        PayloadError: it cannot be read.
    """
    if described is None:
        return None
    from mlflow.models import ModelSignature

    try:
        return _signature(ModelSignature.from_dict(described))
    except Exception as error:  # MLflow raises whatever comes of what is written there
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> PayloadError:
    said = brief(error, 300)
    return PayloadError(f"the signature in its MLmodel file cannot be read: {said}")


def _signature(found: ModelSignature) -> Signature:
    return Signature(
        inputs=_columns(found.inputs),
        outputs=_columns(found.outputs),
        params=_params(found.params),
    )


def _columns(schema: Schema | None) -> tuple[Column, ...] | None:
    if schema is None:
        return None
    return tuple(_column(index, spec) for index, spec in enumerate(schema.inputs))


def _column(index: int, spec: Any) -> Column:
    from mlflow.types import TensorSpec

    tensor = isinstance(spec, TensorSpec)
    return Column(
        name=str(index) if spec.name is None else str(spec.name),
        type=Tensor(str(spec.type), tuple(spec.shape)) if tensor else _type(spec.type),
        required=bool(spec.required),
    )


def _params(schema: ParamSchema | None) -> tuple[Param, ...]:
    return tuple(
        Param(
            name=spec.name,
            type=_type(spec.dtype) if spec.shape is None else Array(_type(spec.dtype)),
            default=json.dumps(spec.default, default=str),
        )
        for spec in schema or ()
    )


def _type(kind: Any, depth: int = 0) -> Type:
    from mlflow.types import schema

    if depth > _DEEPEST:
        raise ValueError(f"more than {_DEEPEST} types are within each other")
    match kind:
        case schema.Array():  # a vector of Spark ML is one
            return Array(_type(kind.dtype, depth + 1))
        case schema.Map():
            return Map(_type(kind.value_type, depth + 1))
        case schema.Object():
            return Object(
                tuple(
                    Column(name=p.name, type=_type(p.dtype, depth + 1), required=bool(p.required))
                    for p in kind.properties
                )
            )
        case schema.AnyType():
            return Anything()
    return str(kind.name)
