"""Versions that prove themselves, or do not, on a real engine: no caller notices which."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from harness.calling import FAILING, FAILS
from harness.waiting import eventually
from mlgitops.core.deployments import Canary
from mlgitops.deploy.docker.replace import replace
from mlgitops.deploy.docker.values import DeployOptions, Slot
from mlgitops.errors.deploying import DeployFailedError
from mlgitops.system import docker
from tests.stack.deployment import BODY, WIND, a_deployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlgitops.serve.load_test import Load
    from tests.stack.deployment import Host
    from tests.team import Team

pytestmark = [pytest.mark.xdist_group("deploy"), pytest.mark.timeout(900)]


@pytest.fixture
def place(farm: Team) -> Iterator[Host]:
    """A deployment to be; nothing of it stays."""
    with a_deployment(farm) as made:
        yield made


def test_what_does_not_prove_itself_does_not_serve(place: Host, tmp_path: Path) -> None:
    """One that ends, one that answers wrongly, one that dies as a canary: no caller notices."""
    good, other = place.image(1), place.image(2)
    options = DeployOptions(port=place.port, watch=0.5)
    replace(WIND, place.stage, _identity(good), options, say=_silent)
    before = place.slots
    assert before[0].slot is Slot.BLUE
    canary = DeployOptions(watch=0.5, canary=Canary(share=30, seconds=120.0))
    with place.callers() as got:
        broken = _derived(good, tmp_path, f"{place.stage}-a", "ENV SERVING_MODEL=/nowhere")
        with pytest.raises(DeployFailedError, match=r"(?s)keeps crashing.*version 1 still serves"):
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


@pytest.mark.thorough
def test_a_canary(place: Host) -> None:
    """It is judged by real requests: too few are no proof, enough let it take the rest."""
    place.hold(1)
    place.deploy()
    place.hold(2)
    ran = place.deploy(rollout={"watch": "1s", "canary": {"share": 20, "for": "1s"}})
    assert ran.code == 6
    assert "too few to judge it" in ran.err
    assert ran.err.strip().endswith("version 1 still serves")
    with place.callers() as got:
        ran = place.deploy(rollout={"watch": "1s", "canary": {"share": 20, "for": "12s"}})
    assert "version 1 → 2: serves" in ran.out, ran.err
    assert "(canary: " in ran.out
    assert got[0].statuses.keys() == {200}


@pytest.mark.thorough
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


@pytest.mark.thorough
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
    code.write_text(FAILING)
    signature = infer_signature(pd.DataFrame(json.loads(BODY)))
    mlflow.pyfunc.save_model(folder, python_model=str(code), signature=signature)


def _kill_the_canary(place: Host) -> None:
    def killed() -> bool:
        found = [one for one in place.slots if one.weight == 30 and one.requests > 20]
        for one in found:
            docker.run(["kill", *one.containers])
        return bool(found)

    eventually(killed, within=600, every=0.1)  # it is built and smoke-tested before


def _silent(_: str) -> None:
    """Tell nobody."""
