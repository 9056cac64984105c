"""What a model itself says comes from a process of its own, and servers are held to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.errors import ServeError
from mlgitops.serve.payloads import Payload
from mlgitops.serve.truth import alike, of_folder, read
from tests.answering import answering
from tests.hostile import models

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Team

pytestmark = pytest.mark.xdist_group("hostile-models")  # MLflow is imported once for them

RECORDS = Payload(name="records", body=b'{"dataframe_records": [{"x": 1.0}]}')
OTHERS = Payload(name="others", body=b'{"data": [1]}')


def said(predictions: Any = (1.0,), **more: Any) -> dict[str, Any]:
    """One verdict, as the process writes it."""
    return {"status": 200, "answer": {"predictions": predictions}, "again": None, **more}


def test_a_model_is_asked_what_mlflow_reads_from_a_request(tmp_path: Path) -> None:
    """Its answers, what it raised, and what MLflow refuses before it; its own example beside."""
    body = "assert len(frame) < 3, 'three are too many'; return list(frame['x'] * 2)"
    model = models.write(tmp_path / "m", body)
    three = Payload(name="three", body=b'{"dataframe_records": [{"x": 1}, {"x": 1}, {"x": 1}]}')
    truth = of_folder(model, [RECORDS, three, OTHERS], None)
    assert truth.example == [2.0, 4.0]
    good, raised, refused = truth.verdicts
    assert (good.status, good.predictions) == (200, [2.0])
    assert (raised.status, raised.by_model) == (400, True)
    assert raised.why == "AssertionError: three are too many"
    assert (refused.status, refused.by_model) == (400, False)


def test_a_model_that_kills_its_process_is_one_line(team: Team, tmp_path: Path) -> None:
    """As a pickle of another Python may: `smoke` says what ended it, and goes on living."""
    number = team.version()
    team.payload(number).joinpath("MLmodel").unlink()
    model = models.write(tmp_path / "m", "ctypes.string_at(0)")
    for path in model.rglob("*"):
        there = team.payload(number) / path.relative_to(model)
        there.mkdir() if path.is_dir() else there.write_bytes(path.read_bytes())
    with answering(lambda _: (200, "text/plain", "")) as url:
        ran = team.run("smoke", "wind", str(number), "--url", url)
    assert ran.code == 1
    assert [line for line in ran.err.splitlines() if not line.startswith("using the")] == [
        "error: the model cannot be asked: its process ended before it answered: Segmentation fault"
    ]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "cannot be read"),
        ([{"error": "ValueError: no\nmodel"}], "^the model cannot be asked: ValueError: no model$"),
        ([{"mlflow": "3"}], "answered 0 of 1 requests"),
        ([{"mlflow": "3"}, {"status": "200"}], "cannot be read"),
        ([{"mlflow": "3"}, said(more=1)], "cannot be read"),
        ([{"mlflow": 3}, said()], "cannot be read"),
        (["text", 1], "cannot be read"),
    ],
)
def test_what_the_process_says_is_checked(lines: list[Any], why: str) -> None:
    """It runs a stranger's code: whatever is no answer is one line."""
    with pytest.raises(ServeError, match=why):
        read(lines, 1)


def test_what_differs_between_two_answers_may_differ_in_the_third() -> None:
    """Identifiers and times of chats and agents, and nothing beside them."""
    now = int(time.time())
    first = {"id": "a1", "created": now, "choices": [{"content": "windy", "tokens": [7]}]}
    again = {**first, "id": "b2"}
    assert alike({**first, "id": "c3", "created": now + 60}, first, again)
    assert not alike({**first, "id": 3}, first, again)
    assert not alike({**first, "created": now + 7_200}, first, again)
    assert not alike({**first, "created": None}, first, again)
    for content in ("calm", None, 7):
        other = {"content": content, "tokens": [7]}
        assert not alike({**first, "choices": [other]}, first, again)
    assert not alike({**first, "choices": []}, first, again)
    assert not alike({**first, "more": 1}, first, again)
    assert not alike([1.0, 2.5], [1.0, 2.0], [1.0, 2.0])
