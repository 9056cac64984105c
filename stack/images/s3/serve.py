"""Become an S3 server on /data that has one bucket: SeaweedFS, all of it in one process.

STACK_ARTIFACTS=s3://BUCKET/… names the bucket, /run/secrets/s3_credentials holds its keys in the
format of ~/.aws/credentials (STACK_S3_CREDENTIALS names another file). It needs a writable /data
and /tmp, and no rights. Only the S3 port, 9000, is open to other hosts: SeaweedFS's own servers
ask nobody for a key.
"""

import configparser
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

DATA = Path("/data")
_RUNTIME = Path("/tmp")  # noqa: S108 - the container's own, in memory
_LOCAL = "127.0.0.1"
_FILER, _MASTER = 8888, 9333  # ports
_PATIENCE = 120.0  # seconds until the servers inside must have started
_MIB = 2**20
# Of the limit on the container's memory, what the heap may take before Go collects more often.
_HEAP = 0.6
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def main() -> None:
    """Write the configuration, become the server, and leave a child that makes the bucket."""
    name, keys = bucket(), credentials()
    _refuse_former_layout(name)
    identities = _RUNTIME / "s3.json"
    _write_identities(identities, name, keys)
    environment = os.environ | _heap_limit() | _closed_control_port()
    # volumes are made one by one: each counts as full size against the space that is left
    environment["WEED_MASTER_VOLUME_GROWTH_COPY_1"] = "1"
    if os.fork() == 0:
        os._exit(_make_bucket(name))
    command = _command(identities)
    os.execvpe(command[0], command, environment)  # noqa: S606 - no shell is wanted


def bucket() -> str:
    """The bucket's name."""
    uri = urlsplit(os.environ.get("STACK_ARTIFACTS", ""))
    if uri.scheme != "s3" or not uri.netloc:
        sys.exit("STACK_ARTIFACTS does not name a bucket; set it to s3://BUCKET")
    return uri.netloc


def credentials() -> tuple[str, str]:
    """The access key and the secret key; neither is ever shown."""
    path = os.environ.get("STACK_S3_CREDENTIALS") or "/run/secrets/s3_credentials"
    file = configparser.ConfigParser(interpolation=None)
    try:
        file.read_string(Path(path).read_text(encoding="utf-8"))
        section = file["default"]
        keys = section["aws_access_key_id"].strip(), section["aws_secret_access_key"].strip()
    except OSError as error:
        sys.exit(f"{path} cannot be read: {error.strerror}")
    except (configparser.Error, KeyError, UnicodeError):
        keys = "", ""
    if not all(keys):
        sys.exit(
            f"{path} has no aws_access_key_id or no aws_secret_access_key in its section [default]"
        )
    return keys


def _refuse_former_layout(name: str) -> None:
    """Versions before SeaweedFS kept artifacts as plain files, which this server does not show."""
    if (DATA / name).is_dir() and not (DATA / "filerldb2").exists():
        sys.exit(
            f"{DATA / name} holds files of a former server; copy them into a new bucket "
            "(docs/operating.md, An S3 store), then move the folder away"
        )


def _write_identities(path: Path, name: str, keys: tuple[str, str]) -> None:
    """One identity, which may do all with objects of its bucket, and nothing with buckets."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    identity = {
        "name": "mlgitops",
        "credentials": [{"accessKey": keys[0], "secretKey": keys[1]}],
        "actions": [f"{action}:{name}" for action in ("Read", "Write", "List", "Tagging")],
    }
    path.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")


def _heap_limit() -> dict[str, str]:
    """Let Go know of the limit on the container's memory."""
    if "GOMEMLIMIT" in os.environ:
        return {}
    for path in _MEMORY_LIMITS:
        text = Path(path).read_text().strip() if Path(path).exists() else ""
        if text.isdigit() and int(text) < 2**50:  # version 1 says 2**63 where there is none
            return {"GOMEMLIMIT": str(int(int(text) * _HEAP))}
    return {}


def _closed_control_port() -> dict[str, str]:
    """Close the S3 server's second port, through which identities can be added without a key.

    It listens where S3 does and cannot be turned off; it can ask for a certificate, and nobody
    has one: the key of this one is gone with the container.
    """
    key, certificate = _RUNTIME / "control.key", _RUNTIME / "control.crt"
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "36500"]
    files = ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=s3"]
    subprocess.run(["openssl", "req", "-x509", *made, *files], check=True, capture_output=True)
    return {
        "WEED_GRPC_CA": str(certificate),
        "WEED_GRPC_S3_CERT": str(certificate),
        "WEED_GRPC_S3_KEY": str(key),
    }


def _command(identities: Path) -> list[str]:
    # A hundredth of the disk: full is when no volume fits, which leaves room for the index
    size = min(1024, max(8, shutil.disk_usage(DATA).total // _MIB // 128))
    return [
        *("weed", "-logtostderr=true", "server", f"-dir={DATA}"),
        *(f"-ip={_LOCAL}", f"-ip.bind={_LOCAL}"),
        *(f"-master.port={_MASTER}", f"-master.volumeSizeLimitMB={size}"),
        *("-master.peers=none", "-master.telemetry=false"),
        *("-volume.port=8080", "-volume.max=0", "-volume.preStopSeconds=0"),
        *(f"-filer.port={_FILER}", "-filer.exposeDirectoryData=false"),
        *("-s3", "-s3.port=9000", "-s3.ip.bind=0.0.0.0", f"-s3.config={identities}"),
        *("-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *("-s3.autoCreateBucket=false", "-s3.allowDeleteBucketNotEmpty=false"),
        "-s3.concurrentUploadLimitMB=128",
    ]


def _make_bucket(name: str) -> int:
    """Make the bucket, which is a folder of the filer, as soon as there is a filer.

    A volume for the filer's own log is made with it, as none may be left when that is needed.
    """
    last: object = "no answer"
    made = False
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            status = _post(_FILER, f"/buckets/{name}/")
            made = made or status == 201
            if status in {201, 409} and (not made or _post(_MASTER, "/vol/grow?count=1") == 200):
                return 0
            last = f"HTTP {status}"
        except OSError as error:
            last = error
        time.sleep(0.2)
    print(f"the bucket {name} could not be made: {last}", file=sys.stderr, flush=True)
    return 1


def _post(port: int, path: str) -> int:
    connection = http.client.HTTPConnection(_LOCAL, port, timeout=30)
    try:
        connection.request("POST", path)
        return connection.getresponse().status
    finally:
        connection.close()


if __name__ == "__main__":
    main()
