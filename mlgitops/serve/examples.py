"""What a model that lies in a folder can be asked: its input example, or one of its signature.

All of it is read as data: nothing of the model is run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlgitops.errors import ServeError
from mlgitops.serve.server import truth
from mlgitops.system import files
from mlgitops.words import brief

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from mlflow.models import Model, ModelSignature

    Inputs = pd.DataFrame | np.ndarray[Any, Any] | dict[str, np.ndarray[Any, Any]]

_WHOLE = "serving_input_example.json"  # how MLflow saves an example, ready to be sent
_LARGE, _SMALL = 10_000_000, 1_000_000  # bytes; beside a table, it says nothing new
# MLflow's names of what chats and agents do, and the key of their messages
_TASKS = {
    **dict.fromkeys(("agent/v1/chat", "agent/v2/chat", "llm/v1/chat"), "messages"),
    "agent/v1/responses": "input",
}
_NEITHER = (
    "cannot derive a request, because the model has neither an input example nor a signature; log "
    "it with input_example="
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Example:
    """What a model can be asked.

    Attributes:
        inputs: a table, an array, or arrays by their names; None for what is none of these, such as
            the messages of a chat.
        whole: the request that MLflow has saved beside the example; None if there is none.
        params: of the prediction; those of the example, else their defaults.
        declared: whether the model declares what it takes.
    """

    inputs: Inputs | None
    whole: Any = None
    params: Mapping[str, Any] = field(default_factory=dict)
    declared: bool = True


def example_in(folder: Path) -> Example:
    """What the model in a folder can be asked.

    Raises:
        ServeError: it was logged with neither an example nor a signature, or they cannot be read.
    """
    from mlflow.models import Model

    try:
        saved = Model.load(str(folder))
        inputs = _inputs(truth.head(saved.load_input_example(str(folder))))
        whole = _whole(folder, most=_LARGE if inputs is None else _SMALL)
        if inputs is None and whole is None and saved.signature and saved.signature.inputs:
            whole = _request(saved)
            inputs = None if whole else _made(saved.signature)
        params = _params(saved, folder)
    except Exception as error:  # MLflow raises whatever comes of what is written there
        raise ServeError(
            "cannot derive a request: the input example or the MLmodel file cannot be read: "
            f"{brief(error, 200)}"
        ) from error
    if inputs is None and whole is None:
        raise ServeError(_NEITHER)
    declared = saved.signature is not None and saved.signature.inputs is not None
    return Example(inputs=inputs, whole=whole, params=params, declared=declared)


def _whole(folder: Path, *, most: int) -> Any:
    """The request that MLflow saved; None where there is none, or one of too many bytes."""
    path = folder / _WHOLE
    if not path.is_file() or path.stat().st_size > most:
        return None
    return json.loads(files.read_bytes(path, limit=most))


def _request(saved: Model) -> dict[str, Any] | None:
    """A request of a model that takes no table, by what its MLmodel file says; None of others."""
    if key := _TASKS.get(str((saved.metadata or {}).get("task"))):
        return {key: [{"role": "user", "content": "Hello!"}]}
    if saved._is_signature_from_type_hint():  # noqa: SLF001 - the only way to know
        return {"inputs": _column(saved.signature.inputs.inputs[0].type)}
    return None


def _inputs(example: Any) -> Inputs | None:
    """An example that is a table or arrays; None for any other."""
    import numpy as np
    import pandas as pd

    if hasattr(example, "toarray"):  # sparse
        example = example.toarray()
    if isinstance(example, pd.DataFrame | np.ndarray):
        return example if example.size else None
    if isinstance(example, dict) and example:
        arrays = all(isinstance(value, np.ndarray) for value in example.values())
        return example if arrays else None
    return None


def _params(saved: Model, folder: Path) -> dict[str, Any]:
    known = saved.signature.params if saved.signature else None
    if not known:
        return {}
    given = saved.load_input_example_params(str(folder)) or {}
    return {one["name"]: given.get(one["name"], one["default"]) for one in known.to_dict()}


def _made(signature: ModelSignature) -> Inputs:
    import pandas as pd

    schema = signature.inputs
    if schema.is_tensor_spec():
        if schema.has_input_names():
            return {spec.name: _array(spec) for spec in schema.inputs}
        return _array(schema.inputs[0])
    names = schema.input_names() if schema.has_input_names() else range(len(schema.inputs))
    return pd.DataFrame(
        {name: _column(spec.type) for name, spec in zip(names, schema.inputs, strict=True)}
    )


def _array(spec: Any) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.ones([1 if size == -1 else size for size in spec.shape], dtype=spec.type)


def _column(kind: Any) -> Any:
    """Two values of a type of MLflow's."""
    import numpy as np
    import pandas as pd
    from mlflow.types import DataType

    if kind is DataType.datetime:
        return pd.to_datetime(["2001-02-03", "2004-05-06"])
    if isinstance(kind, DataType):
        return np.ones(2).astype(kind.to_numpy())
    return [_value(kind) for _ in range(2)]


def _value(kind: Any) -> Any:
    from mlflow.types import schema

    match kind:
        case schema.DataType():
            return _column(kind)[0]
        case schema.Array():
            return [_value(kind.dtype)]
        case schema.Map():
            return {"key": _value(kind.value_type)}
        case schema.Object():
            return {p.name: _value(p.dtype) for p in kind.properties if p.required}
    return "text"
