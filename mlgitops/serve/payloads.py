"""Requests for `/invocations`, good and bad, derived from what a model can be asked.

The formats are those of MLflow's scoring protocol (mlflow.pyfunc.scoring_server, 3.17): the JSON
keys `dataframe_split`, `dataframe_records`, `instances` and `inputs`, what chats and agents take
without a key, and CSV and Parquet. Whether a model takes a format, only MLflow itself can say.
"""

from __future__ import annotations

import base64
import io
import json
import shlex
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlgitops.serve.examples import example_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

    from mlgitops.serve.examples import Example

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
RECORDS = "dataframe_records"
_DEEP = 100_000  # brackets
_LARGE = 10_000_000  # bytes
STEP = 10


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

    example = example_in(folder)
    inputs = example.inputs
    if not isinstance(inputs, pd.DataFrame | np.ndarray):
        return next(good(example))
    body: dict[str, Any] = {"instances": inputs[:1]}
    if isinstance(inputs, pd.DataFrame):
        full = inputs.dropna()
        body = {RECORDS: _records((inputs if full.empty else full).head(1))}
    params = {"params": example.params} if example.params else {}
    return Payload(name="example", body=_json({**body, **params}))


def good(example: Example) -> Iterator[Payload]:
    """The example in every format that MLflow may accept for it; the likeliest comes first."""
    import pandas as pd

    whole = [] if example.whole is None else [Payload(name="example", body=_json(example.whole))]
    if example.inputs is None:
        yield from whole
        return
    inputs = example.inputs
    found = [*(_tables(inputs) if isinstance(inputs, pd.DataFrame) else _arrays(inputs)), *whole]
    yield from found
    if example.params:
        body = {**json.loads(found[0].body), "params": example.params}
        yield Payload(name="params", body=_json(body))


def _arrays(arrays: Any) -> Iterator[Payload]:
    """An array, or arrays by their names, which may be as long as one another."""
    rows = arrays
    if isinstance(arrays, dict):
        rows = [dict(zip(arrays, row, strict=True)) for row in zip(*arrays.values(), strict=False)]
    names = ("inputs", "instances") if isinstance(arrays, dict) else ("instances", "inputs")
    for name in names:
        yield Payload(name=name, body=_json({name: rows if name == "instances" else arrays}))


def _tables(table: pd.DataFrame) -> Iterator[Payload]:
    records = _records(table)
    names = list(table.columns)
    columns = {name: [record[name] for record in records] for name in names}
    split = {"columns": names, "data": [list(record.values()) for record in records]}
    yield Payload(name="dataframe_split", body=_json({"dataframe_split": split}))
    yield Payload(name=RECORDS, body=_json({RECORDS: records}))
    yield Payload(name="instances", body=_json({"instances": records}))
    yield Payload(name="inputs", body=_json({"inputs": columns}))
    yield Payload(name="CSV", body=table.to_csv(index=False).encode(), content_type=CSV)
    buffer = io.BytesIO()
    with suppress(Exception):  # Parquet has no form for every value that JSON has one for
        table.to_parquet(buffer)
        yield Payload(name="Parquet", body=buffer.getvalue(), content_type=PARQUET)


def curl(payload: Payload, url: str) -> str:
    """The command that sends a payload to the server at `url`."""
    kind = shlex.quote(f"Content-Type: {payload.content_type}")
    return f"curl {url}/invocations -H {kind} -d {shlex.quote(payload.body.decode())}"


def malformed() -> Iterator[Payload]:
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


def bare(example: Example) -> Iterator[Payload]:
    """The list of records without a key, as the first tutorials of MLflow wrote it."""
    import pandas as pd

    if isinstance(example.inputs, pd.DataFrame):
        records = _records(example.inputs)
        yield Payload(name="bare list of records", body=_json(records))


def hostile(example: Example) -> Iterator[Payload]:
    """Requests that a server may refuse or answer, but must survive, and tell nothing by."""
    import pandas as pd

    body = next(good(example)).body
    yield Payload(name="UTF-16", body=body.decode().encode("utf-16"))
    latin = f"{JSON}; charset=latin-1"
    yield Payload(name="another charset", body=body, content_type=latin)
    yield Payload(name="CSV that is JSON", body=body, content_type=CSV)
    yield Payload(name="Parquet that is JSON", body=body, content_type=PARQUET)
    if not isinstance(example.inputs, pd.DataFrame):
        return
    (row,) = _records(example.inputs.head(1))
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
        yield Payload(name=name, body=_json({RECORDS: [{**row, first: value}]}))
    yield Payload(name="an extra column", body=_json({RECORDS: [{**row, "extra": 1}]}))


def growing(example: Example) -> Iterator[Payload]:
    """A row of a table once, then each time `STEP` times as often, up to 10 MB of records."""
    import pandas as pd

    if not isinstance(example.inputs, pd.DataFrame):
        return
    (row,) = _records(example.inputs.head(1))
    rows, most = 1, -(-_LARGE // len(_json({RECORDS: [row]})))
    while rows < most:
        yield Payload(name=f"{rows:,} records at once", body=_json({RECORDS: [row] * rows}))
        rows *= STEP
    yield Payload(name="10 MB of records", body=_json({RECORDS: [row] * most}))


def unfit(example: Example) -> Iterator[Payload]:
    """Requests that are not what the example is; most signatures refuse them."""
    import pandas as pd

    if not example.declared or example.inputs is None:
        return
    if not isinstance(example.inputs, pd.DataFrame):
        yield Payload(name="text for numbers", body=_json({"inputs": ["text"]}))
        return
    (record,) = _records(example.inputs.head(1))
    names, row = list(record), list(record.values())

    def split(name: str, columns: list[str], values: list[Any]) -> Payload:
        return Payload(
            name=name, body=_json({"dataframe_split": {"columns": columns, "data": [values]}})
        )

    yield split("missing column", names[1:], row[1:])
    yield split("ragged row", names, row[1:])
    yield split("mapping for a value", names, [{"a": 1}, *row[1:]])
    if pd.api.types.is_numeric_dtype(example.inputs[names[0]]):
        yield split("text for a number", names, ["text", *row[1:]])


def _records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows by their columns' names; NaN stays in columns of floats, all else missing is None."""
    import pandas as pd

    floats = {name for name, kind in table.dtypes.items() if pd.api.types.is_float_dtype(kind)}

    def cell(name: Any, value: Any) -> Any:
        keeps = name in floats and isinstance(value, float)
        missing = not keeps and pd.api.types.is_scalar(value) and pd.isna(value)
        return None if missing else value

    names = list(table.columns)
    rows = table.itertuples(index=False, name=None)
    return [{n: cell(n, value) for n, value in zip(names, row, strict=True)} for row in rows]


def _json(document: Any) -> bytes:
    return json.dumps(document, default=_plain).encode()


def _plain(value: Any) -> Any:
    """What JSON has no word for, as MLflow reads it: arrays as lists, bytes in Base64, times."""
    if hasattr(value, "tolist"):  # NumPy's numbers, too
        return value.tolist()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
