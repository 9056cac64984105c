"""A registry that pulls: `mlgitops sync` beside a real MLflow server, in the image of docs/sync."""

from __future__ import annotations

import base64
import http.server
import json
import os
import re
import subprocess
import threading
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from harness.waiting import eventually
from mlgitops.errors import DockerError
from mlgitops.system import docker, ports
from tests.notify.test_announce import Listener, listener
from tests.proxy import HangUpError
from tests.registry import certificates
from tests.sync.conftest import Origin, origin
from tests.wheels import ROOT, wheel

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.proxy import Answered, Asked, PassOn, Proxy
    from tests.team import Team

__all__ = ["listener", "origin"]
pytestmark = pytest.mark.xdist_group("server")
PATIENCE = 300.0  # seconds
TOKEN = "t0ken-of-the-reader"
# what the engine needs to reconcile a server; a team's lock has more
NEEDED = re.compile(
    r"(?:annotated-types|certifi|charset-normalizer|click|idna|jinja2|markdown-it-py|markupsafe|"
    r"mdurl|packaging|pydantic|pydantic-core|pygments|pyyaml|requests|rich|typing-extensions|"
    r"typing-inspection|urllib3)=="
)
# who holds the repository: the owner's key lets in, for git alone
SSHD = """\
FROM {image}
USER root
RUN apt-get update && apt-get install --yes --no-install-recommends openssh-server \\
 && mkdir -p /run/sshd && git config --system safe.directory '*' \\
 && usermod --shell /bin/sh --password '*' mlgitops
ENTRYPOINT ["/usr/sbin/sshd", "-D", "-e", "-o", "ListenAddress=127.0.0.1", "-o", "UsePAM=no", \\
  "-o", "StrictModes=no", "-o", "AuthorizedKeysFile=/keys/mlgitops.pub", "-o", "HostKey=/keys/host"]
"""


@pytest.mark.no_docker
def test_the_loop(remote: Team, origin: Origin) -> None:
    """Applied, healed, broken and mended, reverted: all by what stands on the branch."""
    remote.versions(2)

    def round_(code: int = 0, *options: str) -> str:
        ran = remote.run("sync", origin.address, "--once", "--now", *options)
        assert ran.code == code, ran.out + ran.err
        return ran.err

    first = origin.head
    assert "1 change applied" in round_()
    assert remote.aliases() == {"production": 1}
    stamp = remote.tag(1, "Production")
    assert stamp is not None
    assert (stamp["commit"], stamp["actor"]) == (first, "ada")

    remote.client.set_registered_model_alias("wind", "production", "2")
    assert "1 change applied" in round_()
    assert remote.aliases() == {"production": 1}
    healed = remote.tag(1, "Production")
    assert healed is not None
    assert healed["actor"] == "drift-healer"

    remote.client.set_registered_model_alias("wind", "production", "2")
    assert "1 stage not as declared: wind Production: should be 1, is 2" in round_(1, "--no-heal")
    assert remote.aliases() == {"production": 2}

    second = origin.declare(2)
    round_()
    assert remote.aliases() == {"production": 2}

    origin.declare(2, **{"models.yaml": "models: {wind: {stages: [Production]}}\n"})
    assert "models.yaml:1:17" in round_(1)
    remote.client.set_registered_model_alias("wind", "production", "1")
    round_(1)
    assert remote.aliases() == {"production": 1}  # nothing says what it is to be

    origin.git("revert", "--no-edit", "HEAD", second)
    round_()
    assert remote.aliases() == {"production": 1}


@pytest.mark.no_docker
def test_the_registry_is_away_for_a_while(remote: Team, origin: Origin, proxied: Proxy) -> None:
    """What could not be applied is, once the registry is there again; nothing is lost between."""
    remote.versions(1)
    proxied.reset(dies_at=0)
    assert remote.run("sync", origin.address, "--once").code == 1
    proxied.reset()
    assert remote.run("sync", origin.address, "--once").code == 0  # it waits
    assert proxied.asked == []
    remote.ok("sync", origin.address, "--once", "--now")
    assert remote.aliases() == {"production": 1}
    proxied.reset()
    remote.ok("sync", origin.address, "--once")
    assert proxied.asked == []  # nothing is due: only the repository was asked


TOLD = """\
version: 2
models:
  wind:
    announce: {webhooks: [DEFAULT]}
    stages: {Production: VERSION}
"""


