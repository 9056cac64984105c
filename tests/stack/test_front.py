"""A deployment's proxy on a real engine: who reaches what, and what comes back by itself."""

from __future__ import annotations

import json
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

from harness.waiting import eventually
from mlgitops.deploy import engine, front, host
from mlgitops.deploy.values import DeployOptions, Settings, Slot, name_of
from mlgitops.errors import DeployError
from mlgitops.serve.load_test import send_load
from mlgitops.system import docker
from mlgitops.system.http import HttpClient
from mlgitops.system.ports import free_port
from tests.registry import certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mlgitops.deploy.values import Deployment, Occupant
    from mlgitops.serve.load_test import Load
    from tests.team import Team

pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(600)]

# it starts at once, and says what reached it
SERVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536 # an answer is sent whole or not at all
    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
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

    @property
    def name(self) -> str:
        """Of its Compose project."""
        return name_of(MODEL, self.stage)

    @property
    def url(self) -> str:
        """Its address, without TLS."""
        return f"http://127.0.0.1:{self.port}"

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
        front.start_proxy(MODEL, self.stage, DeployOptions(**{"port": self.port, **chosen}))

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

    def kill(self, container: str) -> None:
        """`kill -9` of a container's first process, by nobody that its engine knows."""
        pid = docker.run(["inspect", "--format", "{{.State.Pid}}", container]).strip()
        image = self.proxy["Image"]
        run = ["run", "--rm", "--pid", "host", "--network", "none", "--user", "0"]
        docker.run([*run, "--entrypoint", "sh", image, "-c", f"kill -9 {pid}"])

    @contextmanager
    def callers(self) -> Iterator[list[Load]]:
        """Four callers that ask without a pause; the list has what they got, afterwards."""
        done = threading.Event()
        found: list[Load] = []
        url = f"{self.url}/invocations"
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(
                send_load, url, b"{}", connections=4, go_on=lambda: not done.is_set()
            )
            try:
                yield found
            finally:
                done.set()
                found.append(asked.result())


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The id of an image that serves at once."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "server.py").write_text(SERVER)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    tag = f"mlgitops-test-front-{secrets.token_hex(4)}"
    yield docker.run(["build", "--quiet", "--tag", tag, str(folder)]).strip()
    docker.run(["image", "rm", "--force", tag])


@pytest.fixture
def place(image: str) -> Iterator[Place]:
    """A deployment to be; nothing of it stays."""
    made = Place(stage=f"Front-{secrets.token_hex(4)}", port=free_port(), image=image)
    yield made
    host.remove(made.name)
    filters = ["--quiet", "--filter", f"name={made.name}"]
    left = [["ps", "--all"], ["network", "ls"], ["volume", "ls"]]
    assert [docker.run([*one, *filters]) for one in left] == ["", "", ""]


def test_nobody_from_outside_chooses_the_slot(place: Place) -> None:
    """Only the key does; neither it nor the wish reaches a model without it."""
    place.start()
    place.fill(Slot.BLUE)
    place.fill(Slot.GREEN)
    proxy = front.proxy(place.name)
    proxy.share(Slot.BLUE, 100)
    own = proxy.headers(Slot.GREEN)
    wrong = {name: own[name] if name == "X-Serving-Slot" else "0" * 64 for name in own}
    for headers in ({"X-Serving-Slot": "green"}, wrong, {**wrong, "X-Serving-Key": ""}):
        for _ in range(3):
            answer = place.get(**headers)
            assert answer.headers["X-Serving-Slot"] == "blue"
            assert not {"x-serving-slot", "x-serving-key"} & set(answer.json()["headers"])
    answer = place.get(**own)
    assert answer.headers["X-Serving-Slot"] == "green"
    assert "x-serving-key" not in answer.json()["headers"]


def test_nobody_from_outside_reads_metrics(place: Place) -> None:
    """Nor anything else that is not for callers, however it is spelled."""
    place.start()
    place.fill(Slot.BLUE)
    for path in ("/metrics", "/metrics?x=1", "/%6detrics", "//metrics", "/docs", "/metrics/"):
        answer = place.get(path)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "BAD_REQUEST")
    own = front.proxy(place.name).headers(Slot.BLUE)
    assert place.get("/metrics", **own).json()["path"] == "/metrics"
    for path in ("/ping", "/health", "/live", "/version", "/invocations"):
        assert place.get(path).json()["path"] == path


def test_all_comes_back_by_itself(place: Place) -> None:
    """After `kill -9` and after `docker restart` of the proxy, and of the model's container.

    The slots' shares are what they were: what is not proven yet gets no request.
    """
    place.start()
    made = place.fill(Slot.BLUE)
    front.proxy(place.name).share(Slot.BLUE, 90)
    for container in (place.proxy["Id"], made.container):
        for stop in (place.kill, lambda one: docker.run(["restart", one])):
            _restarted(container, stop)
            eventually(place.answers, within=120, every=0.1)
            eventually(lambda: place.ready(Slot.BLUE) == 1, within=120, every=0.1)
            counts = front.proxy(place.name).counts()
            assert (counts[Slot.BLUE].weight, counts[Slot.GREEN].weight) == (90, 10)


def test_a_crash_of_one_replica_is_no_outage(place: Place) -> None:
    """Callers get no error while it is away, and it comes back; each replica gets its part."""
    place.start()
    made = place.fill(Slot.BLUE, replicas=2)
    assert len(made.containers) == 2
    assert (made.ready, made.healthy) == (2, True)
    with place.callers() as got:
        _restarted(made.containers[0], place.kill)
        eventually(lambda: place.found.slots[0].healthy, within=120, every=0.1)
        eventually(lambda: place.ready(Slot.BLUE) == 2, within=120, every=0.1)
    assert got[0].statuses.keys() == {200}


