"""The server beside packages that are not those of today; tests/stack has images of them."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest

from mlgitops.serve import server
from mlgitops.serve.server.settings import Settings
from tests.serve.serving import asks, sum_model

pytestmark = pytest.mark.xdist_group("farm")

OLDEST_PYTHON = (3, 9)
_LATER = {"slots", "kw_only", "strict"}  # arguments of dataclass and zip


def test_without_a_reader_of_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said at start; a request in Parquet gets 415 and why, all others are answered."""
    from mlflow.pyfunc import load_model

    from mlgitops.serve.server.scoring import Scorer

    folder = sum_model(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    scorer = Scorer(load_model(str(folder)), Settings(model=folder))
    assert "requests in Parquet get 415" in caplog.text
    refused = scorer.answer(b"PAR1", "application/vnd.apache.parquet")
    assert refused.status == 415
    assert "without a reader of Parquet" in json.loads(refused.body)["message"]
    assert scorer.answer(asks(2.0), "application/json").body == '{"predictions": [3.0]}'


@pytest.mark.parametrize(
    "file", sorted(Path(server.__file__).parent.glob("*.py")), ids=lambda file: file.name
)
def test_the_server_is_written_for_the_python_of_old_models(file: Path) -> None:
    """It has no syntax of later versions, and no arguments that the standard library got later."""
    tree = ast.parse(file.read_text("utf-8"), feature_version=OLDEST_PYTHON)
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    named = {
        word.arg
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in {"dataclass", "zip"}
        for word in call.keywords
    }
    assert not named & _LATER
