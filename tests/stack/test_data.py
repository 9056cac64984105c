"""What the stack is there for: many clients, large files, and getting everything back."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from typing import TYPE_CHECKING

import pytest

from harness.waiting import eventually
from mlgitops.system import docker
from stack import backup
from stack.errors import ArchiveError, NotEmptyError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.stack import Running
    from tests.stack.conftest import Make

GIB = 2**30
REGISTER = """
import sys, mlflow
client = mlflow.MlflowClient()
run = client.create_run("0").info
client.log_text(run.run_id, "a model", "model/MLmodel")
for _ in range(int(sys.argv[1])):
    source = run.artifact_uri + "/model"
    print(client.create_model_version("contested", source, run.run_id).version)
"""
UPLOAD = """
import mlflow, sys
client = mlflow.MlflowClient()
run = client.create_run("0").info
client.log_artifact(run.run_id, sys.argv[1])
print(run.artifact_uri)
"""
DOWNLOAD = """
import mlflow, sys
mlflow.artifacts.download_artifacts(sys.argv[1], dst_path=sys.argv[2])
"""

MODELS = """\
owner: acme/models
models:
  power-forecasting-model:
    versions:
      1: {train: power_forecasting, params: {estimator: linear}}
    stages:
      Production: 1
"""


def with_arguments(code: str, *arguments: object) -> str:
    """The program with its command line set."""
    return f"import sys; sys.argv[1:] = {[str(a) for a in arguments]!r}\n{code}"


@pytest.mark.xdist_group("shared")
@pytest.mark.thorough
def test_contested_numbers(shared: Running) -> None:
    """Two clients that register 200 versions of one model at once get 200 distinct numbers."""
    assert shared.post("registered-models/create", {"name": "contested"}).status_code == 200
    clients = [shared.start_python(with_arguments(REGISTER, 100)) for _ in range(2)]
    printed = [client.communicate(timeout=300) for client in clients]
    assert [client.returncode for client in clients] == [0, 0], printed
    numbers = [int(line) for out, _ in printed for line in out.split()]
    assert sorted(numbers) == list(range(1, 201))


def resident(stack: Running) -> dict[str, float]:
    """MiB that the servers' processes hold."""
    used = {}
    for service in ("mlflow", "artifacts"):
        lines = docker.run(["top", stack.container(service), "-eo", "pid,rss"]).splitlines()[1:]
        used[service] = sum(int(line.split()[1]) for line in lines) / 1024
    return used


