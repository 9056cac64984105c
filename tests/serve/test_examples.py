"""What a model can be asked is read from its folder as data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from mlgitops.errors import ServeError
from mlgitops.serve.examples import example_in
from mlgitops.serve.payloads import good

if TYPE_CHECKING:
    from pathlib import Path

LOADER = "flavors: {python_function: {loader_module: nothing}}\n"


def test_neither_signature_nor_example(tmp_path: Path) -> None:
    """There is nothing to ask with, and the error says what to do."""
    (tmp_path / "MLmodel").write_text(LOADER, encoding="utf-8")
    with pytest.raises(ServeError, match="log it with input_example="):
        example_in(tmp_path)


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    """Not an exception of whatever read it."""
    (tmp_path / "MLmodel").write_text(f"{LOADER}signature: {{inputs: '['}}", encoding="utf-8")
    with pytest.raises(ServeError, match=r"^cannot derive .* cannot be read: \S") as caught:
        example_in(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_long_example_is_asked_in_part(tmp_path: Path) -> None:
    """A thousand rows prove as much as all that a model was trained on."""
    rows = [[float(number)] for number in range(1_500)]
    saved = "{artifact_path: example.json, pandas_orient: split, type: dataframe}"
    (tmp_path / "MLmodel").write_text(f"{LOADER}saved_input_example_info: {saved}")
    (tmp_path / "example.json").write_text(json.dumps({"columns": ["x"], "data": rows}))
    found = example_in(tmp_path).inputs
    assert isinstance(found, pd.DataFrame)
    assert found.shape == (1_000, 1)


def test_named_tensors_of_a_signature(tmp_path: Path) -> None:
    """One array for each name, of its shape and type."""
    tensors = [
        {"name": "a", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}},
        {"name": "b", "type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}},
    ]
    signature = f"signature: {{inputs: '{json.dumps(tensors)}'}}"
    (tmp_path / "MLmodel").write_text(LOADER + signature, encoding="utf-8")
    found = example_in(tmp_path).inputs
    assert isinstance(found, dict)
    assert {name: (one.shape, one.dtype) for name, one in found.items()} == {
        "a": ((1, 3), np.dtype("float32")),
        "b": ((1,), np.dtype("int64")),
    }


def test_a_chat_without_its_example_is_asked_by_its_task(tmp_path: Path) -> None:
    """No table fits it: it gets a message, as does an agent by its own key."""
    (tmp_path / "MLmodel").write_text(
        """\
flavors: {python_function: {loader_module: nothing}}
metadata: {task: agent/v1/chat}
signature:
  inputs: '[{"name": "messages", "type": "string"}]'
""",
        encoding="utf-8",
    )
    (payload,) = good(example_in(tmp_path))
    assert json.loads(payload.body) == {"messages": [{"role": "user", "content": "Hello!"}]}
