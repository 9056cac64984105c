"""Deployments on a real engine: replaced under load, returned, tried as a canary, removed."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from harness.waiting import eventually
from mlgitops.deploy import front, host, ssh
from mlgitops.deploy.replace import replace
from mlgitops.deploy.values import Canary, DeployOptions, Settings, Slot, name_of
from mlgitops.errors import DeployError, DeployFailedError
from mlgitops.image.build import build
from mlgitops.image.spec import BuildOptions
from mlgitops.registry.connect import connect
from mlgitops.registry.digest import of_folder
from mlgitops.serve.load_test import send_load
from mlgitops.system import docker
from mlgitops.system.ports import free_port
from tests.registry import certificates
from tests.team import declaring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.deploy.values import Occupant
    from mlgitops.serve.load_test import Load
    from tests.team import Ran, Team

pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(600)]

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
WIND = "power-forecasting-model"
BODY = json.dumps(
    [
        {f"{name}_{hour}": 5.0 for hour in ("00", "08", "16") for name in names}
        for names in [("temperature", "wind_direction", "wind_speed")]
    ]
).encode()
FAILS = 6.0  # a temperature at midnight
_MODEL = f"""
import mlflow

class Failing(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        if (model_input["temperature_00"] == {FAILS}).any():
            raise RuntimeError("it is too warm")
        return model_input.sum(axis=1)

mlflow.models.set_model(Failing())
"""


@dataclass(frozen=True, kw_only=True)
class Host:
    """One deployment of a stage that no one else has, and a team that deploys to it."""

    team: Team
    stage: str
    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def slots(self) -> tuple[Occupant, ...]:
        """What is in its slots."""
        found = host.find_deployment(WIND, self.stage)
        return found.slots if found else ()

    def hold(self, version: int | None) -> None:
        """Have the stage hold a version, by way of models.yaml."""
        self.team.stages(WIND, **{self.stage: version})
        self.team.ok("apply")

    def deploy(self, *options: str) -> Ran:
        """`mlgitops deploy` for it."""
        return self.team.run("deploy", WIND, self.stage, "--watch", "0.5", *options)

    def image(self, version: int) -> str:
        """The image of a version, under a name that no one else uses."""
        options = BuildOptions(repository=f"mlgitops-test-{self.stage}".lower())
        return build(connect(self.team.uri), WIND, str(version), options).tags[0]

    def answer(self) -> int:
        """The status of an answer to a good request."""
        headers = {"Content-Type": "application/json"}
        return requests.post(
            f"{self.url}/invocations", BODY, headers=headers, timeout=30
        ).status_code

    @contextmanager
    def callers(self, *bodies: bytes) -> Iterator[list[Load]]:
        """Eight callers for each body, who ask without a pause; the list has what they got."""
        done = threading.Event()
        found: list[Load] = []
        with ThreadPoolExecutor() as pool:
            asked = [
                pool.submit(
                    send_load,
                    f"{self.url}/invocations",
                    body,
                    connections=8,
                    go_on=lambda: not done.is_set(),
                )
                for body in bodies or (BODY,)
            ]
            try:
                yield found
            finally:
                done.set()
                found += [one.result() for one in asked]


@pytest.fixture
def place(farm: Team) -> Iterator[Host]:
    """A deployment to be; nothing of it stays."""
    made = Host(team=farm, stage=f"Trial-{secrets.token_hex(4)}", port=free_port())
    yield made
    host.remove(name_of(WIND, made.stage))
    labelled = ["image", "ls", "--quiet", "--filter", f"label=mlgitops.stage={made.stage}"]
    named = ["image", "ls", "--quiet", "--filter", f"reference=*{made.stage.lower()}*"]
    below = ["image", "ls", "--quiet", "--filter", f"reference=*{made.stage.lower()}*/*"]
    mine = {identity for command in (labelled, named, below) for identity in _run(command)}
    if mine:
        docker.run(["image", "rm", "--force", *mine])
    filters = ["--quiet", "--filter", f"name={name_of(WIND, made.stage)}"]
    assert docker.run(["ps", "--all", *filters]) == docker.run(["network", "ls", *filters]) == ""


def test_a_payload_that_is_not_the_pinned_one_is_not_deployed(
    place: Host, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It is refused before an image is built, naming both digests; there is no deployment."""
    place.hold(1)
    registry = connect(place.team.uri)
    payload = registry.download(f"models:/{WIND}/1", tmp_path_factory.mktemp("payload"))
    digest = of_folder(payload)
    wrong = f"sha256:{'0' * 64}"
    stage = f"{place.stage}: {{version: 1, digest: '{wrong}'}}"
    declared = declaring([place.stage])
    place.team.write(f"{declared}models: {{{WIND}: {{stages: {{{stage}}}}}}}")
    ran = place.deploy("--port", str(place.port))
    assert ran.code == 1
    assert f"version 1 has the digest {digest}, not the pinned {wrong}" in ran.err
    assert host.find_deployment(WIND, place.stage) is None


def test_a_deployment_follows_its_stage(place: Host) -> None:
    """First, promoted under load, as it should be, emptied, filled again, removed."""
    place.hold(1)
    ran = place.deploy("--port", str(place.port))
    assert ran.out == f"{WIND} {place.stage} at {place.url}: version none → 1\n", ran.err
    assert place.answer() == 200
    (one,) = place.slots
    place.hold(2)
    assert _state(place) == ("behind", "1", "2")
    with place.callers() as got:
        ran = place.team.ok("deploy", "--all")
        assert ran.out.endswith(": version 1 → 2\n"), ran.err
    assert got[0].statuses.keys() == {200}
    (two,) = place.slots
    assert two.slot is one.slot.other
    assert _state(place) == ("serving", "2", "2")
    _says_what_it_is(place)
    assert place.deploy().out.endswith(": version 2 already serves\n")
    assert place.slots[0].containers == two.containers

    place.hold(None)
    assert place.team.ok("deploy", "--all").out.endswith(": version 2 → none\n")
    answer = requests.post(f"{place.url}/invocations", BODY, timeout=30)
    assert (answer.status_code, answer.json()["message"]) == (503, "no version is serving")
    place.hold(1)
    assert place.team.ok("deploy", "--all").out.endswith(": version none → 1\n")
    assert place.answer() == 200

    elsewhere = place.deploy("--port", str(free_port()))
    assert elsewhere.code == 1
    assert f"is already at 127.0.0.1:{place.port}" in elsewhere.err
    assert place.team.ok("deploy", WIND, place.stage, "--remove").out.startswith("removed")
    assert place.team.run("deploy", WIND, place.stage, "--remove").code == 64


def test_what_does_not_prove_itself_does_not_serve(place: Host, tmp_path: Path) -> None:
    """One that ends, one that answers wrongly, one that dies as a canary: no caller notices."""
    good, other = place.image(1), place.image(2)
    options = DeployOptions(port=place.port, watch=0.5)
    replace(WIND, place.stage, _identity(good), options, say=_silent)
    before = place.slots
    assert before[0].slot is Slot.BLUE
    canary = DeployOptions(watch=0.5, canary=Canary(share=30, seconds=20.0))
    with place.callers() as got:
        broken = _derived(good, tmp_path, f"{place.stage}-a", "ENV SERVING_MODEL=/nowhere")
        with pytest.raises(
            DeployFailedError, match=r"(?s)did not become ready.*version 1 still serves"
        ):
            replace(WIND, place.stage, broken, options, say=_silent)
        wrong = _derived(good, tmp_path, f"{place.stage}-b", "ENV SERVING_MAX_BYTES=10")
        with pytest.raises(DeployFailedError, match=r"checks? failed.*got 413"):
            replace(WIND, place.stage, wrong, options, say=_silent)
        with ThreadPoolExecutor(1) as pool:
            killed = pool.submit(_kill_the_canary, place)
            with pytest.raises(DeployFailedError, match="the new version does not answer"):
                replace(WIND, place.stage, _identity(other), canary, say=_silent)
            killed.result()
    assert got[0].statuses.keys() == {200}
    assert [one.containers for one in place.slots] == [before[0].containers]
    assert place.answer() == 200


def test_a_canary(place: Host) -> None:
    """It is judged by real requests: too few are no proof, enough let it take the rest."""
    place.hold(1)
    place.deploy("--port", str(place.port))
    place.hold(2)
    ran = place.deploy("--canary", "20", "--canary-seconds", "1")
    assert ran.code == 6
    assert "too few to judge it" in ran.err
    assert "version 1 still serves" in ran.err
    with place.callers() as got:
        ran = place.deploy("--canary", "20", "--canary-seconds", "12")
    assert "version 1 → 2 (canary: " in ran.out, ran.err
    assert got[0].statuses.keys() == {200}


def test_a_version_that_fails_a_third_of_its_requests_is_refused(
    place: Host, tmp_path: Path
) -> None:
    """What its own code raises counts against it, also where each of its tests has passed."""
    good = place.image(1)
    options = DeployOptions(port=place.port, watch=60.0)
    replace(WIND, place.stage, _identity(good), options, say=_silent)
    _save_failing(tmp_path / "model")
    failing = _derived(good, tmp_path, f"{place.stage}-f", "COPY model /model")
    bodies = [BODY, BODY, _asking(FAILS)]
    refused = pytest.raises(DeployFailedError, match=r"(?s)fails more often.*version 1 still")
    with place.callers(*bodies) as got, refused:
        replace(WIND, place.stage, failing, options, say=_silent)
    assert {500, 200} == set().union(*(one.statuses for one in got))
    canary = DeployOptions(canary=Canary(share=50, seconds=10.0))
    refused = pytest.raises(DeployFailedError, match=r"the canary failed: it fails more often")
    with place.callers(*bodies), refused:
        replace(WIND, place.stage, failing, canary, say=_silent)
    assert [one.version for one in place.slots] == ["1"]
    assert place.answer() == 200


def test_nonsense_of_a_caller_does_not_bring_the_old_version_back(
    place: Host, tmp_path: Path
) -> None:
    """The old version is asked the same: what it refuses as well is held against nobody."""
    good = place.image(1)
    options = DeployOptions(port=place.port, watch=5.0)
    replace(WIND, place.stage, _identity(good), options, say=_silent)
    same = _derived(good, tmp_path, f"{place.stage}-s", "ENV ANOTHER=1")
    nonsense: list[list[Load]] = []
    with ExitStack() as callers:
        callers.enter_context(place.callers())

        def say(text: str) -> None:
            if text.startswith("moving traffic"):  # the old version has never seen any of it
                nonsense.append(callers.enter_context(place.callers(_asking(None))))

        assert replace(WIND, place.stage, same, options, say=say).changed
    assert nonsense[0][0].statuses.keys() == {400}


def test_options_are_kept(place: Host, tmp_path: Path) -> None:
    """What was chosen once holds for the next version; its tests and callers use HTTPS.

    With `--keep-images 0`, the image of the version that served before goes.
    """
    made, token = certificates.make(tmp_path), secrets.token_hex(16)
    (tmp_path / "tokens").write_text(token)
    place.hold(1)
    chosen = ["--memory", "900m", "--start-timeout", "600", "--keep-images", "0"]
    secret = ["--tls-cert", str(made.server), "--token-file", str(tmp_path / "tokens")]
    ran = place.deploy("--port", str(place.port), *chosen, *secret)
    assert f" at https://127.0.0.1:{place.port}: version none → 1\n" in ran.out, ran.err
    (one,) = place.slots
    place.hold(2)
    ran = place.deploy("--replicas", "2")
    assert ran.out.endswith(": version 1 → 2\n"), ran.err
    (two,) = place.slots
    assert (two.ready, len(two.containers)) == (2, 2)
    kept = Settings(memory="900m", start_timeout=600, keep_images=0)
    assert (one.settings, two.settings) == (kept, changed(kept, replicas=2))
    assert place.deploy().out.endswith(": version 2 already serves\n")
    assert one.image not in docker.run(["image", "ls", "--no-trunc", "--quiet"])
    url = f"https://127.0.0.1:{place.port}/invocations"
    headers = {"Content-Type": "application/json"}
    for login, status in ({}, 401), ({"Authorization": f"Bearer {token}"}, 200):
        answer = requests.post(
            url, BODY, headers={**headers, **login}, timeout=60, verify=str(made.authority)
        )
        assert answer.status_code == status


def test_an_image_of_ones_own_registry(place: Host) -> None:
    """What cannot be pulled changes nothing; a proxy is needed to move traffic."""
    place.hold(1)
    ran = place.deploy("--port", str(place.port), "--from", "127.0.0.1:1/none")
    assert ran.code == 1
    assert "cannot pull" in ran.err
    with pytest.raises(DeployError, match="is not running"):
        front.proxy(name_of(WIND, place.stage))


def test_a_replacement_is_rehearsed(place: Host) -> None:
    """As a plan says, under load, and nothing of it stays."""
    place.hold(1)
    place.team.stages(WIND, **{place.stage: 2})
    place.team.ok("plan", "--out", "plan.json")
    ran = place.team.ok("deploy-rehearsal", "plan.json", "--report", "deploy.md")
    assert f"{WIND} {place.stage} 1 → 2: " in ran.out
    assert "0 dropped, 0 refused" in ran.out
    assert "| passed |" in (place.team.folder / "deploy.md").read_text()
    # other tests may be rehearsing their own
    name = f"name={name_of(WIND, place.stage)}-rehearsal-"
    assert docker.run(["ps", "--all", "--quiet", "--filter", name]) == ""
    run = place.team.client.get_model_version(WIND, "2").run_id
    mine = ("reference=mlgitops-rehearsal-*/*", f"label=mlgitops.run={run}")
    filters = [part for one in mine for part in ("--filter", one)]
    assert docker.run(["image", "ls", "--quiet", *filters]) == ""


@pytest.mark.skipif(SSHD is None, reason="OpenSSH's server is not installed")
def test_a_host_by_ssh(farm: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in a variable reaches a known host, and no other; it is in no message and no file."""
    monkeypatch.setenv(ssh.KEY, (_keys(tmp_path) / "user").read_text())
    with _sshd(tmp_path) as (address, known):
        monkeypatch.setenv("DOCKER_HOST", f"ssh://{address}")
        monkeypatch.setenv(ssh.KNOWN_HOSTS, known)
        assert farm.ok("deploy", "--status", "--format", "json").document["kind"]
        monkeypatch.setenv(ssh.KNOWN_HOSTS, known.replace("AAAA", "AAAB"))
        refused = farm.run("deploy", "--status")
        assert refused.code == 1
        monkeypatch.delenv(ssh.KNOWN_HOSTS)
        assert (
            "MLGITOPS_DEPLOY_KEY is set, but MLGITOPS_DEPLOY_KNOWN_HOSTS is not"
            in farm.run("deploy", "--status").err
        )
    assert "PRIVATE KEY" not in refused.out + refused.err
    assert not list(Path(tempfile.gettempdir()).glob("mlgitops-ssh-*"))


def _keys(folder: Path) -> Path:
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    return folder


@contextmanager
def _sshd(folder: Path) -> Iterator[tuple[str, str]]:
    """A server for this very user: its address, and its line for known_hosts."""
    assert SSHD is not None, "asked before"
    port = free_port()
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/user.pub\nPidFile none\nUsePAM no\n"
    )
    # it wants this folder, empty, where systemd would have made it
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server = subprocess.Popen([SSHD, "-D", "-f", str(folder / "sshd_config")])
    try:
        eventually(lambda: _listens(port), within=10, every=0.05)
        kind, key = (folder / "host.pub").read_text().split()[:2]
        yield f"{getpass.getuser()}@127.0.0.1:{port}", f"[127.0.0.1]:{port} {kind} {key}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _says_what_it_is(place: Host) -> None:
    """The status, and the server itself: by digest, commit of the promotion and image."""
    held = connect(place.team.uri).model(WIND)
    stamp = held.stamp_in_force(place.stage.lower()) if held else None
    assert stamp is not None
    (two,) = place.slots
    assert two.commit == stamp.commit
    told = requests.get(f"{place.url}/version", timeout=30).headers
    expected = {
        "model": WIND,
        "version": "2",
        "digest": two.digest,
        "commit": two.commit,
        "image": two.image,
    }
    assert {name: told[f"x-serving-{name}"] for name in expected} == expected
    assert two.digest.startswith("sha256:")


def _state(place: Host) -> tuple[str, str, str]:
    """The state in a word, what serves, what the registry holds."""
    found = place.team.ok("deploy", "--status", "--format", "json").document["deployments"]
    (mine,) = (one for one in found if one["stage"] == place.stage)
    return mine["state"], mine["slots"][0]["version"], mine["held"]


def _run(command: list[str]) -> list[str]:
    return docker.run(command).split()


def _identity(tag: str) -> str:
    return docker.run(["image", "inspect", "--format", "{{.Id}}", tag]).strip()


def _derived(image: str, folder: Path, name: str, line: str) -> str:
    """The id of an image with another line in its Dockerfile."""
    (folder / "Dockerfile").write_text(f"FROM {image}\n{line}\n")
    return docker.run(["build", "--quiet", "--tag", name.lower(), str(folder)]).strip()


def _asking(temperature: float | None) -> bytes:
    """A request with another temperature at midnight."""
    (record,) = json.loads(BODY)
    return json.dumps([{**record, "temperature_00": temperature}]).encode()


def _save_failing(folder: Path) -> None:
    """Save a model of the same columns that fails on one temperature, and on no test of it."""
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature

    code = folder.parent / "failing.py"
    code.write_text(_MODEL)
    signature = infer_signature(pd.DataFrame(json.loads(BODY)))
    mlflow.pyfunc.save_model(folder, python_model=str(code), signature=signature)


def _kill_the_canary(place: Host) -> None:
    def killed() -> bool:
        found = [one for one in place.slots if one.weight == 30 and one.requests > 20]
        for one in found:
            docker.run(["kill", *one.containers])
        return bool(found)

    eventually(killed, within=120, every=0.1)


def _silent(_: str) -> None:
    """Tell nobody."""
