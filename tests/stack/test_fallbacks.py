"""What only MLflow's client can ask is asked by it: nobody loses a registry that it reaches.

Each registry here refuses plain HTTP. An `mlgitops apply` and MLflow's client run in one new
process, because plugins are found when MLflow is imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.proxy import failure
from tests.registry import plugins

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.registry.embedded import Embedded
    from tests.proxy import Answered, Asked, PassOn, Proxy
    from tests.team import Team

pytestmark = [pytest.mark.no_docker, pytest.mark.xdist_group("fallbacks")]

_SCRIPT = """\
import sys
from mlflow import MlflowClient
from mlgitops.cli import run

code = run(["apply"])
print("seen by MLflow:", *[model.name for model in MlflowClient().search_registered_models()])
sys.exit(code)
"""


def apply(team: Team, **variables: str) -> subprocess.CompletedProcess[str]:
    """Apply in a new process, with variables and with the plugins of the team's folder."""
    (team.folder / "script.py").write_text(_SCRIPT)
    path = os.pathsep.join([str(team.folder), *sys.path])
    return subprocess.run(
        [sys.executable, "script.py"],
        cwd=team.folder,
        env=os.environ | {"PYTHONPATH": path} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def refusing(wanted: Callable[[Asked], bool], asked: Asked, pass_on: PassOn) -> Answered:
    """A server that refuses what is not as it wants it."""
    return pass_on(asked) if wanted(asked) else failure(401)


def has_header(asked: Asked) -> bool:
    """Whether a request has the header that the plugins add."""
    return asked.headers.get(plugins.HEADER[0]) == plugins.HEADER[1]


def check(team: Team, proxied: Proxy, **variables: str) -> None:
    """Without the variables it is refused, with them it is applied, and as MLflow sees it."""
    team.versions(2)
    team.stages(Production=2)
    ran = apply(team, **variables)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "seen by MLflow: wind" in ran.stdout
    assert (team.aliases(), team.classic("Production")) == ({"production": 2}, 2)
    stamp = team.tag(2, "Production")
    assert stamp is not None
    assert stamp["registry"] == proxied.url
    refused = team.run("plan")
    assert (refused.code, "denied access (401)" in refused.err) == (1, True)


@pytest.mark.thorough
def test_a_plugin_for_logins(remote: Team, proxied: Proxy) -> None:
    """MLFLOW_TRACKING_AUTH names one; its login is on every request."""
    plugins.install(remote.folder, plugins.AUTH)
    proxied.meddle = partial(refusing, has_header)
    check(remote, proxied, MLFLOW_TRACKING_AUTH="of-tests")


@pytest.mark.thorough
def test_a_plugin_for_headers(remote: Team, proxied: Proxy) -> None:
    """One that is installed is asked for the headers of every request."""
    plugins.install(remote.folder, plugins.HEADERS)
    proxied.meddle = partial(refusing, has_header)
    check(remote, proxied)


def test_signatures_for_aws(remote: Team, proxied: Proxy) -> None:
    """MLFLOW_TRACKING_AWS_SIGV4 signs every request."""

    def signed(asked: Asked) -> bool:
        return asked.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential=key/")

    proxied.meddle = partial(refusing, signed)
    check(
        remote,
        proxied,
        MLFLOW_TRACKING_AWS_SIGV4="true",
        AWS_ACCESS_KEY_ID="key",
        AWS_SECRET_ACCESS_KEY="secret",
        AWS_DEFAULT_REGION="eu-west-1",
    )


def test_a_plugin_for_a_scheme(remote: Team, proxied: Proxy, server: tuple[str, Embedded]) -> None:
    """A registry at an address of its own kind, with the runs at another server."""
    plugins.install(remote.folder, plugins.STORE)
    remote.versions(2)
    remote.stages(Production=2)
    proxied.reset()
    odd = f"odd://{server[1].folder / 'mlflow.db'}"
    ran = apply(remote, MLFLOW_REGISTRY_URI=odd)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "seen by MLflow: wind" in ran.stdout
    assert remote.aliases() == {"production": 2}
    assert not any("model" in path for _, path in proxied.writes)
