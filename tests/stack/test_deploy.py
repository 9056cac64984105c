"""Deployments on a real engine: replaced under load, emptied, kept as chosen, removed."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import replace as changed
from typing import TYPE_CHECKING, Any

import pytest
import requests

from mlgitops.deploy.docker import host, turn
from mlgitops.deploy.docker.replace import replace
from mlgitops.deploy.docker.values import DeployOptions, Settings, name_of
from mlgitops.errors.deploying import DeployUnderWayError
from mlgitops.registry.connect import connect
from mlgitops.registry.digest import of_folder
from mlgitops.system import docker
from mlgitops.system.ports import free_port
from tests.registry import certificates
from tests.stack.deployment import BODY, WIND, a_deployment
from tests.team import declaring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stack.deployment import Host
    from tests.team import Team

pytestmark = [pytest.mark.xdist_group("deploy"), pytest.mark.timeout(600)]


@pytest.fixture
def place(farm: Team) -> Iterator[Host]:
    """A deployment to be; nothing of it stays."""
    with a_deployment(farm) as made:
        yield made


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
    place.team.write(f"{declared}models: {{{WIND}: {{stages: {{{stage}}}}}}}\n")
    ran = place.deploy()
    assert ran.code == 4
    assert f"version 1 has the digest {digest}, not the pinned {wrong}" in ran.err
    assert "no version serves" in ran.err


def test_a_host_that_has_no_room_says_so(place: Host) -> None:
    """In the engine's words, with what to do; a later run may find room."""
    place.hold(1)
    ran = place.deploy(resources={"cpu": 900})
    assert ran.code == 4
    assert "there is no room for it: Range of CPUs is from 0.01 to " in ran.err
    assert "lower resources" in ran.err
    assert place.slots == ()


def test_a_deployment_follows_its_stage(place: Host) -> None:
    """First, promoted under load, as it should be, emptied, filled again, moved, removed."""
    place.hold(1)
    place.declare()
    pending = place.team.run("deploy", "--plan", "--exit-code", "--format", "json")
    assert pending.code == 2
    assert [step["action"] for step in pending.document["steps"]] == ["create"]
    assert host.find_deployment(WIND, place.stage) is None
    ran = place.deploy()
    said = f"{WIND} {place.stage} in this machine: version"
    assert ran.out == f"{said} – → 1: serves at {place.url}\n", ran.err
    assert place.answer() == 200
    (one,) = place.slots
    place.hold(2)
    place.declare()
    assert _state(place) == ("behind", "1")
    with place.callers() as got:
        ran = place.deploy()
        assert ran.out.startswith(f"{said} 1 → 2: serves"), ran.err
    assert got[0].statuses.keys() == {200}
    (two,) = place.slots
    assert two.slot is one.slot.other
    assert _state(place) == ("serving", "2")
    _says_what_it_is(place)
    assert place.team.run("deploy", "--plan", "--exit-code").code == 0
    assert place.deploy().out.startswith(f"{said} 2: as declared")
    assert place.slots[0].containers == two.containers

    place.hold(None)
    assert place.deploy().out.startswith(f"{said} 2 → –: withdrawn")
    answer = requests.post(f"{place.url}/invocations", BODY, timeout=30)
    assert (answer.status_code, answer.json()["message"]) == (503, "no version is serving")
    assert _state(place) == ("empty", "")
    place.hold(1)
    elsewhere = changed(place, port=free_port())
    assert elsewhere.deploy().out.startswith(f"{said} – → 1: serves at {elsewhere.url}")
    assert elsewhere.answer() == 200
    ran = place.deploy(stages=[], ports={})
    assert ran.out.startswith(f"{said} 1 → –: removed"), ran.err
    assert host.find_deployment(WIND, place.stage) is None


