"""Requests for `/invocations`, good and bad, derived from a model's own input example.

The formats are those of MLflow's scoring protocol (mlflow.pyfunc.scoring_server, 3.17): the JSON
keys `dataframe_split`, `dataframe_records`, `instances` and `inputs`, and CSV and Parquet.
"""

from __future__ import annotations

import io
import json
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlgitops.errors import ServeError
from mlgitops.system import files
from mlgitops.words import brief

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import PyFuncModel

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
_WHOLE = "serving_input_example.json"  # how MLflow saves an example, ready to be sent
_DEEP = 100_000  # brackets
_LARGE = 10_000_000  # bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """One request.

    Attributes:
        known: the status that MLflow's server is known to answer instead of a 4xx with JSON.
    """

    name: str
    body: bytes
    content_type: str | None = JSON
    method: str = "POST"
    known: int | None = None


def example_of(model: PyFuncModel) -> pd.DataFrame | np.ndarray[Any, Any]:
    """The model's input example, or one made from its signature.

    Raises:
        ServeError: the model was logged with neither.
    """
    return _example(model.input_example, model.metadata.signature)


def example_in(folder: Path) -> pd.DataFrame | np.ndarray[Any, Any]:
    """The same of a model that lies in a folder; nothing of it is run.

    Raises:
        ServeError: the model was logged with neither, or they cannot be read.
    """
    from mlflow.models import Model

    try:
        saved = Model.load(str(folder))
        return _example(saved.load_input_example(str(folder)), saved.signature)
    except ServeError:
        raise
    except Exception as error:  # MLflow raises whatever comes of what is written there
        said = brief(error, 200)
        raise ServeError(
            f"cannot derive a request: the input example or the signature cannot be read: {said}"
        ) from error


def request_in(folder: Path) -> Payload:
    """A request that people can read, of a model that lies in a folder.

    It asks for one row, with the parameters of the model's example, else with their defaults. What
    is no table or array, such as the messages of a chat, is asked as MLflow saved it.

    Raises:
        ServeError: the model was logged with neither an example nor a signature, or with an example
            that cannot be read.
    """
    import numpy as np
    import pandas as pd
    from mlflow.models import Model

    whole = folder / _WHOLE
    try:
        saved = Model.load(str(folder))
        example: object = saved.load_input_example(str(folder))
        if not isinstance(example, pd.DataFrame | np.ndarray) and whole.is_file():
            body = _json(json.loads(files.read_bytes(whole, limit=_LARGE)))  # on one line
            return Payload(name="example", body=body)
    except Exception as error:  # MLflow raises whatever comes of what is saved there
        raise ServeError(
            f"its input example or MLmodel file cannot be read: {brief(error, 300)}"
        ) from error
    payload = readable(_example(example, saved.signature))
    known = saved.signature.params if saved.signature else None
    if not known:
        return payload
    params = saved.load_input_example_params(str(folder)) or {}
    params = {one["name"]: params.get(one["name"], one["default"]) for one in known.to_dict()}
    return replace(payload, body=_json({**json.loads(payload.body), "params": params}))


def _example(
    example: object, signature: ModelSignature | None
) -> pd.DataFrame | np.ndarray[Any, Any]:
    import numpy as np
    import pandas as pd

    if isinstance(example, pd.DataFrame | np.ndarray):
        return example
    if signature is None or signature.inputs is None:
        raise ServeError(
            "cannot derive a request, because the model has neither an input example nor a "
            "signature; log it with input_example="
        )
    return _made(signature)


def _made(signature: ModelSignature) -> pd.DataFrame | np.ndarray[Any, Any]:
    import numpy as np
    import pandas as pd

    schema = signature.inputs
    if schema.is_tensor_spec():
        spec = schema.inputs[0]
        shape = [1 if size == -1 else size for size in spec.shape]
        return np.ones(shape, dtype=spec.type)
    names = schema.input_names() if schema.has_input_names() else range(len(schema.inputs))
    return pd.DataFrame(
        {name: _column(spec.type) for name, spec in zip(names, schema.inputs, strict=True)}
    )


def _column(kind: Any) -> Any:
    """Two values of a type of MLflow's."""
    import numpy as np
    from mlflow.types import DataType

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


def good(example: pd.DataFrame | np.ndarray[Any, Any]) -> Iterator[Payload]:
    """The example in every format that MLflow accepts for it."""
    import pandas as pd

    if not isinstance(example, pd.DataFrame):
        for key in ("instances", "inputs"):
            yield Payload(name=key, body=_json({key: example.tolist()}))
        return
    names, rows = list(example.columns), [list(row) for row in example.itertuples(index=False)]
    records = _records(example)
    columns = {name: [record[name] for record in records] for name in names}
    split = {"columns": names, "data": rows}
    yield Payload(name="dataframe_split", body=_json({"dataframe_split": split}))
    yield Payload(name="dataframe_records", body=_json({"dataframe_records": records}))
    yield Payload(name="instances", body=_json({"instances": records}))
    yield Payload(name="inputs", body=_json({"inputs": columns}))
    yield Payload(name="CSV", body=example.to_csv(index=False).encode(), content_type=CSV)
    buffer = io.BytesIO()
    example.to_parquet(buffer)
    yield Payload(name="Parquet", body=buffer.getvalue(), content_type=PARQUET)


