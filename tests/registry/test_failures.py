"""A registry that cannot be used gives one clear error that tells why, and no secret."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from mlgitops.system.ports import free_port
from tests.answering import answering
from tests.proxy import proxy

if TYPE_CHECKING:
    from tests.proxy import Proxy
    from tests.registry.certificates import Certificates
    from tests.team import Ran, Team

HTML = "<!doctype html><title>Sign in</title>"


def refused(team: Team, uri: str, *verb: str) -> Ran:
    """Run a verb against an address; it must end with exit code 1 and one error line."""
    team.stages(Production=1)
    ran = team.run(*(verb or ("plan",)), "--registry", uri)
    assert ran.code == 1
    assert ran.out == ""
    assert len(ran.err.splitlines()) == 1
    return ran


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, "You are not authenticated", "denied access (401); set MLFLOW_TRACKING_USERNAME"),
        (403, "Permission denied", "denied access (403); set MLFLOW_TRACKING_USERNAME"),
        (403, "Invalid Host header - attack", "does not answer to that host name (403); add it to"),
        (407, HTML, "the proxy does not lead to the registry at"),
        (429, HTML, "limits how often it answers (429); try again later"),
        (404, HTML, "there is no MLflow registry at"),
        (500, HTML, "keeps failing with a server error (5xx); see its log"),
        (503, HTML, "keeps failing with a server error (5xx); see its log"),
        (200, HTML, "it did not send JSON; check MLFLOW_TRACKING_URI, and any proxy or login page"),
        (200, '["a list"]', "sent what MLflow does not send (Expected `object`, got `array`)"),
    ],
)
@pytest.mark.parametrize("verb", ["plan", "apply", "status", "train"])
def test_what_the_registry_answers(
    team: Team, verb: str, status: int, body: str, expected: str
) -> None:
    """401, 403, 404, 5xx and HTML instead of JSON are told apart, by every verb."""
    with answering(lambda _: (status, "text/html", body)) as url:
        ran = refused(team, url, verb) if verb != "train" else refused_training(team, url)
    assert expected in ran.err
    assert url in ran.err
    assert HTML not in ran.err


def refused_training(team: Team, uri: str) -> Ran:
    """The same for `train`, which needs a recipe to ask for anything."""
    team.write("models: {wind: {versions: {1: {train: power_forecasting, params: {estimator: linear}}}, stages: {}}}")  # fmt: skip # noqa: E501
    ran = team.run("train", "--registry", uri)
    assert ran.code == 1
    return ran


def test_nothing_listens(team: Team) -> None:
    """A connection that is refused."""
    ran = refused(team, f"http://127.0.0.1:{free_port()}")
    assert "cannot reach the registry at" in ran.err


def test_a_host_that_does_not_exist(team: Team) -> None:
    """A name that cannot be resolved."""
    assert "cannot reach the registry" in refused(team, "http://no-such-host.invalid").err


def test_a_registry_that_is_too_slow(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is accepted and never answered ends at MLflow's own time limit."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")

    def late(_: str) -> tuple[int, str, str]:
        time.sleep(3)
        return 200, "application/json", "{}"

    with answering(late) as url:
        ran = refused(team, url)
    assert "did not answer in time; try again, or increase MLFLOW_HTTP_REQUEST_TIMEOUT" in ran.err


def test_a_port_that_speaks_no_http(team: Team) -> None:
    """Something listens and hangs up."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def hang_up() -> None:
            while True:
                try:
                    listener.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        ran = refused(team, f"http://127.0.0.1:{listener.getsockname()[1]}")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert "cannot reach the registry" in ran.err


@pytest.mark.xdist_group("server")
def test_a_certificate_that_is_not_trusted(
    team: Team, proxied: Proxy, papers: Certificates, variables: pytest.MonkeyPatch
) -> None:
    """What is wrong with it, and which variable names whom to trust; by MLflow's client too."""
    with proxy(proxied.url, tls=papers.context()) as secure:
        expected = f"no trusted connection to the registry at {secure.url}: "
        assert expected in refused(team, secure.url).err
        plain = secure.url.replace("https:", "http:")
        tls_on_plain = proxied.url.replace("http:", "https:")
        assert "cannot reach the registry" in refused(team, plain).err
        assert "begins with the right one of http and https" in refused(team, tls_on_plain).err
        variables.setenv("DATABRICKS_RUNTIME_VERSION", "16")
        assert expected in refused(team, secure.url).err


@pytest.mark.parametrize("client", [False, True])
def test_a_proxy_that_is_down(team: Team, variables: pytest.MonkeyPatch, client: bool) -> None:
    """It is the proxy that does not answer, not the registry."""
    variables.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    if client:
        variables.setenv("DATABRICKS_RUNTIME_VERSION", "16")
    ran = refused(team, "http://mlflow.example.org")
    assert "the proxy does not lead to the registry at http://mlflow.example.org" in ran.err


def test_a_driver_that_is_not_installed(team: Team) -> None:
    """The line that installs it is given."""
    ran = refused(team, "postgresql://ada:s3cret@127.0.0.1/mlflow")
    assert "postgresql://127.0.0.1/mlflow needs the package psyco" in ran.err
    assert "pip install " in ran.err
    assert "s3cret" not in ran.err


def test_an_address_of_no_kind_that_mlflow_knows(team: Team) -> None:
    """A typing error in the scheme."""
    assert "the registry at htp://x rejected" in refused(team, "htp://x").err


@pytest.mark.parametrize("uri", ["http://[::1", "https://", "http://:5000", "http://host:port"])
def test_what_is_no_address(team: Team, uri: str) -> None:
    """A command line that is wrong, not a registry that is down."""
    team.stages(Production=1)
    ran = team.run("plan", "--registry", uri)
    assert ran.code == 64
    assert f"'{uri}' is not the address of a registry" in ran.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "soon"),
        ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1.5"),
        ("MLFLOW_TRACKING_INSECURE_TLS", "perhaps"),
    ],
)
def test_a_variable_that_does_not_hold_what_it_should(
    team: Team, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    """It is named, with what is in it."""
    monkeypatch.setenv(name, text)
    team.stages(Production=1)
    ran = team.run("plan", "--registry", f"http://127.0.0.1:{free_port()}")
    assert ran.code == 64
    assert f"{name}={text} is not what MLflow expects" in ran.err


def test_credentials_in_the_address_are_not_shown(team: Team) -> None:
    """Neither user nor password of a URL reaches the error."""
    ran = refused(team, f"http://ada:s3cret@127.0.0.1:{free_port()}")
    assert "s3cret" not in ran.err
    assert "ada" not in ran.err
    assert "http://127.0.0.1" in ran.err
