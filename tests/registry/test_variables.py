"""MLflow's environment variables mean over plain HTTP what they mean to MLflow's own client."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import (
    RegistryDeniedError,
    RegistryError,
    RegistryFaultError,
    RegistryRequestError,
    RegistryTimeoutError,
    RegistryUnreachableError,
)
from mlgitops.registry.address import Address, from_environment
from mlgitops.registry.client import ClientRegistryApi, ClientRunApi
from mlgitops.registry.connect import connect
from mlgitops.registry.registry import MlflowRegistry
from mlgitops.registry.rest import POLITE
from mlgitops.system.ports import free_port
from tests.proxy import Asked, HangUpError, Proxy, failure, proxy
from tests.registry import certificates
from tests.registry.conftest import ADMIN, IN_DEFAULT, IN_WORKSPACE, READER, WORKSPACE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.proxy import Answered, PassOn
    from tests.registry.certificates import Certificates
    from tests.registry.conftest import Guarded
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("server")

_PLAIN = "plain"  # the model of the server that lets everybody in
_CLEARED = ("MLFLOW_", "AWS_")
_OF_REQUESTS = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NETRC"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """The variables under test and nothing else; nobody's files of credentials."""
    for name in list(os.environ):
        if name.startswith(_CLEARED) or name.upper() in _OF_REQUESTS:
            monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


@pytest.fixture
def plain(remote: Team, proxied: Proxy) -> Iterator[Proxy]:
    """The server that lets everybody in, through a proxy, with one model."""
    remote.versions(2, _PLAIN)
    proxied.reset()
    yield proxied


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of servers and clients."""
    return certificates.make(tmp_path_factory.mktemp("certificates"))


def ours() -> MlflowRegistry:
    """The registry that the variables name; all of it over plain HTTP."""
    address = from_environment(os.environ)
    assert address is not None
    made = connect(address.registry, address.tracking)
    assert made.at_once > 1, "it is asked by MLflow's client"
    return made


def theirs() -> MlflowRegistry:
    """The same by MLflow's own client, which reads the variables itself."""
    address = from_environment(os.environ)
    assert address is not None
    return MlflowRegistry(address, ClientRegistryApi(address), ClientRunApi(address.tracking))


def both_hold() -> set[str]:
    """The models that both see."""
    found = set(ours().held().models)
    assert found == set(theirs().held().models)
    return found


def both_fail() -> type[RegistryError]:
    """How both fail."""
    kinds = []
    for registry in (ours(), theirs()):
        with pytest.raises(RegistryError) as caught:
            registry.held()
        kinds.append(caught.type)
    assert kinds[0] == kinds[1], kinds
    return kinds[0]


def login(patch: pytest.MonkeyPatch, name: str = ADMIN[0], password: str = ADMIN[1]) -> None:
    """Log in by variables."""
    patch.setenv("MLFLOW_TRACKING_USERNAME", name)
    patch.setenv("MLFLOW_TRACKING_PASSWORD", password)


# which server


def test_one_variable_names_registry_and_tracking(
    variables: pytest.MonkeyPatch, plain: Proxy
) -> None:
    """MLFLOW_TRACKING_URI alone, and with MLFLOW_REGISTRY_URI that names the same."""
    variables.setenv("MLFLOW_TRACKING_URI", plain.url + "/")
    assert both_hold() == {_PLAIN}
    variables.setenv("MLFLOW_REGISTRY_URI", plain.url)
    assert both_hold() == {_PLAIN}


MODELS = """
models:
  apart:
    gates: {Production: [{metric: rmse, max: 2}]}
    stages: {Production: 1}
"""


def test_registry_and_tracking_apart(
    variables: pytest.MonkeyPatch, plain: Proxy, guarded: Guarded, remote: Team
) -> None:
    """Runs come from MLFLOW_TRACKING_URI; apply writes to MLFLOW_REGISTRY_URI, nowhere else."""
    login(variables)
    with proxy(guarded.url.removesuffix("/team/mlflow")) as tracking:
        variables.setenv("MLFLOW_TRACKING_URI", f"{tracking.url}/team/mlflow")
        variables.setenv("MLFLOW_REGISTRY_URI", plain.url)
        client = theirs_with_runs()
        run = client.create_run("0").info.run_id
        client.log_metric(run, "rmse", 1.5)
        remote.client.create_registered_model("apart")
        remote.client.create_model_version("apart", "s3://b/m", run_id=run, await_creation_for=0)
        tracking.reset()
        plain.reset()
        remote.write(MODELS)

        assert remote.run("plan", "--exit-code").code == 2
        assert (plain.writes, tracking.writes) == ([], [])
        remote.ok("apply")

        assert {path for _, path in tracking.seen} == {"/team/mlflow/api/2.0/mlflow/runs/get"}
        assert not any("/runs/" in path for _, path in plain.seen)
    assert len(plain.writes) == 3
    assert remote.aliases("apart") == {"production": 1}
    found = both_hold()
    assert found == {_PLAIN, "apart"}


def theirs_with_runs() -> object:
    """MLflow's public client of both servers."""