def readable(example: pd.DataFrame | np.ndarray[Any, Any]) -> Payload:
    """The first row of the example, in the format that people read best."""
    import pandas as pd

    if not isinstance(example, pd.DataFrame):
        return next(good(example[:1]))
    full = example.dropna()
    asked = {payload.name: payload for payload in good((example if full.empty else full).head(1))}
    return asked["dataframe_records"]


def curl(payload: Payload, url: str) -> str:
    """The command that sends a payload to the server at `url`."""
    kind = shlex.quote(f"Content-Type: {payload.content_type}")
    return f"curl {url}/invocations -H {kind} -d {shlex.quote(payload.body.decode())}"


def malformed(
    example: pd.DataFrame | np.ndarray[Any, Any], signature: ModelSignature | None
) -> Iterator[Payload]:
    """Requests that no model may answer with a prediction, nor a server with a crash."""
    yield Payload(name="broken JSON", body=b'{"inputs": [')
    yield Payload(name="empty body", body=b"")
    yield Payload(name="bare list", body=b"[1, 2]")
    yield Payload(name="bare number", body=b"1")
    yield Payload(name="unknown key", body=b'{"data": [1]}')
    yield Payload(name="two formats", body=b'{"inputs": [1], "instances": [1]}')
    yield Payload(name="not UTF-8", body=b'{"inputs": "\xff"}')
    # MLflow 3.17 answers these with 500, or with a 4xx that is plain text
    deep = b'{"inputs": ' + b"[" * _DEEP + b"]" * _DEEP + b"}"
    yield Payload(name="deep nesting", body=deep, known=500)
    yield Payload(name="no content type", body=b"{}", content_type=None, known=500)
    yield Payload(name="other content type", body=b"x", content_type="text/plain", known=415)
    yield Payload(name="/invocations", body=b"", method="GET")
    if signature is not None and signature.inputs is not None:
        yield from _against(example)


def bare(example: pd.DataFrame | np.ndarray[Any, Any]) -> Iterator[Payload]:
    """The list of records without a key, as the first tutorials of MLflow wrote it."""
    import pandas as pd

    if isinstance(example, pd.DataFrame):
        records = json.dumps(_records(example), default=_plain).encode()
        yield Payload(name="bare list of records", body=records)


def hostile(example: pd.DataFrame | np.ndarray[Any, Any]) -> Iterator[Payload]:
    """Requests that a server may refuse or answer, but must survive, and tell nothing by."""
    import pandas as pd

    if not isinstance(example, pd.DataFrame):
        return
    row = {name: _plain(value) for name, value in example.iloc[0].items()}
    first = next(iter(row))
    for name, value in {
        "NaN": float("nan"),
        "infinity": float("inf"),
        "a number of 400 digits": 10**400,
        "null": None,
        "a list for a value": [[1]],
        "true for a value": True,
        "a very long text": "x" * 100_000,
    }.items():
        yield Payload(name=name, body=_json({"dataframe_records": [{**row, first: value}]}))
    yield Payload(name="an extra column", body=_json({"dataframe_records": [{**row, "extra": 1}]}))
    body = _json({"dataframe_records": [row]})
    yield Payload(name="UTF-16", body=body.decode().encode("utf-16"))
    latin = f"{JSON}; charset=latin-1"
    yield Payload(name="another charset", body=body, content_type=latin)
    yield Payload(name="CSV that is JSON", body=body, content_type=CSV)
    yield Payload(name="Parquet that is JSON", body=body, content_type=PARQUET)
    many = -(-_LARGE // len(body))
    yield Payload(name="10 MB of records", body=_json({"dataframe_records": [row] * many}))


def _records(example: pd.DataFrame) -> list[dict[Any, Any]]:
    names = list(example.columns)
    return [dict(zip(names, row, strict=True)) for row in example.itertuples(index=False)]


def _against(example: pd.DataFrame | np.ndarray[Any, Any]) -> Iterator[Payload]:
    """Requests that do not fit the signature."""
    import pandas as pd

    if not isinstance(example, pd.DataFrame):
        yield Payload(name="text for numbers", body=_json({"inputs": ["text"]}))
        return
    names, row = list(example.columns), list(example.iloc[0])

    def split(name: str, columns: list[str], values: list[Any]) -> Payload:
        return Payload(
            name=name, body=_json({"dataframe_split": {"columns": columns, "data": [values]}})
        )

    yield split("missing column", names[1:], row[1:])
    yield split("ragged row", names, row[1:])
    yield split("mapping for a value", names, [{"a": 1}, *row[1:]])
    if pd.api.types.is_numeric_dtype(example[names[0]]):
        yield split("text for a number", names, ["text", *row[1:]])


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, default=_plain).encode()


def _plain(value: Any) -> Any:
    """What JSON has no word for: NumPy's numbers as numbers, times and the like as text."""
    return value.item() if hasattr(value, "item") else str(value)
