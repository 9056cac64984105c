"""Deployments of a server that starts at once, on a real engine, without a registry."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from harness.calling import callers
from harness.waiting import eventually
from mlgitops.deploy.docker import engine, front, host
from mlgitops.deploy.docker.values import DeployOptions, Settings, Slot, name_of
from mlgitops.system import docker
from mlgitops.system.ports import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mlgitops.deploy.docker.values import Deployment, Occupant
    from mlgitops.serve.load_test import Load

# it starts at once, and says what reached it
SERVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json, time
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536 # an answer is sent whole or not at all
    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        time.sleep(float(self.headers.get("x-seconds", 0)))
        names = [name.lower() for name in self.headers]
        body = json.dumps({"path": self.path, "headers": names}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *_): pass
class Server(ThreadingHTTPServer):
    request_queue_size = 128
Server(("", 8080), Handler).serve_forever()
"""
ASKS = "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/ping', timeout=5)"
DOCKERFILE = f"""
FROM python:3.13-slim
COPY server.py /
LABEL mlgitops.version=1
HEALTHCHECK --interval=2s --timeout=60s --start-period=60s --start-interval=100ms \\
    CMD ["python", "-S", "-c", "{ASKS}"]
USER 1000
STOPSIGNAL SIGKILL
ENTRYPOINT ["python", "-S", "/server.py"]
"""
MODEL = "front"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A deployment that no one else has."""

    stage: str
    port: int
    image: str
    bind: str = LOOPBACK

    @property
    def name(self) -> str:
        """Of its Compose project."""
        return name_of(MODEL, self.stage)

    @property
    def url(self) -> str:
        """Its address, without TLS."""
        return f"http://{self.bind}:{self.port}"

    @property
    def found(self) -> Deployment:
        """It, as the host describes it."""
        found = host.find_deployment(MODEL, self.stage)
        assert found is not None
        return found

    @property
    def proxy(self) -> dict[str, Any]:
        """What Docker says of the proxy."""
        (one,) = engine.service(self.name, "proxy")
        return one

    def start(self, **chosen: Any) -> None:
        """Have a proxy."""
        front.start_proxy(MODEL, self.stage, DeployOptions(**self._where | chosen))

    @property
    def _where(self) -> dict[str, Any]:
        return {"bind": self.bind, "port": self.port}

    def fill(self, slot: Slot, *, replicas: int = 1) -> Occupant:
        """Have the image serve in a slot, for good."""
        settings = Settings(memory="128m", cpus="0.5", replicas=replicas)
        host.fill(self.found, slot, self.image, settings=settings, registry="")
        made = next(one for one in self.found.slots if one.slot is slot)
        host.keep(made)
        eventually(lambda: self.ready(slot) == replicas, within=60, every=0.1)
        return made

    def ready(self, slot: Slot) -> int:
        """How many containers of a slot the proxy reaches."""
        return front.proxy(self.name).counts()[slot].ready

    def get(self, path: str = "/version", **headers: str) -> requests.Response:
        """An answer to a caller."""
        return requests.get(f"{self.url}{path}", headers=headers, timeout=60)

    def answers(self) -> bool:
        """Whether a caller gets an answer, and the proxy says what it knows."""
        try:
            return self.get().ok and self.found.serving is not None
        except requests.RequestException:
            return False

    def callers(self) -> AbstractContextManager[list[Load]]:
        """Four callers that ask again and again; the list has what they got, afterwards."""
        return callers(self.url, b"{}", connections=4)


@contextmanager
def image_in(folder: Path, more: str = "") -> Iterator[str]:
    """The id of an image that serves at once, unless more lines of its Dockerfile say otherwise."""
    (folder / "server.py").write_text(SERVER)
    (folder / "Dockerfile").write_text(DOCKERFILE + more)
    tag = f"mlgitops-test-front-{secrets.token_hex(4)}"
    made = docker.run(["build", "--quiet", "--tag", tag, str(folder)]).strip()
    try:
        yield made
    finally:
        docker.run(["image", "rm", "--force", tag])


@contextmanager
def a_place(image: str, bind: str = LOOPBACK) -> Iterator[Place]:
    """A deployment to be; nothing of it stays."""
    made = Place(stage=f"Front-{secrets.token_hex(4)}", port=free_port(), image=image, bind=bind)
    try:
        yield made
    finally:
        host.remove(made.name)
    filters = ["--quiet", "--filter", f"name={made.name}"]
    left = [["ps", "--all"], ["network", "ls"], ["volume", "ls"]]
    assert [docker.run([*one, *filters]) for one in left] == ["", "", ""]
