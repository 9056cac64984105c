"""Wherever a registry says that artifacts are, whatever is there: nothing leaks, nothing hangs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.core.version import Version
from mlgitops.errors import PayloadError
from mlgitops.errors.registry import StoreRefusedError
from mlgitops.registry import allowed
from mlgitops.registry.address import Address
from mlgitops.registry.connect import connect
from tests.hostile.registry import FILES, MLMODEL, always, hostile, on, sound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.hostile.conftest import Victim
    from tests.hostile.registry import Asked

    Answer = Callable[[Asked], object]

URI = "models:/wind/1"
# what a registry names; OTHER is a server that is not its own
REFUSED = (
    *("mlflow-artifacts://OTHER/m", "MLFLOW-ARTIFACTS://OTHER/m", "mlflow-artifacts://x@OTHER/m"),
    *(f"http://OTHER{FILES}/m", "http://OTHER/m", "https://OTHER/m", f"http://SELF@OTHER{FILES}/m"),
    *("file:///etc", "/etc", "etc", "file:etc", "FILE:///etc", "file://localhost/etc", "//x/etc"),
    *("file://SELF/etc", "file:///etc?x=mlflow-artifacts:/m", "http://[::1", " file:///etc"),
    *("abfss://box@account.evil.example/m", "wasbs://box@account.evil.example/m"),
)


@pytest.fixture
def victim(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> Victim:
    """The registry is sound here: on a busy machine, it may take a while."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    return victim


def sourced(address: str, victim: Victim) -> Answer:
    """A registry that says that artifacts are at an address."""
    other = victim.elsewhere.url.partition("://")[2]

    def answer(asked: Asked) -> None:
        if asked.path != "model-versions/get-download-uri":
            sound(asked)
            return
        own = asked.server.url.partition("://")[2]
        asked.send({"artifact_uri": address.replace("OTHER", other).replace("SELF", own)})

    return answer


def listing(*found: object) -> Answer:
    """A store that lists this in every folder."""
    return on(FILES, answer=always({"files": list(found)}))


def entry(path: object, is_dir: object = False, **fields: Any) -> dict[str, Any]:
    """What is listed of a file or folder."""
    return {"path": path, "is_dir": is_dir} | fields


def sent(answer: Answer) -> Answer:
    """A store that sends a file so."""
    return on(f"{FILES}/m/MLmodel", answer=answer)