def test_shares_hold_whatever_the_number_of_replicas(place: Place) -> None:
    """A tenth for one container beside three is a tenth."""
    place.start()
    place.fill(Slot.BLUE, replicas=3)
    place.fill(Slot.GREEN)
    front.proxy(place.name).share(Slot.GREEN, 10)
    green = sum(place.get().headers["X-Serving-Slot"] == "green" for _ in range(200))
    assert 10 <= green <= 30


def test_a_broken_proxy_breaks_nothing_else(place: Place, farm: Team) -> None:
    """`--status` says that it is down, a deploy makes it anew where it was, `--remove` removes."""
    place.start()
    place.fill(Slot.BLUE)
    docker.run(["exec", place.proxy["Id"], "rm", "/var/lib/mlgitops/admin.sock"])
    assert _state(farm, place) == "down"
    assert farm.run("deploy", "--all").code == 0
    place.start()
    eventually(place.answers, within=60, every=0.1)
    docker.run(["rm", "--force", place.proxy["Id"]])
    assert _state(farm, place) == "down"
    assert farm.run("deploy", "--all").code == 0
    front.start_proxy(MODEL, place.stage, DeployOptions())
    eventually(place.answers, within=60, every=0.1)
    assert place.found.url == place.url
    docker.run(["pause", place.proxy["Id"]])
    assert _state(farm, place) == "down"
    farm.ok("deploy", MODEL, place.stage, "--remove")
    assert host.find_deployment(MODEL, place.stage) is None


def test_only_images_that_no_way_back_needs_are_removed(place: Place) -> None:
    """One that serves, one that a deployment goes back to, and one that a container has stay."""
    former, held, old = (_derived(place.image, name) for name in ("a", "b", "c"))
    container = docker.run(["create", held]).strip()
    try:
        place.start()
        settings = Settings(memory="128m", keep_images=1)
        host.fill(
            place.found, Slot.BLUE, place.image, settings=settings, registry="", previous=[former]
        )
        host.prune([place.image, former, held, old])
        left = docker.run(["image", "ls", "--no-trunc", "--quiet"])
        assert [one in left for one in (place.image, former, held, old)] == [True] * 3 + [False]
    finally:
        docker.run(["rm", "--force", container])
        docker.run(["image", "rm", "--force", former, held])


def test_logs_rotate(place: Place) -> None:
    """Those of the proxy and of the model's containers: no disk is filled by them."""
    place.start()
    for container in (place.proxy["Id"], place.fill(Slot.BLUE).container):
        form = "{{json .HostConfig.LogConfig.Config}}"
        said = json.loads(docker.run(["inspect", "--format", form, container]))
        assert said == {"max-size": "10m", "max-file": "3"}


def test_https_and_tokens(place: Place, tmp_path: Path) -> None:
    """Given once, kept, and renewed while the proxy runs; no image or container tells them."""
    made, token = certificates.make(tmp_path), secrets.token_hex(32)
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{token}\n")
    place.start(tls_cert=made.server, token_file=tokens)
    place.fill(Slot.BLUE)
    url = place.found.url
    assert url == f"https://127.0.0.1:{place.port}"

    def get(path: str, **headers: str) -> requests.Response:
        trusted = str(made.authority)
        return requests.get(f"{url}{path}", headers=headers, timeout=60, verify=trusted)

    assert [get(path).status_code for path in ("/ping", "/health", "/version")] == [200, 200, 401]
    refused = get("/invocations", Authorization=f"Bearer {token[:-1]}x")
    assert (refused.status_code, refused.json()["error_code"]) == (401, "UNAUTHENTICATED")
    answer = get("/version", Authorization=f"bearer {token}")
    assert (answer.status_code, "authorization" in answer.json()["headers"]) == (200, False)
    container = place.proxy
    assert token not in json.dumps(container)
    assert token not in docker.run(["logs", container["Id"]])

    proxy = front.proxy(place.name)
    ours = HttpClient(headers=proxy.headers(Slot.BLUE), fingerprint=proxy.fingerprint())
    assert ours.request("GET", f"{url}/metrics").ok
    with pytest.raises(DeployError, match=r"is already at .* with TLS and a token"):
        place.start(port=free_port())

    (tmp_path / "other").mkdir()
    other = certificates.make(tmp_path / "other")
    tokens.write_text(f"{'n' * 20}\n{'m' * 20}\n")
    place.start(tls_cert=other.server, token_file=tokens)
    assert place.proxy["Id"] == container["Id"]
    made = other
    for _ in range(2):
        assert get("/version", Authorization=f"Bearer {token}").status_code == 401
        assert get("/version", Authorization=f"Bearer {'m' * 20}").status_code == 200
        docker.run(["restart", container["Id"]])
        eventually(lambda: _reached(get), within=60, every=0.1)


def _derived(image: str, name: str) -> str:
    """The id of another image."""
    container = docker.run(["create", image]).strip()
    try:
        return docker.run(["commit", "--change", f"ENV NAME={name}", container]).strip()
    finally:
        docker.run(["rm", container])


def _restarted(container: str, stop: Callable[[str], object]) -> None:
    """End a container in some way, and wait until its engine has started it again."""

    def started() -> str:
        return docker.run(["inspect", "--format", "{{.State.StartedAt}}", container])

    before = started()
    stop(container)
    eventually(lambda: started() != before, within=120, every=0.1)


def _reached(get: Any) -> bool:
    try:
        return bool(get("/version", Authorization=f"Bearer {'m' * 20}").ok)
    except requests.RequestException:
        return False


def _state(team: Team, place: Place) -> str:
    found = team.ok("deploy", "--status", "--format", "json").document["deployments"]
    (mine,) = (one for one in found if one["name"] == place.name)
    return str(mine["state"])
