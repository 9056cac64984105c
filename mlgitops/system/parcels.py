"""What goes to a process of another Python, whose pandas and NumPy are of other versions.

Their own pickles are for the same versions alone. Tables travel as Arrow's stream, arrays as bytes;
all else is Python's own. Read where only Python's library may be there until it is needed.
"""

from __future__ import annotations

import io
import pickle
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_PROTOCOL = 5  # of Python 3.8 and later


def packed(what: object) -> bytes:
    """A pickle of tables, arrays and values of Python's, for any Python from 3.10 on."""
    stream = io.BytesIO()
    _Packer(stream, _PROTOCOL).dump(what)
    return stream.getvalue()


class _Packer(pickle.Pickler):
    def reducer_override(self, given: Any) -> Any:
        """How to make it again; pickle's own way for what no library of tables made."""
        pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
        if pandas and isinstance(given, pandas.DataFrame):
            return _of_table(given)
        if numpy and isinstance(given, numpy.ndarray):
            if given.dtype.hasobject:
                return object_array, (given.tolist(), given.shape)
            return array, (given.tobytes(), given.dtype.str, given.shape)
        if numpy and isinstance(given, numpy.generic):
            return scalar, (given.tobytes(), given.dtype.str)
        return NotImplemented


def _of_table(frame: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    import pyarrow as pa

    try:
        found = pa.Table.from_pandas(frame)
    except (pa.ArrowException, TypeError, ValueError):  # values of mixed kinds, names twice
        return plain_table, (frame.columns.tolist(), frame.to_numpy(dtype=object).tolist())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found)
    return table, (sink.getvalue().to_pybytes(),)


def table(stream: bytes) -> Any:
    """The frame of an Arrow stream."""
    import pyarrow as pa

    with pa.ipc.open_stream(stream) as reader:
        return reader.read_all().to_pandas()


def plain_table(columns: list[Any], rows: list[list[Any]]) -> Any:
    """The frame of values that Arrow has no types for."""
    import pandas as pd

    return pd.DataFrame(rows, columns=columns)


def array(data: bytes, kind: str, shape: tuple[int, ...]) -> Any:
    """The array of bytes in C order."""
    import numpy as np

    return np.frombuffer(bytearray(data), dtype=kind).reshape(shape)


def object_array(values: Any, shape: tuple[int, ...]) -> Any:
    """The array of Python's own values."""
    import numpy as np

    found = np.empty(shape, dtype=object)
    found[...] = values
    return found


def scalar(data: bytes, kind: str) -> Any:
    """One value of an array."""
    import numpy as np

    return np.frombuffer(data, dtype=kind)[0]
