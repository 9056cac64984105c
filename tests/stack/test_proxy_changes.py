"""What a proxy loses when it is changed, renewed, stopped: nothing, or new connections alone."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from harness.waiting import eventually
from mlgitops.deploy.docker import front
from mlgitops.deploy.docker.values import Slot
from mlgitops.errors.deploying import DeployError
from mlgitops.system import docker
from tests.registry import certificates
from tests.stack.place import a_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.stack.place import Place

pytestmark = [pytest.mark.xdist_group("deploy"), pytest.mark.timeout(600)]

CONFIGURATION = "/var/lib/mlgitops/haproxy.cfg"


@pytest.fixture
def place(quick_image: str) -> Iterator[Place]:
    """A deployment to be; nothing of it stays."""
    with a_place(quick_image) as made:
        yield made


def test_a_reload_loses_no_request(place: Place) -> None:
    """Neither of callers who ask again and again, nor of one that asks once more later."""
    place.start()
    place.fill(Slot.BLUE, replicas=2)
    proxy = front.proxy(place.name)
    proxy.share(Slot.BLUE, 90)
    with place.callers() as got, _connected(place) as ask:
        assert "connection: close" not in ask()
        for _ in range(3):
            proxy.reload()
        answer = ask()
        assert answer.startswith("http/1.1 200")
        assert "connection: close" in answer
        proxy.settle()
    assert got[0].statuses.keys() == {200}
    counts = proxy.counts()
    assert (counts[Slot.BLUE].weight, counts[Slot.BLUE].ready) == (180, 2)


def test_another_configuration_comes_by_a_reload(place: Place) -> None:
    """That of another version of mlgitops: the container stays, and no request is lost."""
    place.start()
    place.fill(Slot.BLUE)
    proxy, container = front.proxy(place.name), place.proxy["Id"]
    mark = proxy.mark
    _run(container, f"sed -i 's/description .*/description another/' {CONFIGURATION}")
    proxy.reload()
    assert proxy.mark == "another"
    with place.callers() as got:
        place.start()
    assert got[0].statuses.keys() == {200}
    assert (front.proxy(place.name).mark, place.proxy["Id"]) == (mark, container)


def test_a_configuration_that_the_proxy_rejects_changes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to do; after a restart, too, the proxy is what it was."""
    place.start()
    place.fill(Slot.BLUE)
    mark = front.proxy(place.name).mark
    monkeypatch.setattr(front, "configuration", lambda: ("of HAProxy 9\n", "9"))
    with place.callers() as got:
        with pytest.raises(DeployError, match=r"run `docker stop \w+` and deploy again"):
            place.start()
        assert front.proxy(place.name).mark == mark
    assert got[0].statuses.keys() == {200}
    docker.run(["restart", place.proxy["Id"]])
    eventually(place.answers, within=60, every=0.1)


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_new_credentials_lose_no_request(place: Place, tmp_path: Path) -> None:
    """A certificate and tokens are renewed while callers ask, by old and by new connections."""
    made, token = certificates.make(tmp_path), secrets.token_hex(32)
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{token}\n")
    place.start(tls_cert=made.server, token_file=tokens)
    place.fill(Slot.BLUE)
    done, login = threading.Event(), {"Authorization": f"Bearer {token}"}
    url = f"{place.found.url}/version"

    def call(again: bool) -> set[int]:
        """On one connection, or on one for each request; trust is another test's."""
        found: set[int] = set()
        with requests.Session() as session:
            session.verify = False
            ask = session.get if again else requests.get
            while not done.is_set():
                found.add(ask(url, headers=login, timeout=60, verify=False).status_code)
        return found

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(call, again) for again in (True, True, False, False)]
        try:
            for number in range(3):
                folder = tmp_path / str(number)
                folder.mkdir()
                tokens.write_text(f"{token}\n{secrets.token_hex(32)}\n")
                place.start(tls_cert=certificates.make(folder).server, token_file=tokens)
        finally:
            done.set()
        assert [one.result() for one in asked] == [{200}] * 4


def test_a_stopped_proxy_answers_what_was_asked(place: Place) -> None:
    """And does not wait for connections that ask for nothing: it is back soon."""
    place.start()
    place.fill(Slot.BLUE)
    with _connected(place) as ask, ThreadPoolExecutor(1) as pool:
        ask()
        slow = pool.submit(lambda: place.get(**{"X-Seconds": "5"}).status_code)
        eventually(lambda: place.found.slots[0].busy == 1, within=60, every=0.05)
        begun = time.monotonic()
        docker.run(["restart", place.proxy["Id"]])
        assert time.monotonic() - begun < 60  # an idle connection lasts 75 s
        assert slow.result() == 200
    eventually(place.answers, within=60, every=0.1)


@contextmanager
def _connected(place: Place) -> Iterator[Callable[[], str]]:
    """Ask again and again on one connection; what it answers, in lower case."""
    with socket.create_connection(("127.0.0.1", place.port), timeout=60) as connection:

        def ask() -> str:
            connection.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return connection.recv(65536).decode().lower()

        yield ask


def _run(container: str, script: str) -> None:
    docker.run(["exec", container, "sh", "-c", script])
