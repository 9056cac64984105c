"""Artifacts in an S3 store: the server that the profile `s3` starts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from stack import settings
from stack.errors import SettingsError
from tests.stack.test_data import DOWNLOAD, MODELS, UPLOAD, predictions, with_arguments

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stack.conftest import Make

S3 = {
    "COMPOSE_PROFILES": "s3",
    "STACK_ARTIFACTS": "s3://mlflow/models",
    "STACK_S3_ENDPOINT": "http://s3:9000",
}
SIZE = 64 * 2**20  # bytes; many parts of a multipart upload

WITHOUT_A_KEY = """
import urllib.request, urllib.error
try: print(urllib.request.urlopen("http://s3:9000/mlflow").status)
except urllib.error.HTTPError as error: print(error.code)
"""


def test_s3(make: Make, tmp_path: Path) -> None:
    """A model and a large file go into the bucket and outlive the server; strangers stay out."""
    stack = make(**S3)
    stack.compose.build()
    stack.up()
    file = tmp_path / "models.yaml"
    file.write_text(MODELS)
    for verb in ("train", "apply", "plan"):
        ran = stack.mlgitops(verb, "--file", str(file))
        assert ran.returncode == 0, ran.stdout + ran.stderr
    source = tmp_path / "large.bin"
    source.write_bytes(hashlib.shake_256(b"mlgitops").digest(SIZE))
    uri = stack.python(with_arguments(UPLOAD, source)).split()[-1]
    before = predictions(stack)
    stack.compose.run("restart", "s3", "artifacts")
    stack.up()
    stack.python(with_arguments(DOWNLOAD, uri, tmp_path / "down"))
    (found,) = (tmp_path / "down").rglob("large.bin")
    assert found.read_bytes() == source.read_bytes()
    assert predictions(stack) == before
    stored = stack.compose.run(
        "exec", "-T", "s3", "find", "/data/mlflow/models", "-name", "MLmodel"
    )
    assert stored.split()
    assert stack.compose.run("exec", "-T", "artifacts", "ls", "-A", "/artifacts") == ""

    secret = (stack.compose.settings.secrets / "s3_credentials").read_text().split()[-1]
    assert secret not in stack.logs() + stack.compose.run("config")
    printed = stack.compose.run("exec", "-T", "artifacts", "python", "-c", WITHOUT_A_KEY)
    assert printed.strip() in {"400", "403"}
    assert {port.service for port in stack.compose.ports} == {"db", "mlflow", "artifacts"}


@pytest.mark.no_docker
def test_s3_server_that_nothing_uses() -> None:
    """The profile alone would start a server that nothing uses: the other settings are named."""
    with pytest.raises(SettingsError, match="STACK_ARTIFACTS=s3://mlflow"):
        settings.read({"COMPOSE_PROFILES": "s3"})