# a digest needs no more than the text of the file
PINNED = ("a signature of another type", "a file that merges itself")


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No limit of a model is so large that a test has to fill it."""
    monkeypatch.setattr("mlgitops.registry.served._BYTES", 20 * 2**20)
    monkeypatch.setattr("mlgitops.registry.served._ENTRIES", 200)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "MLmodel").write_text(MLMODEL)


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_the_registry_s(victim: Victim, address: str) -> None:
    """No other host gets the login, or is asked; no file of this machine is read."""
    ran, _ = victim.run(sourced(address, victim), "pin")
    assert ran.code == 1
    assert "wind Production" in ran.err
    assert "models:/wind/1: " in ran.err
    assert victim.elsewhere.asked == []


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("address", ["models:/m-1", "runs:/r/m", "models:/wind/2"])
def test_an_address_that_leads_to_another(victim: Victim, address: str) -> None:
    """What counts is where it ends, and it has to end."""

    def answer(asked: Asked) -> None:
        match asked.path:
            case "logged-models/m-1":
                info = {"model_id": "m-1", "experiment_id": "1", "artifact_uri": "file:///etc"}
                asked.send({"model": {"info": info}})
            case "runs/get":
                info = {"run_id": "r", "experiment_id": "1", "artifact_uri": "file:///etc"}
                asked.send({"run": {"info": info}})
            case _:
                sourced(address, victim)(asked)

    ran, _ = victim.run(answer, "pin")
    assert ran.code == 1
    ends = "leads through more than" if address == "models:/wind/2" else "is a folder of the server"
    assert ends in ran.err


STORES: Mapping[str, Answer] = {
    "a folder that contains itself": listing(entry("m", True)),
    "folders that contain themselves": listing(*(entry(f"m{i}", True) for i in range(9))),
    "more files than it may have": listing(*(entry(f"f{i}") for i in range(300))),
    "..": listing(entry("..", True)),
    "a path that leads out": listing(entry("../../x")),
    "an absolute path": listing(entry("/tmp/x")),  # noqa: S108 - it is not written
    "a path with a backslash": listing(entry("..\\x")),
    "a name of 5,000 letters": listing(entry("x" * 5000)),
    "a name with a NUL": listing(entry("a\0b")),
    "a name of half a pair": on(
        FILES, answer=always(b'{"files": [{"path": "\\ud800", "is_dir": false}]}')
    ),
    "a name a number": listing(entry(7)),
    "a name null": listing(entry(None)),
    "is_dir text": listing(entry("m", "yes")),
    "a file null": listing(None),
    "files a mapping": on(FILES, answer=always({"files": {"a": 1}})),
    "files null": on(FILES, answer=always({"files": None})),
    "a list of files": on(FILES, answer=always([])),
    "the same file twice": listing(entry("MLmodel"), entry("MLmodel")),
    "a file and a folder of one name": listing(entry("m", True), entry("m")),
    "nothing": listing(),
    "html": on(FILES, answer=always(b"<h1>no</h1>")),
    "500": on(FILES, answer=always(b"no", 500)),
    "a listing without an end": on(
        FILES, answer=lambda asked: asked.flood(b"HTTP/1.1 200 OK\r\n\r\n", b"1" * 2**20)
    ),
    "a listing that comes a byte now and then": on(
        FILES, answer=lambda asked: asked.drip(b"HTTP/1.1 200 OK\r\n\r\n")
    ),
    "a file without an end": sent(
        lambda asked: asked.flood(b"HTTP/1.1 200 OK\r\n\r\n", b"1" * 2**20)
    ),
    "a file that comes a byte now and then": sent(
        lambda asked: asked.drip(b"HTTP/1.1 200 OK\r\n\r\n")
    ),
    "a file of which half comes": sent(
        lambda asked: asked.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nfla")
    ),
    "a file that is gone": sent(always(b"", 404)),
    "a file that redirects to itself": sent(
        lambda asked: asked.send(b"", 302, Location=asked.target)
    ),
    "a file that is no YAML": sent(always(b"\xff{")),
    "a file nested 100,000 deep": sent(always(b"[" * 100_000)),
    "a file that repeats itself": sent(
        always(
            "".join(f"a{i + 1}: &a{i + 1} [{f'*a{i}, ' * 9}]\n" for i in range(40))
            .replace("*a0", "x")
            .encode()
        )
    ),
    "a file that merges itself": sent(always(b"a: &a {b: c}\nd: {<<: [*a, *a]}\nflavors: {}\n")),
    "a file of 17 MiB": sent(always(b"#" * 17 * 2**20)),
    "a signature of another type": sent(always(b"flavors: {}\nsignature: 5\n")),
}


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("kind", STORES)
def test_every_kind_of_store(victim: Victim, kind: str) -> None:
    """One error that names model and version, or a pin; whatever the store lists and sends."""
    ran, _ = victim.run(STORES[kind], "pin")
    if kind not in PINNED:
        assert ran.code == 1
        assert "wind Production" in ran.err


@pytest.mark.parametrize("kind", PINNED)
def test_a_payload_that_nobody_reads(victim: Victim, kind: str) -> None:
    """Whoever needs more than a digest of it gets a reason."""
    with hostile(STORES[kind]) as server, pytest.raises(PayloadError, match=r"MLmodel|signature"):
        connect(server.url).signature(Version(number=1, status="READY", uri=URI))
    assert victim.elsewhere.asked == []


def test_a_file_that_breaks_off_is_asked_for_again(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its beginning: what had come is not in it twice."""
    for name, value in (("MAX_RETRIES", "1"), ("BACKOFF_FACTOR", "0"), ("BACKOFF_JITTER", "0")):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)
    halves = [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nfla"]

    def answer(asked: Asked) -> None:
        if halves and asked.path == f"{FILES}/m/MLmodel":
            asked.raw(halves.pop())
        else:
            sound(asked)

    digests = []
    for one in (answer, sound):
        assert victim.run(one, "pin", "--force")[0].code == 0
        digests.append(victim.team.file.read_text())
    assert not halves
    assert digests[0] == digests[1]


@pytest.mark.usefixtures("unread")
def test_a_store_that_sends_to_another_host(victim: Victim) -> None:
    """It gets nothing, not even a request."""
    to = victim.elsewhere.url

    def answer(asked: Asked) -> None:
        asked.send(b"", 302, Location=f"{to}/x")

    for paths in ((FILES,), (f"{FILES}/m/MLmodel",)):
        ran, _ = victim.run(on(*paths, answer=answer), "pin")
        assert "it is redirected to another host" in ran.err
    assert victim.elsewhere.asked == []


def test_what_a_registry_may_name(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own artifacts, and what MLGITOPS_ARTIFACT_ROOT names: servers, and folders from here."""
    text = victim.team.file.read_text()
    for address in ("mlflow-artifacts:/m", "mlflow-artifacts://SELF/m", f"http://SELF{FILES}/m"):
        victim.team.file.write_text(text)
        ran, _ = victim.run(sourced(address, victim), "pin")
        assert ran.code == 0, ran.err
        assert "digest" in victim.team.file.read_text()
    shared = victim.team.folder / "shared"
    shared.mkdir()
    (shared / "MLmodel").write_text(MLMODEL)
    monkeypatch.setenv("MLGITOPS_ARTIFACT_ROOT", f"https://artifacts.example.org, {shared}")
    assert victim.run(sourced(shared.as_uri(), victim), "pin")[0].code == 0
    out, _ = victim.run(sourced(f"{shared.as_uri()}/../etc", victim), "pin", "--force")
    assert "is a folder of the server's machine" in out.err
    remote = Address(registry="http://mlflow.example.org", tracking="http://mlflow.example.org")
    allowed.require("https://artifacts.example.org:443/m", remote)
    allowed.require("s3://bucket/m", remote)
    allowed.require("abfss://box@account.dfs.core.windows.net/m", remote)
    with pytest.raises(StoreRefusedError):
        allowed.require("http://artifacts.example.org/m", remote)


def test_mlflow_s_own_ways_are_guarded(tmp_path: Path) -> None:
    """What a recipe logs, and what only MLflow's client resolves, passes the same check."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    remote = Address(registry="http://mlflow.example.org", tracking="http://mlflow.example.org")
    here = Address(registry="sqlite:///x.db", tracking="sqlite:///x.db")
    try:
        allowed.guard(remote)
        for address in ("mlflow-artifacts://other.example.org/m", "http://other.example.org/m"):
            with pytest.raises(StoreRefusedError):
                get_artifact_repository(address)
        assert get_artifact_repository(str(tmp_path)).list_artifacts("") == []  # for itself
    finally:
        allowed.guard(here)