@pytest.mark.thorough
def test_what_nobody_declared_is_left_alone_and_adopted_once_declared(place: Host) -> None:
    """What was deployed before deployments were declared, or by another owner, is never pruned."""
    options = DeployOptions(port=place.port, watch=0.5)
    replace(WIND, place.stage, _identity(place.image(1)), options, say=_silent)
    place.hold(1)
    assert place.deploy(stages=[], ports={}).code == 0
    assert place.answer() == 200
    place.declare()
    plan = place.team.ok("deploy", "--plan", "--format", "json").document["steps"]
    assert any(detail.startswith("owner: nobody → ") for detail in plan[0]["details"])
    with place.callers() as got:
        assert place.deploy().code == 0
    assert got[0].statuses.keys() == {200}
    (one,) = place.slots
    assert (one.owner, one.declared) == (place.owner, "edge")
    replaced = changed(options, owner="somebody/else", declared="edge")
    replace(WIND, place.stage, one.image, replaced, say=_silent)
    refused = place.deploy()
    assert refused.code == 4
    assert "it is managed by somebody/else" in refused.err


def test_two_deploys_at_once(place: Host) -> None:
    """The second is refused, and told who has the turn; one that is killed gives it up."""
    owner = place.owner
    with turn.taken(owner, "here") as check:
        check()
        refused = pytest.raises(DeployUnderWayError, match=rf"under way in here .*{os.getpid()}")
        with refused, turn.taken(owner, "here"):
            pass
    code = (
        f"from mlgitops.deploy.docker import turn; import os\n"
        f"with turn.taken({owner!r}, 'here'): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with turn.taken(owner, "here") as check:
        check()


@pytest.mark.thorough
def test_what_is_declared_holds(place: Host, tmp_path: Path) -> None:
    """Limits, replicas, variables, HTTPS and tokens, whose files need not be there ever after.

    With `keep_images: 0`, the image of the version that served before goes.
    """
    made, token = certificates.make(tmp_path), secrets.token_hex(16)
    folder = place.team.folder
    (folder / "tokens").write_text(token)
    shutil.copy(made.server, folder / "tls.pem")
    keys: dict[str, Any] = {
        "resources": {"memory": "900Mi"},
        "keep_images": 0,
        "tls_cert": "tls.pem",
        "token_file": "tokens",
    }
    place.hold(1)
    ran = place.deploy(**keys)
    assert f"serves at https://127.0.0.1:{place.port}" in ran.out, ran.err
    (one,) = place.slots
    place.hold(2)
    (folder / "tokens").unlink()
    (folder / "tls.pem").unlink()
    keys |= {"replicas": 2, "environment": {"GREETING": "a $dollar"}}
    ran = place.deploy(**keys)
    assert "version 1 → 2: serves" in ran.out, ran.err
    (two,) = place.slots
    assert (two.ready, len(two.containers)) == (2, 2)
    kept = Settings(memory="900m", start_timeout=300, keep_images=0)
    assert (one.settings, two.settings) == (kept, changed(kept, replicas=2))
    variables = docker.run(["inspect", "--format", "{{json .Config.Env}}", two.container])
    assert "GREETING=a $dollar" in json.loads(variables)
    assert ": as declared" in place.deploy(**keys).out
    assert one.image not in docker.run(["image", "ls", "--no-trunc", "--quiet"])
    url = f"https://127.0.0.1:{place.port}/invocations"
    headers = {"Content-Type": "application/json"}
    for login, status in ({}, 401), ({"Authorization": f"Bearer {token}"}, 200):
        answer = requests.post(
            url, BODY, headers={**headers, **login}, timeout=60, verify=str(made.authority)
        )
        assert answer.status_code == status


@pytest.mark.thorough  # the loop's pull request rehearses one, too
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


def _state(place: Host) -> tuple[str, str]:
    """The state in a word, and what serves."""
    found = place.team.ok("status", "--format", "json").document["deployments"]
    (mine,) = (one for one in found if one["stage"] == place.stage)
    return mine["state"], mine["version"]


def _identity(tag: str) -> str:
    return docker.run(["image", "inspect", "--format", "{{.Id}}", tag]).strip()


def _silent(_: str) -> None:
    """Tell nobody."""