@pytest.mark.xdist_group("shared")
@pytest.mark.thorough
def test_large_artifact(shared: Running, tmp_path: Path) -> None:
    """One GiB goes up and comes down through both servers: same bytes, bounded memory."""
    source, target = tmp_path / "large.bin", tmp_path / "down"
    digest = hashlib.sha256()
    with source.open("wb") as file:
        block = hashlib.sha256(b"mlgitops").digest() * 32768
        for number in range(GIB // len(block)):
            part = number.to_bytes(8) + block[8:]
            digest.update(part)
            file.write(part)
    idle, peak, end = resident(shared), resident(shared), threading.Event()

    def watch() -> None:
        while not end.is_set():
            for service, used in resident(shared).items():
                peak[service] = max(peak[service], used)
            time.sleep(0.5)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        uri = shared.python(with_arguments(UPLOAD, source)).split()[-1]
        source.unlink()
        shared.python(with_arguments(DOWNLOAD, uri, target))
    finally:
        end.set()
        watcher.join()
    (found,) = (path for path in target.rglob("large.bin"))
    with found.open("rb") as received:
        assert hashlib.file_digest(received, "sha256").hexdigest() == digest.hexdigest()
    assert {service: peak[service] - idle[service] < 200 for service in peak} == {
        "mlflow": True,
        "artifacts": True,
    }
    spool = ("exec", "-T", "mlflow", "find", "/tmp", "-size", "+1M")  # noqa: S108 - a container's
    assert shared.compose.run(*spool) == ""
    shared.compose.run("exec", "-T", "artifacts", "find", "/artifacts", "-size", "+500M", "-delete")


def predictions(stack: Running) -> object:
    """What the model in Production says, from a container on the compose network."""
    stack.compose.run("--profile", "serve", "up", "--detach", "--wait", "serve")
    try:
        code = (
            "import mlflow, json, urllib.request as r\n"
            "example = mlflow.models.get_model_info('models:/power-forecasting-model@production')\n"
            "names = example.signature.inputs.input_names()\n"
            "row = {name: 5.0 + i for i, name in enumerate(names)}\n"
            "body = json.dumps({'dataframe_records': [row, {k: v + 1 for k, v in row.items()}]})\n"
            "q = r.Request('http://127.0.0.1:8080/invocations', body.encode(),\n"
            "              {'Content-Type': 'application/json'})\n"
            "print(r.urlopen(q).read().decode())\n"
        )
        printed = stack.compose.run("exec", "-T", "serve", "python", "-W", "ignore", "-c", code)
        return json.loads(printed.splitlines()[-1])["predictions"]
    finally:
        stack.compose.run("rm", "--stop", "--force", "serve")


@pytest.mark.thorough
def test_backup_destroy_restore(make: Make, tmp_path: Path) -> None:
    """After a backup, a destruction and a restore, nothing is to plan and predictions agree."""
    stack = make()
    stack.up()
    file = tmp_path / "models.yaml"
    file.write_text(MODELS)
    for verb in ("train", "apply"):
        ran = stack.mlgitops(verb, "--file", str(file))
        assert ran.returncode == 0, ran.stdout + ran.stderr
    before = predictions(stack)
    archive = tmp_path / "backup.tar"
    ran = stack.cli("backup", str(archive))
    assert ran.returncode == 0, ran.stderr
    assert archive.stat().st_mode & 0o077 == 0

    refused = stack.cli("restore", "--no-build", str(archive))
    assert refused.returncode == 1
    assert "the stack holds" in refused.stderr

    assert stack.cli("down", "--volumes").returncode == 0
    ran = stack.cli("restore", "--no-build", str(archive))
    assert ran.returncode == 0, ran.stderr
    plan = stack.mlgitops("plan", "--exit-code", "--file", str(file))
    assert plan.returncode == 0, plan.stdout + plan.stderr
    assert predictions(stack) == before


@pytest.mark.thorough
def test_backup_while_working(make: Make, tmp_path: Path) -> None:
    """A backup made under load restores: every READY version in it has its whole artifact."""
    stack = make()
    stack.up()
    assert stack.post("registered-models/create", {"name": "busy"}).status_code == 200
    busy = (
        "import mlflow\nclient = mlflow.MlflowClient()\nwhile True:\n"
        "  run = client.create_run('0').info\n"
        "  client.log_text(run.run_id, 'x' * 100000, 'model/MLmodel')\n"
        "  client.create_model_version('busy', run.artifact_uri + '/model', run.run_id)\n"
    )
    worker = stack.start_python(busy)
    try:
        rows = "SELECT COUNT(*) FROM model_versions"
        eventually(lambda: int(stack.sql(rows)) > 20, within=60)
        backup.backup(stack.compose, tmp_path / "b.tar", say=lambda _: None)
        assert worker.poll() is None
    finally:
        worker.kill()
        worker.communicate()
    with pytest.raises(NotEmptyError, match="model version"):
        backup.restore(
            stack.compose, tmp_path / "b.tar", replace=False, build=False, say=lambda _: None
        )
    backup.restore(stack.compose, tmp_path / "b.tar", replace=True, build=False, say=lambda _: None)
    sources = stack.sql("SELECT source FROM model_versions WHERE status = 'READY'").split()
    assert len(sources) > 20
    script = (
        "import os, sys; "
        "print(sum(os.path.getsize('/artifacts/' + p) == 100000 for p in sys.argv[1:]))"
    )
    paths = [source.removeprefix("mlflow-artifacts:/") + "/MLmodel" for source in sources]
    whole = stack.compose.run("exec", "-T", "artifacts", "python", "-c", script, *paths)
    assert int(whole) == len(sources)


@pytest.mark.xdist_group("shared")
def test_damaged_archive(shared: Running, tmp_path: Path) -> None:
    """A backup with one changed or missing byte is refused before anything is touched."""
    good = tmp_path / "good.tar"
    backup.backup(shared.compose, good, say=lambda _: None)
    content = bytearray(good.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "flipped.tar").write_bytes(content)
    (tmp_path / "short.tar").write_bytes(content[: len(content) // 3])
    (tmp_path / "other.tar").write_bytes(b"something else")
    for name in ("flipped", "short", "other"):
        with pytest.raises(ArchiveError):
            backup.restore(
                shared.compose, tmp_path / f"{name}.tar", replace=True, build=False, say=print
            )
    assert all(service.ready for service in shared.compose.services().values())


@pytest.mark.xdist_group("mended")
@pytest.mark.thorough
def test_restart(mended: Running) -> None:
    """After `down` and `up`, everything is still there."""
    stack = mended
    assert stack.post("registered-models/create", {"name": "kept"}).status_code == 200
    assert stack.cli("down").returncode == 0
    assert stack.compose.services() == {}
    stack.up()
    assert stack.sql("SELECT COUNT(*) FROM registered_models WHERE name = 'kept'") == "1"
