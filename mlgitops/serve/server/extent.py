"""How large the table in a request is, before pandas makes one of it.

A table's cost is not that of its bytes: pandas and MLflow look at each column several times, CSV
and JSON may have any number of them, and Parquet holds a billion equal values in a few bytes.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

PARQUET = "application/vnd.apache.parquet"
_CSV = "text/csv"


def extent(data: Any, content_type: str) -> tuple[int, int]:
    """Rows and columns, at most; 0 and 0 of what is no table.

    Args:
        data: a parsed JSON object, or bytes.
        content_type: what bytes are.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if isinstance(data, dict):
        return _of_json(data)
    if kind == _CSV:
        return _of_csv(data)
    return _of_parquet(data) if kind == PARQUET else (0, 0)


def _of_json(request: dict[str, Any]) -> tuple[int, int]:
    rows = columns = 0
    for key, value in request.items():
        if isinstance(value, list):
            named = [row for row in value if isinstance(row, dict)]
            found = len(named), len(set().union(*named))
        elif isinstance(value, dict) and key == "dataframe_split":
            lists = [row for row in _list(value.get("data")) if isinstance(row, list)]
            widths = map(len, [_list(value.get("columns")), *lists])
            found = len(lists), max(widths)
        elif isinstance(value, dict):
            found = max((len(_list(v)) for v in value.values()), default=0), len(value)
        else:
            continue
        rows, columns = max(rows, found[0]), max(columns, found[1])
    return rows, columns


def _list(value: Any) -> Collection[Any]:
    return value if isinstance(value, list) else ()


def _of_csv(body: bytes) -> tuple[int, int]:
    if b'"' not in body:
        lines = body.splitlines()
        return len(lines), max((line.count(b",") + 1 for line in lines), default=0)
    csv.field_size_limit(len(body) + 1)
    text = io.TextIOWrapper(io.BytesIO(body), "utf-8", errors="replace", newline="")
    rows = columns = 0
    try:
        for row in csv.reader(text):
            rows, columns = rows + 1, max(columns, len(row))
    except csv.Error:
        pass  # pandas tells what is wrong
    return rows, columns


def _of_parquet(body: bytes) -> tuple[int, int]:
    from pyarrow import ArrowException
    from pyarrow.parquet import read_metadata

    try:
        found = read_metadata(io.BytesIO(body))
    except (ArrowException, OSError, ValueError):
        return 0, 0  # MLflow tells what is wrong
    return found.num_rows, found.num_columns
