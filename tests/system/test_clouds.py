"""The logins of docs/logins.md, run as they stand there against stand-ins for GitHub and clouds."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mlgitops.errors import LoginError
from mlgitops.system import login, secrets
from tests.registry import certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "logins.md").read_text(encoding="utf-8")
SCRIPTS = dict(re.findall(r"```sh\n(#!/bin/sh\n# (mlgitops-login-\w+) .*?)```", TEXT, re.DOTALL))
GITHUB = "pipelines.actions.githubusercontent.com"
pytestmark = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq"
)


@dataclass
class Clouds:
    """What was asked: host and path, the header of the login, and the form or document."""

    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    denies: str = ""

    def answer(self, where: str, bearer: str, sent: dict[str, Any]) -> dict[str, Any] | None:
        """What the documentation of each service says that it answers; None if it refuses."""
        self.asked.append((where, bearer, sent))
        host = where.partition("/")[0]
        if host == self.denies:
            return None
        if host == GITHUB:
            return {"count": 1, "value": f"jwt for {sent['audience'][0]}"}
        if where.endswith(":generateIdToken"):
            return {"token": "identity-token-of-the-account"}
        return {"access_token": "access-token", "expires_in": 3599, "token_type": "Bearer"}


class _Handler(BaseHTTPRequestHandler):
    clouds: Clouds

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        is_json = self.headers.get("Content-Type") == "application/json"
        sent = json.loads(body) if is_json else parse_qs(body or url.query)
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        where = f"{self.headers['Host']}{url.path}"
        said = self.clouds.answer(where, bearer, sent)
        content = json.dumps(said or {"error": "access_denied"}).encode()
        self.send_response(200 if said else 403)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the name that the base class calls

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def _running(folder: Path) -> Iterator[tuple[Clouds, int]]:
    clouds = Clouds()
    handler = type("Handler", (_Handler,), {"clouds": clouds})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        context = certificates.make(folder).context()
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield clouds, server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clouds]:
    """A job of GitHub Actions whose curl reaches the stand-ins, under whatever name it asks for."""
    with _running(tmp_path) as (made, port):
        (tmp_path / ".curlrc").write_text(f'connect-to = "::127.0.0.1:{port}"\ninsecure\n')
        for name, value in {
            "CURL_HOME": str(tmp_path),
            "RUNNER_TEMP": str(tmp_path),
            "NO_PROXY": "*",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"https://{GITHUB}/idtoken?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "token-of-the-job",
            **dict.fromkeys(("MLFLOW_TRACKING_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"), ""),
            **dict.fromkeys(("AWS_ROLE_ARN", "AWS_REGION"), ""),
        }.items():
            monkeypatch.setenv(name, value)
        login.forget()
        secrets.forget()
        yield made
        login.forget()
        secrets.forget()


def log_in(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, *arguments: str) -> None:
    """Log in by a script of the documentation."""
    by_name = {name: script for script, name in SCRIPTS.items()}
    script = folder / name
    script.write_text(by_name[name], encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("MLGITOPS_LOGIN", shlex.join([str(script), *arguments]))
    login.log_in()


def test_aws(clouds: Clouds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is in a file that nobody else reads, for AWS's SDK to trade."""
    role = "arn:aws:iam::123456789012:role/mlflow-writer"
    log_in(monkeypatch, tmp_path, "mlgitops-login-aws", role, "eu-central-1")
    assert (os.environ["AWS_ROLE_ARN"], os.environ["AWS_REGION"]) == (role, "eu-central-1")
    file = Path(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"])
    assert file.read_text() == "jwt for sts.amazonaws.com"
    assert file.stat().st_mode & 0o077 == 0
    assert [(where, bearer) for where, bearer, _ in clouds.asked] == [
        (f"{GITHUB}/idtoken", "token-of-the-job")
    ]


def test_azure(clouds: Clouds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub's token is the assertion of the application; what comes back logs in to MLflow."""
    log_in(monkeypatch, tmp_path, "mlgitops-login-azure", "acme", "client", "api://m/.default")
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == "access-token"
    where, _, form = clouds.asked[-1]
    assert where == "login.microsoftonline.com/acme/oauth2/v2.0/token"
    assert form == {
        "grant_type": ["client_credentials"],
        "client_id": ["client"],
        "scope": ["api://m/.default"],
        "client_assertion_type": ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
        "client_assertion": ["jwt for api://AzureADTokenExchange"],
    }


def test_google(clouds: Clouds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub's token, an access token of the pool, an identity token of the account."""
    provider = "projects/1/locations/global/workloadIdentityPools/github/providers/acme"
    account, audience = "writer@acme.iam.gserviceaccount.com", "https://mlflow.acme.example"
    log_in(monkeypatch, tmp_path, "mlgitops-login-google", provider, account, audience)
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == "identity-token-of-the-account"
    (_, _, asked), (sts, _, form), (iam, bearer, document) = clouds.asked
    assert asked["audience"] == [f"https://iam.googleapis.com/{provider}"]
    assert sts == "sts.googleapis.com/v1/token"
    assert form["subject_token"] == [f"jwt for https://iam.googleapis.com/{provider}"]
    assert form["audience"] == [f"//iam.googleapis.com/{provider}"]
    assert iam.endswith(f"/v1/projects/-/serviceAccounts/{account}:generateIdToken")
    assert (bearer, document) == ("access-token", {"audience": audience, "includeEmail": True})


@pytest.mark.parametrize("host", [GITHUB, "sts.googleapis.com", "iamcredentials.googleapis.com"])
def test_a_cloud_that_refuses(
    clouds: Clouds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """The error is one line with the status; no variable is set, and no token is shown."""
    clouds.denies = host
    with pytest.raises(LoginError, match=r"the command failed .*: 403$") as caught:
        log_in(monkeypatch, tmp_path, "mlgitops-login-google", "p", "a", "https://m")
    assert "token" not in str(caught.value)
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == ""
