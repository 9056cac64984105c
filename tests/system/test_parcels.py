"""Tests of `mlgitops.system.parcels`: what goes to a process of another Python."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlgitops.system.parcels import packed

TABLES = {
    "numbers": pd.DataFrame({"x": [1.0, None], "n": [1, 2], "yes": [True, False]}),
    "texts": pd.DataFrame({"t": ["a", None], "c": pd.Categorical(["b", "a"])}),
    "times": pd.DataFrame({"d": pd.date_range("2024-01-01", periods=2, tz="UTC")}),
    "numbers that may be missing": pd.DataFrame({"i": pd.array([1, None], dtype="Int64")}),
    "no rows": pd.DataFrame({"x": pd.Series(dtype="float32")}),
    "values of two kinds": pd.DataFrame({"x": [1, "a"]}),
    "one name twice": pd.DataFrame([[1, 2]], columns=["x", "x"]),
}
ARRAYS = {
    "a matrix, column by column": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "texts": np.array(["a", "bc"]),
    "objects": np.array([["a", None], [1, {}]], dtype=object),
    "one number": np.array(3),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_tables_arrive_as_they_were(table: pd.DataFrame) -> None:
    """With the types of their columns, where values of one type are in them."""
    pd.testing.assert_frame_equal(opened(table), table, check_dtype="x" not in table.columns[1:])


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_arrays_arrive_as_they_were(array: np.ndarray) -> None:
    """Also within other values, and single numbers of an array."""
    found = opened({"given": [array, array.flat[0]]})["given"]
    np.testing.assert_array_equal(found[0], array)
    assert (found[0].dtype, found[1]) == (array.dtype, array.flat[0])


def opened(what: object) -> Any:
    """What arrives, if nothing of it names a module of pandas or NumPy."""
    data = packed(what)
    assert b"pandas." not in data.replace(b'"pandas_version"', b"")
    assert b"numpy.core" not in data
    assert b"numpy._core" not in data
    return pickle.loads(data)  # noqa: S301 - written here
