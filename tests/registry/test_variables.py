"""MLflow's environment variables mean over plain HTTP what they mean to MLflow's own client."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import UsageError
from mlgitops.errors.registry import (
    RegistryError,
    RegistryProxyError,
    RegistryRequestError,
    RegistryTimeoutError,
    RegistryUntrustedError,
)
from mlgitops.system.ports import free_port
from tests.proxy import HangUpError, failure, proxy
from tests.registry.asked import both_fail, both_hold, ours, theirs

if TYPE_CHECKING:
    from mlgitops.registry.embedded import Embedded
    from tests.proxy import Answered, Asked, PassOn, Proxy
    from tests.registry.certificates import Certificates
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("server")

PLAIN = "plain"  # the model of the server that lets everybody in


@pytest.fixture
def plain(remote: Team, proxied: Proxy) -> Proxy:
    """The server that lets everybody in, through a proxy, with one model."""
    remote.versions(2, PLAIN)
    proxied.reset()
    return proxied


# which server


def test_one_variable_names_registry_and_tracking(
    variables: pytest.MonkeyPatch, plain: Proxy
) -> None:
    """MLFLOW_TRACKING_URI alone, and with MLFLOW_REGISTRY_URI that names the same."""
    variables.setenv("MLFLOW_TRACKING_URI", plain.url + "/")
    assert both_hold() == {PLAIN}
    variables.setenv("MLFLOW_REGISTRY_URI", plain.url)
    assert both_hold() == {PLAIN}


MODELS = """
models:
  apart:
    gates: {Production: [{metric: rmse, max: 2}]}
    stages: {Production: 1}
