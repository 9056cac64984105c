"""Serving a stage, and the smoke test of what serves: with real servers of real models."""

from __future__ import annotations

import json
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.errors import ServeError
from mlgitops.serve.local import start
from mlgitops.system.ports import free_port
from tests.answering import answering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.team import Team

pytestmark = pytest.mark.xdist_group("farm")

WIND = "power-forecasting-model"
TUMOUR = "tumour-diagnosis-model"


@pytest.fixture(scope="module")
def served(trained: Path) -> Iterator[str]:
    """The URL of a server of the gradient boosting version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{trained}")
        with start(f"models:/{WIND}/2") as url:
            yield url


@pytest.fixture
def in_production(farm: Team) -> Team:
    """A team with the gradient boosting version in Production and the linear one in Staging."""
    farm.stages(WIND, Production=2, Staging=1)
    farm.ok("apply")
    return farm


def test_the_smoke_test_passes_on_the_right_model(in_production: Team, served: str) -> None:
    """All endpoints, all six formats and all bad requests, with the model's own predictions."""
    ran = in_production.run("smoke", WIND, "Production", "--url", served, "--format", "json")

    assert ran.code == 0, ran.err
    checks = {check["request"]: check["outcome"] for check in ran.document["checks"]}
    assert {"passed"} == {
        checks[f"POST {name}"]
        for name in (
            "dataframe_split",
            "dataframe_records",
            "instances",
            "inputs",
            "CSV",
            "Parquet",
        )
    }
    assert {"passed"} == {checks[f"GET {path}"] for path in ("/ping", "/health", "/version")}
    assert {"POST deep nesting", "POST no content type", "POST other content type"} == {
        request for request, outcome in checks.items() if outcome == "warned"
    }


def test_the_curl_of_the_model_card(in_production: Team, served: str) -> None:
    """The very command that the card prints gets a prediction, if the port is right."""
    card = in_production.ok("card", WIND).out
    (command,) = (line for line in card.splitlines() if line.startswith("curl "))
    port = served.rpartition(":")[2]
    ran = subprocess.run(
        ["bash", "-c", command.replace(":5001/", f":{port}/")],
        check=True,
        capture_output=True,
        text=True,
    )
    (power,) = json.loads(ran.stdout)["predictions"]
    assert 0 <= power <= 20_000


def test_the_smoke_test_fails_on_another_model(in_production: Team, served: str) -> None:
    """A server that answers with another version's predictions is found out, with exit code 5."""
    ran = in_production.run("smoke", WIND, "Staging", "--url", served)

    assert ran.code == 5
    assert "POST dataframe_split: 200" in ran.err
    assert "failed" in ran.out


def test_the_smoke_test_in_markdown(in_production: Team, served: str) -> None:
    """The result is the first line, a table follows."""
    ran = in_production.ok("smoke", WIND, "Production", "--url", served, "--format", "markdown")
    assert ran.out.startswith("**models:/power-forecasting-model/2 at http:&#8203;//127.0.0.1:")
    assert "| passed | POST CSV | 200, the model's own predictions | 200 " in ran.out


def test_the_smoke_test_serves_by_itself(farm: Team) -> None:
    """Without a URL it starts a server, here of a pinned payload; labels are compared as well."""
    farm.stages(TUMOUR, Production=1)
    farm.ok("apply")
    farm.ok("pin")
    ran = farm.ok("smoke", TUMOUR, "Production")
    assert "models:/tumour-diagnosis-model/1 at http://127.0.0.1:" in ran.out
    assert " 3 warned" in ran.out


@pytest.mark.parametrize(
    ("answer", "failing"),
    [
        (lambda _: (200, "text/html", "<html>"), "POST dataframe_split"),
        (lambda _: (500, "text/plain", "Traceback (most recent call last)"), "GET /ping"),
        (lambda _: (200, "application/json", '{"predictions": [1, 2, 3]}'), "POST inputs"),
        (lambda _: (200, "application/json", '{"predictions": [1]}'), "POST broken JSON"),
    ],
    ids=["html", "500", "wrong-predictions", "bad-requests-answered"],
)
def test_a_server_that_answers_wrongly_fails(
    in_production: Team, answer: Any, failing: str
) -> None:
    """HTML, 500, wrong numbers, and predictions for nonsense: each fails and names the request."""
    with answering(answer) as url:
        ran = in_production.run("smoke", WIND, "Production", "--url", url, "--format", "json")
    assert ran.code == 5
    outcomes = {check["request"]: check["outcome"] for check in ran.document["checks"]}
    assert outcomes[failing] == "failed"


def test_nothing_answers(in_production: Team) -> None:
    """One line says so, and what to do."""
    url = f"http://127.0.0.1:{free_port()}"
    ran = in_production.run("smoke", WIND, "Production", "--url", url)
    assert ran.code == 1
    assert f"error: no server answers at {url} (Connection refused); start one with" in ran.err


def test_an_empty_stage_and_an_unknown_model(in_production: Team) -> None:
    """There is nothing to serve; the error says which stages hold a version, or was meant."""
    (in_production.folder / "more.yaml").write_text("models: {}\nstages: [Production, Shadow]\n")
    ran = in_production.run("serve", WIND, "Shadow", "--file", "more.yaml")
    assert ran.code == 64
    assert "Shadow of power-forecasting-model is empty" in ran.err
    assert "Production, Staging" in ran.err
    ran = in_production.run("serve", WIND, "Prod")
    assert ran.code == 64
    assert f"{WIND} has no stage 'Prod'; did you mean 'Production'?" in ran.err
    assert "has no model 'nobody'" in in_production.run("serve", "nobody", "Production").err


def test_a_port_that_is_taken(in_production: Team) -> None:
    """One line names the port, before anything is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = in_production.run("serve", WIND, "Production", "--port", str(port))
    assert ran.code == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in ran.err


def test_a_model_that_does_not_load(monkeypatch: pytest.MonkeyPatch, trained: Path) -> None:
    """The server's own last lines are in the error."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{trained}")
    failing = pytest.raises(ServeError, match="stopped; its last lines:")
    with failing as caught, start(f"models:/{WIND}/99"):
        pytest.fail("it cannot have started")
    assert "not found" in str(caught.value)