@pytest.mark.no_docker
@pytest.mark.thorough
def test_others_are_told(remote: Team, origin: Origin, listener: Listener) -> None:
    """Of what was applied and of what was healed, each once; who could not be, by a later round."""
    remote.versions(2)

    def moves() -> list[tuple[int | None, int | None]]:
        return [(one["data"]["old"], one["data"]["new"]) for one in listener.documents]

    sync = ("sync", origin.address, "--once", "--now")
    origin.declare(1, **{"models.yaml": TOLD.replace("VERSION", "1")})
    remote.ok(*sync)
    remote.ok(*sync)
    assert moves() == [(None, 1)]

    origin.declare(2, **{"models.yaml": TOLD.replace("VERSION", "2")})
    listener.status = 400
    ran = remote.run(*sync)
    assert (ran.code, remote.aliases()) == (1, {"production": 2})
    assert "wind Production" in ran.err
    listener.status = 204
    listener.got.clear()
    remote.ok(*sync)
    remote.ok(*sync)
    assert moves() == [(1, 2)]

    remote.client.set_registered_model_alias("wind", "production", "1")
    remote.ok(*sync)
    assert remote.aliases() == {"production": 2}
    assert len(moves()) == 2


@dataclass(kw_only=True)
class Machine:
    """The image of docs/sync as a machine beside the registry runs it."""

    image: str
    folder: Path
    registry: str
    started: list[str] = field(default_factory=list)

    def run(
        self,
        *arguments: str,
        detached: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """Run a container to its end, or detached; returns what it printed, or its name."""
        name = f"mlgitops-test-{uuid.uuid4().hex[:8]}"
        given = {"MLFLOW_TRACKING_URI": self.registry, **(variables or {})}
        self.started.append(name)
        printed = docker.run(
            [
                *("run", "--name", name, "--network", "host", "--read-only", "--tmpfs", "/tmp"),  # noqa: S108
                *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
                *("--volume", f"{self.volume}:/var/lib/mlgitops"),
                *("--volume", f"{self.folder}:/keys:ro"),
                *(part for one in given.items() for part in ("--env", "=".join(one))),
                *(["--detach"] if detached else ["--rm"]),
                *(self.image, *arguments),
            ],
            shown=40,
        )
        return name if detached else printed

    @property
    def volume(self) -> str:
        """What outlives its containers."""
        return self.image.replace(":", "-")

    def close(self) -> None:
        """Remove what is left."""
        for name in self.started:
            subprocess.run(
                ["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False
            )
        command = ["docker", "volume", "rm", "--force", self.volume]
        subprocess.run(command, capture_output=True, check=False)


def locked(folder: Path) -> Path:
    """A folder with a lock of the engine of this checkout, as a team has it."""
    folder.mkdir()
    made = wheel(folder)
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements" / "runtime.txt").read_text())
    lines = [block for block in blocks if NEEDED.match(block)]
    lines.append(f"./{made.name} --hash=sha256:{sha256(made.read_bytes()).hexdigest()}")
    (folder / "mlgitops.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def machine(remote: Team, proxied: Proxy, tmp_path: Path) -> Iterator[Machine]:
    """A machine beside the registry, with a key; `remote` is its team."""
    del remote
    image = f"mlgitops-test-sync:{uuid.uuid4().hex[:8]}"
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("mlgitops", "host"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)]
        subprocess.run(command, check=True)
    for path in keys.iterdir():
        path.chmod(0o644)
    (keys / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    made = Machine(image=image, folder=keys, registry=proxied.url)
    dockerfile = str(ROOT / "docs" / "sync" / "Dockerfile")
    context = str(locked(tmp_path / "requirements"))
    try:
        docker.run(["build", "--quiet", "--tag", image, "--file", dockerfile, context], shown=40)
        yield made
    finally:
        made.close()
        subprocess.run(["docker", "image", "rm", image], capture_output=True, check=False)


@contextmanager
def sshd(machine: Machine, origin: Origin) -> Iterator[tuple[str, str]]:
    """A host of the repository; yields its container and its address."""
    port, image, name = ports.free_port(), f"{machine.image}-sshd", f"{machine.volume}-sshd"
    context = machine.folder.with_name("sshd")
    context.mkdir()
    (context / "Dockerfile").write_text(SSHD.format(image=machine.image), encoding="utf-8")
    docker.run(["build", "--quiet", "--tag", image, str(context)], shown=40)
    mounts = ["--volume", f"{machine.folder}:/keys", "--volume", f"{origin.folder}:/srv/farm:ro"]
    (machine.folder / "host").chmod(0o600)
    host = (machine.folder / "host.pub").read_text(encoding="utf-8")
    known = machine.folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {host}", encoding="utf-8")
    try:
        run = ["run", "--detach", "--name", name, "--network", "host", *mounts]
        docker.run([*run, image, "-p", str(port)])
        eventually(lambda: ports.refusal(ports.LOOPBACK, port) is not None, within=PATIENCE)
        yield name, f"ssh://mlgitops@127.0.0.1:{port}/srv/farm"
    finally:
        for command in (["rm", "--force", "--volumes", name], ["image", "rm", image]):
            subprocess.run(["docker", *command], capture_output=True, check=False)


@pytest.mark.timeout(1800)  # an image is built first
@pytest.mark.thorough
def test_a_container_follows_a_repository_over_ssh(
    remote: Team, proxied: Proxy, machine: Machine, origin: Origin
) -> None:
    """Killed in the middle of an apply, offline for a while, its history rewritten, ended."""
    remote.versions(4)
    with sshd(machine, origin) as (host, address):
        login = ("--key-file", "/keys/mlgitops", "--known-hosts", "/keys/known_hosts")
        follow = (address, *login)
        service = machine.run(*follow, "--every", "1", detached=True)
        also = ["exec", service, "mlgitops", "sync", *follow, "--once"]

        def settled(version: int) -> None:
            """Wait until the registry is as the branch declares, and nobody writes to it."""

            def done() -> bool:
                names = [model.name for model in remote.client.search_registered_models()]
                there = names == ["wind"] and remote.aliases() == {"production": version}
                return there and remote.classic("Production") == version

            try:
                eventually(done, within=PATIENCE)
            except AssertionError:
                pytest.fail(docker.run(["logs", service]))

        settled(1)

        def killed(asked: Asked, pass_on: PassOn) -> Answered:
            if asked.method == "POST" and asked.path.endswith("/registered-models/alias"):
                pass_on(asked)
                docker.run(["kill", service])
                raise HangUpError
            return pass_on(asked)

        proxied.meddle = killed
        origin.declare(2)
        form = ["inspect", "--format", "{{.State.ExitCode}}", service]
        eventually(lambda: docker.run(form).strip() == "137", within=PATIENCE)
        proxied.meddle = lambda asked, pass_on: pass_on(asked)
        docker.run(["start", service])
        settled(2)

        docker.run(["stop", "--time", "1", host])
        remote.client.set_registered_model_alias("wind", "production", "1")
        origin.declare(3)
        with pytest.raises(DockerError, match="ls-remote failed"):
            docker.run([*also, "--now"])
        assert remote.aliases() == {"production": 2}
        docker.run(["start", host])
        settled(3)

        origin.git("reset", "--quiet", "--hard", "HEAD~2")
        rewritten = origin.declare(4)
        with suppress(DockerError):  # unless the service has told it already
            docker.run(also)
        kept = json.loads(docker.run(["exec", service, "cat", "/var/lib/mlgitops/state.json"]))
        assert kept["rewritten"] == rewritten
        docker.run([*also, "--now"])
        assert remote.aliases() == {"production": 3}
        docker.run([*also, "--accept", rewritten])
        settled(4)

        docker.run(["stop", "--time", "60", service])
        assert docker.run(form).strip() == "0"


@pytest.mark.timeout(1800)  # an image is built first
@pytest.mark.thorough
def test_a_container_follows_a_repository_over_https(
    remote: Team, machine: Machine, origin: Origin, tmp_path: Path
) -> None:
    """With a token that only git gets and nothing prints, of a host that proves who it is."""
    remote.versions(1)
    made = certificates.make(machine.folder)
    with https(made.context(), tmp_path) as url:
        address = f"{url}/{origin.folder.name}"
        trusted = {"GIT_SSL_CAINFO": "/keys/authority.pem"}
        with pytest.raises(DockerError, match="certificate"):
            machine.run(address, "--once", "--token-file", "/keys/token")
        with pytest.raises(DockerError, match="failed") as wrong:
            machine.run(
                address, "--once", variables={**trusted, "MLGITOPS_SYNC_TOKEN": "wr0ng-token"}
            )
        assert "wr0ng" not in str(wrong.value)
        machine.run(address, "--once", "--token-file", "/keys/token", variables=trusted)
    assert remote.aliases() == {"production": 1}


@contextmanager
def https(context: ssl.SSLContext, root: Path) -> Iterator[str]:
    """A host of the repositories in a folder, for who has the token; yields its address."""
    login = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != f"Basic {login}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", "Basic")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            parts = urlsplit(self.path)
            ran = subprocess.run(
                ["git", "http-backend"],
                input=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
                env={
                    **os.environ,
                    "GIT_PROJECT_ROOT": str(root),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": parts.path,
                    "QUERY_STRING": parts.query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                },
                capture_output=True,
                check=True,
            )
            head, _, body = ran.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self.send_response(int(fields.pop("Status", "200")[:3]))
            for name, value in {**fields, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
