"""Artifacts in an S3 store: the server that the profile `s3` starts."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from typing import TYPE_CHECKING

import pytest

from harness.stack import Running
from harness.waiting import eventually
from mlgitops.system import docker
from stack import lifecycle, settings
from stack.errors import ServiceFailedError, SettingsError
from tests.stack.test_artifact_faults import LOG_MODEL
from tests.stack.test_artifact_faults import UPLOAD as UPLOAD_FILE
from tests.stack.test_data import DOWNLOAD, MODELS, UPLOAD, resident, with_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stack.conftest import Make

S3 = {
    "COMPOSE_PROFILES": "s3",
    "STACK_ARTIFACTS": "s3://mlflow/models",
    "STACK_S3_ENDPOINT": "http://s3:9000",
}
MIB = 2**20
PARTED = 8 * MIB  # from here on, boto3 sends a file in parts

# Programs for the container of the artifact server, which alone reaches the store.
CLIENT = """
import boto3, json, os, sys
from botocore.config import Config
from botocore.exceptions import ClientError
os.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/run/secrets/s3_credentials"
once = Config(retries={"total_max_attempts": 1})
def client(**keys):
    return boto3.client("s3", endpoint_url="http://s3:9000", config=once, **keys)
def code(call, **arguments):
    try: call(**arguments)
    except ClientError as error: return error.response["Error"]["Code"]
    return "allowed"
"""
STRANGERS = """
import socket, ssl, urllib.error, urllib.request
def anonymous():
    try: return urllib.request.urlopen("http://s3:9000/mlflow").status
    except urllib.error.HTTPError as error: return error.code
def opens(port):
    try: socket.create_connection(("s3", port), 2).close()
    except OSError: return False
    return True
def control():
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["h2"])
    line = context.wrap_socket(socket.create_connection(("s3", 19000), 5))
    line.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n")
    try: return repr(line.recv(1))
    except ssl.SSLError as error: return error.reason
ours = client()
print(json.dumps({
    "anonymous": anonymous(),
    "wrong secret": code(client(aws_access_key_id="mlgitops", aws_secret_access_key="x")
                         .list_objects_v2, Bucket="mlflow"),
    "wrong key": code(client(aws_access_key_id="x", aws_secret_access_key="x")
                      .list_objects_v2, Bucket="mlflow"),
    "make a bucket": code(ours.create_bucket, Bucket="other"),
    "remove the bucket": code(ours.delete_bucket, Bucket="mlflow"),
    "write elsewhere": code(ours.put_object, Bucket="other", Key="x", Body=b""),
    "control port": control(),
    "inner servers": [port for port in (8080, 8888, 9333, 18080, 18888, 19333) if opens(port)],
}))
"""
OBJECT = """
found = client().list_objects_v2(Bucket="mlflow", Prefix="models/")["Contents"]
(one,) = [o for o in found if o["Key"].endswith("/" + sys.argv[1])]
print(one["Size"], one["ETag"].strip('"'))
"""

# asks inside, as often as it can: a quick store has a file whole before `docker exec` returns twice
PARTS_ARRIVE = """
import time
ours, end = client(), time.monotonic() + 90
def parts():
    try: begun = ours.list_multipart_uploads(Bucket="mlflow").get("Uploads", [])
    except Exception: return 0
    count = 0
    for one in begun:
        try: count += len(ours.list_parts(Bucket="mlflow", Key=one["Key"],
                                          UploadId=one["UploadId"]).get("Parts", []))
        except ClientError: pass
    return count
while parts() < 3:
    if time.monotonic() > end: sys.exit("no file arrives in parts within 90 s")
"""


@pytest.fixture(scope="module")
def store(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:  # noqa: ARG001
    """A running stack that keeps artifacts in its own S3 server."""
    stack = Running(folder=tmp_path_factory.mktemp("s3"), settings=S3)
    try:
        stack.up()
        yield stack
    finally:
        stack.close()


def in_artifacts(stack: Running, code: str, *arguments: object) -> str:
    """What a program prints that runs beside the artifact server."""
    program = with_arguments(CLIENT + code, *arguments)
    return stack.compose.run("exec", "-T", "artifacts", "python", "-c", program).strip()


def random_file(path: Path, size: int) -> str:
    """Write a file that no compression makes smaller; return its SHA-256."""
    digest, block = hashlib.sha256(), hashlib.shake_256(path.name.encode()).digest(MIB)
    with path.open("wb") as file:
        for number in range(size // MIB):
            part = number.to_bytes(8) + block[8:]
            digest.update(part)
            file.write(part)
    return digest.hexdigest()


def sha256(path: Path) -> str:
    """The digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.xdist_group("s3")