"""


READ = {f"/api/2.0/mlflow/{what}/search" for what in ("experiments", "runs")}
RECORD = {
    "/api/2.0/mlflow/experiments/create",
    *(f"/api/2.0/mlflow/runs/{verb}" for verb in ("create", "log-batch", "update")),
}


def test_registry_and_tracking_apart(
    variables: pytest.MonkeyPatch, plain: Proxy, remote: Team, server: tuple[str, Embedded]
) -> None:
    """Runs come from MLFLOW_TRACKING_URI, where the record goes; stages to MLFLOW_REGISTRY_URI."""
    with proxy(server[0]) as tracking:
        tracking.meddle = partial(only, ("/runs/", "/experiments/"))
        plain.meddle = partial(only, ("/registered-models/", "/model-versions/"))
        variables.setenv("MLFLOW_TRACKING_URI", tracking.url)
        variables.setenv("MLFLOW_REGISTRY_URI", plain.url)
        remote.client.create_registered_model("apart")
        run = remote.client.create_run("0").info.run_id
        remote.client.log_metric(run, "rmse", 1.5)
        remote.client.create_model_version("apart", "s3://b/m", run_id=run, await_creation_for=0)
        remote.write(MODELS)

        assert remote.run("plan", "--exit-code", "--quick").code == 2
        assert plain.writes == []
        assert {path for _, path in tracking.seen} == READ
        remote.ok("apply")

        assert len(plain.writes) == 5  # three of the change, two of the lock
        assert {path for _, path in tracking.writes} <= RECORD
        assert remote.aliases("apart") == {"production": 1}
        assert both_hold() == {PLAIN, "apart"}


# which login


def test_the_token(variables: pytest.MonkeyPatch, plain: Proxy) -> None:
    """It is sent as MLflow sends it, unless there is a name with a password."""
    variables.setenv("MLFLOW_TRACKING_URI", plain.url)
    variables.setenv("MLFLOW_TRACKING_TOKEN", "abc.def")
    assert authorization(plain) == "Bearer abc.def"
    variables.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    assert authorization(plain) == "Bearer abc.def"
    variables.setenv("MLFLOW_TRACKING_PASSWORD", "pä:ss")
    assert (authorization(plain) or "").startswith("Basic ")


def authorization(server: Proxy) -> str | None:
    """The header that both send with every request."""
    server.reset()
    both_hold()
    (sent,) = {asked.headers.get("Authorization") for asked in server.asked}
    return sent


# which workspace


def only(paths: tuple[str, ...], asked: Asked, pass_on: PassOn) -> Answered:
    """A server that has nothing else."""
    return pass_on(asked) if any(path in asked.path for path in paths) else failure(404)


def test_a_workspace_of_a_server_that_has_none(variables: pytest.MonkeyPatch, plain: Proxy) -> None:
    """It is refused; a server of before workspaces would answer for all models."""
    variables.setenv("MLFLOW_TRACKING_URI", plain.url)
    variables.setenv("MLFLOW_WORKSPACE", "team")
    assert both_fail() is RegistryRequestError


# which certificates


def test_who_is_trusted(variables: pytest.MonkeyPatch, plain: Proxy, papers: Certificates) -> None:
    """Nobody of one's own making, unless MLflow's variables or that of requests name them."""
    with proxy(plain.url, tls=papers.context()) as secure:
        variables.setenv("MLFLOW_TRACKING_URI", secure.url)
        assert both_fail() is RegistryUntrustedError
        for name, trusted in (
            ("MLFLOW_TRACKING_SERVER_CERT_PATH", papers.authority),
            ("REQUESTS_CA_BUNDLE", papers.authority),
            ("MLFLOW_TRACKING_INSECURE_TLS", "true"),
        ):
            with variables.context() as patch:
                patch.setenv(name, str(trusted))
                assert both_hold() == {PLAIN}, name
        variables.setenv("REQUESTS_CA_BUNDLE", str(papers.authority))
        variables.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(papers.stranger))
        assert both_fail() is RegistryUntrustedError


def test_the_certificate_of_the_client(
    variables: pytest.MonkeyPatch, plain: Proxy, papers: Certificates
) -> None:
    """A server that asks for one lets in who shows it."""
    with proxy(plain.url, tls=papers.context(asks_clients=True)) as secure:
        variables.setenv("MLFLOW_TRACKING_URI", secure.url)
        variables.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(papers.authority))
        assert both_fail() is RegistryUntrustedError
        variables.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(papers.stranger))
        assert both_fail() is RegistryUntrustedError
        variables.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(papers.client))
        assert both_hold() == {PLAIN}


# which way


def test_a_proxy(variables: pytest.MonkeyPatch, plain: Proxy) -> None:
    """It is asked for hosts that only it knows, and not for those that NO_PROXY names."""
    variables.setenv("MLFLOW_TRACKING_URI", "http://registry.invalid")
    variables.setenv("HTTP_PROXY", plain.url)
    assert both_hold() == {PLAIN}
    assert plain.asked
    variables.setenv("MLFLOW_TRACKING_URI", plain.url)
    variables.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert both_fail() is RegistryProxyError
    variables.setenv("NO_PROXY", "elsewhere,127.0.0.1")
    assert both_hold() == {PLAIN}


# how long, and how often


def test_the_time_limit(variables: pytest.MonkeyPatch, plain: Proxy) -> None:
    """A server that is slower than MLFLOW_HTTP_REQUEST_TIMEOUT fails, one within it does not."""
    variables.setenv("MLFLOW_TRACKING_URI", plain.url)
    variables.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    plain.meddle = partial(late, 0.5)
    assert both_hold() == {PLAIN}
    plain.meddle = partial(late, 1.5)
    for registry in (ours(), theirs()):
        with pytest.raises(RegistryTimeoutError):
            registry.model(PLAIN)


def late(seconds: float, asked: Asked, pass_on: PassOn) -> Answered:
    """An answer that takes its time."""
    time.sleep(seconds)
    return pass_on(asked)


def test_the_number_of_repetitions(variables: pytest.MonkeyPatch, plain: Proxy) -> None:
    """MLFLOW_HTTP_REQUEST_MAX_RETRIES after the first request, for failures that may pass."""
    variables.setenv("MLFLOW_TRACKING_URI", plain.url)
    variables.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    variables.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    for number in (0, 2):
        variables.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", str(number))
        for status in (429, 502, 503, 504):
            plain.meddle = partial(answering, failure(status))
            assert requests_of_both(plain) == [1 + number] * 2, status
        plain.meddle = hanging_up
        assert requests_of_both(plain) == [1 + number] * 2
        plain.meddle = partial(answering, failure(404))
        assert requests_of_both(plain) == [1, 1]


def answering(answer: Answered, _: Asked, __: PassOn) -> Answered:
    """The same answer to everything."""
    return answer


def hanging_up(_: Asked, __: PassOn) -> Answered:
    """No answer."""
    raise HangUpError


def requests_of_both(server: Proxy) -> list[int]:
    """How often each asks before it fails."""
    counts = []
    for registry in (ours(), theirs()):
        server.reset()
        with pytest.raises(RegistryError):
            registry.model(PLAIN)
        counts.append(len(server.asked))
    return counts


def test_the_pauses_between_repetitions(variables: pytest.MonkeyPatch, plain: Proxy) -> None:
    """They grow from MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR, unless the server says how long."""
    variables.setenv("MLFLOW_TRACKING_URI", plain.url)
    variables.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    for retries, factor, answer, obedient, least in (
        (2, 1, failure(503), "true", 2),
        (1, 0, failure(503, Retry_After="1"), "true", 1),
        (1, 0, failure(503, Retry_After="1"), "false", 0),
    ):
        variables.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", str(retries))
        variables.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", str(factor))
        variables.setenv("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", obedient)
        plain.meddle = partial(answering, answer)
        for seconds in seconds_of_both():
            assert least <= seconds < least + 0.9


def seconds_of_both() -> list[float]:
    """How long each tries."""
    found = []
    for registry in (ours(), theirs()):
        begun = time.monotonic()
        with pytest.raises(RegistryError):
            registry.model(PLAIN)
        found.append(time.monotonic() - begun)
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "soon"),
        ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1.5"),
        ("MLFLOW_TRACKING_INSECURE_TLS", "perhaps"),
    ],
)
def test_what_mlflow_would_not_understand_is_an_error(
    variables: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """It names the variable, before anything is asked."""
    variables.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    variables.setenv(name, value)
    with pytest.raises(UsageError, match=f"{name}={value}"):
        ours()
    with pytest.raises(RegistryError):
        theirs().held()
