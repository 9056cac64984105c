"""A model version's signature, read from its MLmodel file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlgitops.core.signature import Column, Signature
from mlgitops.errors import PayloadError
from mlgitops.words import brief

if TYPE_CHECKING:
    from pathlib import Path

    from mlflow.models import ModelSignature
    from mlflow.types import Schema


def signature_in(folder: Path) -> Signature | None:
    """The signature of a model that lies in a folder; None if it has none.

    Raises:
        PayloadError: it cannot be read.
    """
    from mlflow.models import Model

    try:
        return _signature(Model.load(str(folder)).signature)
    except Exception as error:  # MLflow raises whatever comes of what is written there
        said = brief(error, 300)
        raise PayloadError(f"the signature in its MLmodel file cannot be read: {said}") from error


def _signature(found: ModelSignature | None) -> Signature | None:
    if found is None:
        return None
    return Signature(inputs=_columns(found.inputs), outputs=_columns(found.outputs))


def _columns(schema: Schema | None) -> tuple[Column, ...] | None:
    if schema is None:
        return None
    return tuple(_column(index, spec) for index, spec in enumerate(schema.inputs))


def _column(index: int, spec: Any) -> Column:
    # a tensor is always required, and does not say so
    from mlflow.types import TensorSpec

    kind = f"tensor({spec.type}, {spec.shape})" if isinstance(spec, TensorSpec) else str(spec.type)
    name = str(index) if spec.name is None else str(spec.name)
    return Column(
        name=name, type=kind.removeprefix("DataType."), required=getattr(spec, "required", True)
    )