@pytest.mark.thorough
def test_models_outlive_the_server(store: Running, tmp_path: Path) -> None:
    """What was trained, registered and applied is there after the server was killed."""
    file = tmp_path / "models.yaml"
    file.write_text(MODELS)
    for verb in ("train", "apply"):
        ran = store.mlgitops(verb, "--file", str(file))
        assert ran.returncode == 0, ran.stdout + ran.stderr
    load = (
        "import mlflow, hashlib, pathlib\n"
        "path = mlflow.artifacts.download_artifacts('models:/power-forecasting-model@production')\n"
        "files = sorted(p for p in pathlib.Path(path).rglob('*') if p.is_file())\n"
        "print(len(files), hashlib.sha256(b''.join(p.read_bytes() for p in files)).hexdigest())\n"
    )
    before = store.python(load).splitlines()[-1]
    store.kill("s3")
    store.start("s3")
    store.up()
    assert store.python(load).splitlines()[-1] == before
    assert store.mlgitops("plan", "--exit-code", "--file", str(file)).returncode == 0
    assert store.compose.run("exec", "-T", "artifacts", "ls", "-A", "/artifacts") == ""
    missing = "/api/2.0/mlflow-artifacts/artifacts/0/none/artifacts/none.txt"
    assert store.get(missing).status_code == 404


@pytest.mark.xdist_group("s3")
def test_strangers_stay_out(store: Running) -> None:
    """Without the keys nothing is read; with them, nothing but objects of the bucket is written.

    What else the server listens on asks for a certificate that nobody has, or is on loopback.
    """
    assert json.loads(in_artifacts(store, STRANGERS)) == {
        "anonymous": 403,
        "wrong secret": "SignatureDoesNotMatch",
        "wrong key": "InvalidAccessKeyId",
        "make a bucket": "AccessDenied",
        "remove the bucket": "AccessDenied",
        "write elsewhere": "AccessDenied",
        "control port": "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "inner servers": [],
    }
    assert {port.service for port in store.compose.ports} == {"db", "mlflow", "artifacts"}
    container = store.container("s3")
    secret = (store.compose.settings.secrets / "s3_credentials").read_text().split()[-1]
    seen = [store.logs(), store.compose.run("config"), docker.run(["inspect", container])]
    seen.append(docker.run(["top", container, "-eo", "pid,user,args"]))
    seen.append(
        docker.run(["exec", container, "sh", "-c", "cat /proc/[0-9]*/environ 2>/dev/null; true"])
    )
    assert not [text for text in seen if secret in text]
    assert docker.run(["exec", container, "id", "-u"]).strip() == "10001"


@pytest.mark.xdist_group("s3")
@pytest.mark.parametrize(
    "size",
    [
        128 * MIB,
        pytest.param(1024 * MIB, marks=[pytest.mark.thorough, pytest.mark.timeout(1200)]),
    ],
)
def test_large_file(store: Running, tmp_path: Path, size: int) -> None:
    """A large file goes to the store in parts and comes back the same, in bounded memory."""
    source, name = tmp_path / f"{size}.bin", f"{size}.bin"
    digest = random_file(source, size)
    idle, peak, end = resident(store), resident(store), threading.Event()

    def watch() -> None:
        while not end.is_set():
            for service, used in resident(store).items():
                peak[service] = max(peak[service], used)
            time.sleep(0.5)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        uri = store.python(with_arguments(UPLOAD, source)).split()[-1]
        source.unlink()
        store.python(with_arguments(DOWNLOAD, uri, tmp_path / "down"))
    finally:
        end.set()
        watcher.join()
    (found,) = (tmp_path / "down").rglob(name)
    assert sha256(found) == digest
    stored, tag = in_artifacts(store, OBJECT, name).split()
    assert int(stored) == size
    assert int(tag.partition("-")[2]) == size // PARTED
    grown = {service: peak[service] - idle[service] for service in peak}
    assert max(grown.values()) < 250, grown
    for service in ("mlflow", "artifacts"):
        spool = ("find", "/tmp", "-size", "+1M")  # noqa: S108 - a container's
        assert store.compose.run("exec", "-T", service, *spool) == ""


@pytest.mark.xdist_group("s3")
def test_multipart_for_clients(store: Running, tmp_path: Path) -> None:
    """A client that wants to send parts itself sends one request: it need not reach the store."""
    source = tmp_path / "parts.bin"
    digest = random_file(source, 24 * MIB)
    wanted = {
        "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true",
        "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": str(MIB),
        "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "true",
        "MLFLOW_MULTIPART_DOWNLOAD_MINIMUM_FILE_SIZE": str(MIB),
    }
    direct = f"http://127.0.0.1:{store.compose.port('artifacts').number}"
    there = f"{direct}/api/2.0/mlflow-artifacts/artifacts/direct"
    log = (
        "import mlflow, sys\nfrom mlflow.store.artifact.http_artifact_repo import *\n"
        "HttpArtifactRepository(sys.argv[1]).log_artifact(sys.argv[2])\n"
        "HttpArtifactRepository(sys.argv[1]).download_artifacts('parts.bin', sys.argv[3])\n"
    )
    uri = store.python(with_arguments(UPLOAD, source), **wanted).split()[-1]
    store.python(with_arguments(DOWNLOAD, uri, tmp_path / "down"), **wanted)
    (tmp_path / "direct").mkdir()
    store.python(with_arguments(log, there, source, tmp_path / "direct"), **wanted)
    found = [path for folder in ("down", "direct") for path in (tmp_path / folder).rglob("*.bin")]
    assert [sha256(path) for path in found] == [digest, digest]


