"""A stack of one's own: its project name, ports, secrets and volumes are nobody else's."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from mlgitops.system import docker
from mlgitops.system.ports import free_port
from stack import lifecycle, probes, settings
from stack.compose import Compose

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[1]
_NOT_PASSED_ON = ("MLFLOW_", "STACK_", "COMPOSE_", "MLGITOPS_", "GITHUB_")
_IMAGES = tuple(f"STACK_{name}_IMAGE" for name in ("MLFLOW", "DB", "PYTHON", "MYSQL"))
# one worker starts in half the CPU time of two
_QUICK = {"STACK_MLFLOW_WORKERS": "1"}


@dataclass(kw_only=True)
class Running:
    """One stack. `close` leaves nothing of it behind."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name in _IMAGES or not name.startswith(_NOT_PASSED_ON)
        }
        self.environment |= {
            "STACK_PROJECT": f"mlgitops-test-{secrets.token_hex(4)}",
            "STACK_SECRETS": str(self.folder / "secrets"),
            **{
                f"STACK_{name}_PORT": str(free_port())
                for name in ("DB", "MLFLOW", "ARTIFACTS", "SERVE")
            },
            **_QUICK,
            **self.settings,
        }
        self.compose = Compose(settings.read(self.environment))

    def override(self, text: str) -> None:
        """Put one more Compose file on top; before the first start."""
        path = self.folder / "override.yaml"
        path.write_text(text)
        self.set(STACK_OVERRIDES=str(path))

    def set(self, **values: str) -> None:
        """Change settings."""
        self.environment |= values
        self.compose = Compose(settings.read(self.environment))

    def up(self, *, timeout: float = 240) -> None:
        """Start it, in this process."""
        lifecycle.up(self.compose, build=False, timeout=timeout, say=self.said.append)

    def cli(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `python -m stack` as a person does."""
        return subprocess.run(
            [sys.executable, "-m", "stack", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def client_environment(self, **more: str) -> dict[str, str]:
        """The variables of a client on the host."""
        made = {"MLFLOW_TRACKING_URI": self.compose.uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
        if login := probes.login(self.compose):
            made["MLFLOW_TRACKING_USERNAME"], made["MLFLOW_TRACKING_PASSWORD"] = login
        return self.environment | made | more

    def start_python(self, code: str, **more: str) -> subprocess.Popen[str]:
        """Start a client program on the host."""
        return subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=self.client_environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def python(self, code: str, **more: str) -> str:
        """Run a client program on the host; it must succeed."""
        process = self.start_python(code, **more)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        return out

    def mlgitops(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run `mlgitops` against this stack."""
        return subprocess.run(
            [sys.executable, "-m", "mlgitops", *arguments],
            cwd=ROOT,
            env=self.client_environment(**more),
            capture_output=True,
            text=True,
            check=False,
        )

    def get(self, path: str, **options: Any) -> requests.Response:
        """One request to the tracking server."""
        return self._request("GET", self.compose.uri + path, **options)

    def post(self, path: str, body: Mapping[str, Any], **options: Any) -> requests.Response:
        """One request to MLflow's API."""
        uri = f"{self.compose.uri}/api/2.0/mlflow/{path}"
        return self._request("POST", uri, json=body, **options)

    def _request(self, method: str, uri: str, **options: Any) -> requests.Response:
        options.setdefault("auth", probes.login(self.compose))
        return requests.request(method, uri, timeout=60, **options)

    def sql(self, query: str, database: str = "mlflow") -> str:
        """Ask the database itself."""
        client = ("exec", "-T", "db", "db-client", "mysql", "--batch", "--skip-column-names")
        return self.compose.run(*client, "--execute", query, database).strip()

    def container(self, service: str) -> str:
        """The name of a service's container."""
        return self.compose.services()[service].container

    def kill(self, service: str) -> None:
        """`kill -9`; Docker takes it for a wish of the administrator and does not restart it."""
        docker.run(["kill", "--signal", "KILL", self.container(service)])

    def start(self, service: str) -> None:
        """Start the container of a service again."""
        docker.run(["start", self.container(service)])

    def logs(self) -> str:
        """All that the services have printed."""
        return self.compose.run("logs", "--no-color")

    def health(self, service: str) -> str:
        """healthy, unhealthy, starting."""
        return self.compose.services()[service].health

    def close(self) -> None:
        """Remove containers, volumes and networks; also of services that a setting has removed."""
        with suppress(Exception):
            down = ("down", "--volumes", "--remove-orphans", "--timeout", "0")
            self.compose.run("--profile", "*", *down)
        label = f"label=com.docker.compose.project={self.environment['STACK_PROJECT']}"
        for listing, removal in (
            (["ps", "--all", "--quiet"], ["rm", "--force", "--volumes"]),
            (["volume", "ls", "--quiet"], ["volume", "rm", "--force"]),
            (["network", "ls", "--quiet"], ["network", "rm"]),
        ):
            if found := docker.run([*listing, "--filter", label]).split():
                docker.run([*removal, *found])
