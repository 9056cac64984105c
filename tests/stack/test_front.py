"""A deployment's proxy on a real engine: who reaches what, and what comes back by itself."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
import requests

from harness.engine import kill_in
from harness.waiting import eventually
from mlgitops.deploy.docker import front, host, steps
from mlgitops.deploy.docker.values import DeployOptions, Settings, Slot
from mlgitops.system import docker
from mlgitops.system.http import HttpClient
from tests.registry import certificates
from tests.stack.place import ASKS, MODEL, a_place, image_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.stack.place import Place

pytestmark = [pytest.mark.xdist_group("deploy"), pytest.mark.timeout(600)]


@pytest.fixture
def place(quick_image: str) -> Iterator[Place]:
    """A deployment to be; nothing of it stays."""
    with a_place(quick_image) as made:
        yield made


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
        for stop in (kill_in, lambda one: docker.run(["restart", one])):
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
        _restarted(made.containers[0], kill_in)
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


def test_a_broken_proxy_is_made_anew(place: Place) -> None:
    """What is asked says that it is down; a deploy makes it anew where it was, or removes it."""
    place.start()
    place.fill(Slot.BLUE)
    docker.run(["exec", place.proxy["Id"], "rm", "/var/lib/mlgitops/admin.sock"])
    assert _state(place) == "down"
    place.start()
    eventually(place.answers, within=60, every=0.1)
    docker.run(["rm", "--force", place.proxy["Id"]])
    assert _state(place) == "down"
    front.start_proxy(MODEL, place.stage, DeployOptions())
    eventually(place.answers, within=60, every=0.1)
    assert place.found.url == place.url
    docker.run(["pause", place.proxy["Id"]])
    assert _state(place) == "down"
    host.remove(place.name)
    assert host.find_deployment(MODEL, place.stage) is None


def test_a_start_takes_as_long_as_it_may(tmp_path: Path) -> None:
    """`rollout.start_timeout` decides, not the health check that the image brings along."""
    slow = (
        "HEALTHCHECK --interval=1s --timeout=60s --start-period=1s --retries=1 "
        f'CMD ["python", "-S", "-c", "{ASKS}"]\n'
        'ENTRYPOINT ["sh", "-c", "sleep 10; exec python -S /server.py"]\n'
    )
    with image_in(tmp_path, slow) as image, a_place(image) as place:
        place.start()
        place.fill(Slot.BLUE)
        eventually(place.answers, within=60, every=0.1)


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


def _state(place: Place) -> str:
    return steps.served(place.found, "", "").state.value