@pytest.mark.xdist_group("s3")
@pytest.mark.thorough
@pytest.mark.parametrize("retries", ["0", "7"])
def test_restart_in_the_middle(store: Running, tmp_path: Path, retries: str) -> None:
    """The store ends while a model is uploaded: it is READY and whole, or not READY.

    With MLflow's retries it succeeds.
    """
    blob, name = tmp_path / f"blob{retries}.bin", f"interrupted{retries}"
    digest = random_file(blob, 192 * MIB)
    client = store.start_python(
        LOG_MODEL % (str(blob), name), MLFLOW_HTTP_REQUEST_MAX_RETRIES=retries
    )
    store.compose.run("exec", "-T", "artifacts", "python", "-c", CLIENT + PARTS_ARRIVE)
    store.kill("s3")
    time.sleep(1)
    store.start("s3")
    error = client.communicate(timeout=240)[1]
    ready = f"FROM model_versions WHERE status = 'READY' AND name = '{name}'"
    if client.returncode:
        assert retries == "0"
        assert blob.name in error
        assert store.sql(f"SELECT COUNT(*) {ready}") == "0"
        return
    assert store.sql(f"SELECT version {ready}") == "1"
    down = tmp_path / "down"
    store.python(with_arguments(DOWNLOAD, f"models:/{name}/1", down))
    (found,) = down.rglob(blob.name)
    assert sha256(found) == digest


@pytest.mark.xdist_group("s3")
@pytest.mark.thorough
def test_wrong_keys(store: Running, tmp_path: Path) -> None:
    """Where the store has other keys than the artifact server, `up` and clients say so.

    Each says what to set, and neither key is shown.
    """
    secret = store.compose.settings.secrets / "s3_credentials"
    before = secret.read_text()
    other = tmp_path / "other"
    other.write_text(before.replace(before.split()[-1], "another-secret-key"))
    other.chmod(0o444)
    # its own file for the store: whatever else is made anew, the two do not agree
    store.override(
        f"secrets: {{other: {{file: {other}}}}}\n"
        "services: {s3: {secrets: !override [{source: other, target: s3_credentials}]}}"
    )
    try:
        store.compose.run("up", "--detach", "--no-deps", "s3")
        eventually(lambda: store.health("artifacts") == "unhealthy", within=90)
        ran = store.cli("up", "--no-build")
        assert ran.returncode == 1, ran.stderr
        assert f"the S3 store refuses the keys in {secret}" in ran.stderr
        assert "STACK_ARTIFACTS" in ran.stderr
        file = tmp_path / "small.bin"
        file.write_bytes(b"small")
        client = store.start_python(UPLOAD_FILE % str(file))
        error = client.communicate(timeout=120)[1]
        assert client.returncode != 0
        assert "refuses the keys of the artifact server (SignatureDoesNotMatch)" in error
        shown = ran.stdout + ran.stderr + error + store.logs()
        assert before.split()[-1] not in shown
        assert "another-secret-key" not in shown
        with pytest.raises(ServiceFailedError, match="s3_credentials"):
            lifecycle.up(store.compose, build=False)
    finally:
        store.override("services: {}")
        store.compose.run("up", "--detach", "--no-deps", "s3")
    # what the last health check said was true before
    store.up()


@pytest.mark.thorough
def test_full_storage(make: Make, tmp_path: Path) -> None:
    """A full store is said to be full, at once; the registry and what is stored stay usable."""
    stack = make(**S3)
    stack.override(
        "volumes: {s3: {driver: local, driver_opts: "
        "{type: tmpfs, device: tmpfs, o: 'size=160m,uid=10001,gid=10001'}}}"
    )
    stack.up()
    source = tmp_path / "first.bin"
    digest = random_file(source, 64 * MIB)
    uri = stack.python(with_arguments(UPLOAD, source)).split()[-1]
    random_file(tmp_path / "large.bin", 128 * MIB)
    client = stack.start_python(LOG_MODEL % (str(tmp_path / "large.bin"), "too-large"))
    error = client.communicate(timeout=200)[1]
    assert client.returncode != 0
    assert "large.bin was not stored: the storage of the S3 store" in error
    assert "is full" in error
    ready = "FROM model_versions WHERE status = 'READY' AND name = 'too-large'"
    assert stack.sql(f"SELECT COUNT(*) {ready}") == "0"
    assert stack.post("registered-models/create", {"name": "still-works"}).status_code == 200
    stack.python(with_arguments(DOWNLOAD, uri, tmp_path / "down"))
    (found,) = (tmp_path / "down").rglob("first.bin")
    assert sha256(found) == digest
    assert all(service.ready for service in stack.compose.services().values())


@pytest.mark.no_docker
def test_s3_server_that_nothing_uses() -> None:
    """The profile alone would start a server that nothing uses: the other settings are named."""
    with pytest.raises(SettingsError, match="STACK_ARTIFACTS=s3://mlflow"):
        settings.read({"COMPOSE_PROFILES": "s3"})
