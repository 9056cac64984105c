"""Deployments on a real cluster: proven beside, replaced under load, undone, refused in words."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from harness.calling import FAILING, FAILS
from harness.served import NAME, OWNER, RECORD, WIND, Place, pushed
from harness.waiting import eventually
from mlgitops.core.deployments import Replicas, Resources, Rollout
from mlgitops.deploy.kubernetes import lock
from mlgitops.errors.deploying import (
    ClusterConflictError,
    ClusterDeniedError,
    DeployUnderWayError,
    ImagePullError,
    NoRoomError,
    PolicyRefusedError,
    VersionCrashesError,
    VersionUntrueError,
    VersionWorseError,
)
from mlgitops.image.build import build
from mlgitops.image.spec import BuildOptions
from mlgitops.registry.connect import connect
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.cluster import Cluster

pytestmark = [pytest.mark.xdist_group("cluster-deploy"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def image(
    trained: Path,
) -> Iterator[str]:
    """The image of a version, in this machine's engine."""
    repository = f"mlgitops-test-{secrets.token_hex(4)}"
    made = build(
        connect(f"sqlite:///{trained}"), WIND, "1", BuildOptions(repository=repository)
    ).tags
    yield made[0]
    docker.run(["image", "rm", "--no-prune", *made])


@pytest.fixture(scope="module")
def tag(cluster: Cluster) -> str:
    """The name of a repository in the cluster's registry that no one else uses."""
    return f"{cluster.registry}/mlgitops-test-{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def good(image: str, tag: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Images of the same model, which are not the same image."""
    folder = tmp_path_factory.mktemp("good")
    return [pushed(image, folder, f"{tag}:{n}", f"LABEL number={n}") for n in (1, 2)]


@pytest.fixture
def place(cluster: Cluster, namespace: str) -> Place:
    """Where they are served."""
    context = cluster.context
    return Place(cluster=cluster, namespace=namespace, context=context)


def test_replaced_and_returned_under_load(place: Place, good: list[str]) -> None:
    """Nobody notices: not a rollout, nor the return, which needs no candidate."""
    said = place.serve(good[0], 1)
    assert "starting a candidate beside what serves" in said
    two = Replicas(least=2, most=2)
    with place.callers() as got:
        place.serve(good[1], 2, replicas=two)
        assert place.version() == "2"
        said = place.serve(good[0], 1, replicas=two)
        assert place.version() == "1"
    assert "starting a candidate beside what serves" not in said
    assert got[0].statuses.keys() == {200}
    assert place.names("poddisruptionbudgets") == [NAME]
    assert not [one for one in place.names("pods") if one.endswith("candidate")]
    plain = place.deployment()["metadata"]["annotations"]
    assert "mlgitops/rollout" not in plain
    assert len(plain["mlgitops/proven"].split()) == 2


def test_what_the_cluster_does_not_take_is_told(place: Place, good: list[str], tag: str) -> None:
    """Each cause in its own words, with those of the cluster; nothing stays."""
    with pytest.raises(ImagePullError, match=r"cannot be pulled: .*not found"):
        place.serve(f"{tag}@sha256:{'0' * 64}", 1)
    large = Resources(cpu=900_000, requested_cpu=900_000)
    with pytest.raises(NoRoomError, match=r"no room for it: 0/1 nodes.*Insufficient cpu"):
        place.serve(good[0], 1, resources=large, rollout=Rollout(start_timeout=10.0))
    _quota(place, "1")
    with pytest.raises(NoRoomError, match=r"exceeded quota: small.*limits\.cpu"):
        place.serve(good[0], 1)
    assert place.names("deployments") == place.names("pods") == place.names("services") == []


def test_a_version_that_fails_its_smoke_test_never_serves(
    place: Place, good: list[str], image: str, tag: str, tmp_path: Path
) -> None:
    """Nor one that crashes, nor one that a quota has no room for: callers notice none of it."""
    place.serve(good[0], 1)
    before = place.names("pods")
    wrong = pushed(image, tmp_path, f"{tag}:wrong", "ENV SERVING_MAX_BYTES=10")
    broken = pushed(image, tmp_path, f"{tag}:broken", "ENV SERVING_MODEL=/nowhere")
    with place.callers() as got:
        begun = time.monotonic()
        with pytest.raises(VersionCrashesError, match=r"keeps crashing \(exit code 1\)"):
            place.serve(broken, 2)
        assert time.monotonic() - begun < 60, "it is no use to wait for the end of start_timeout"
        with pytest.raises(VersionUntrueError, match=r"checks? failed.*got 413"):
            place.serve(wrong, 2)
        _quota(place, "1")
        with pytest.raises(NoRoomError, match=r"exceeded quota: small.*limits\.cpu"):
            place.serve(good[0], 1, resources=Resources(requested_cpu=60))
    assert got[0].statuses.keys() == {200}
    assert place.version() == "1"
    assert place.names("pods") == before


def test_a_policy_that_refuses(place: Place, good: list[str]) -> None:
    """A ValidatingAdmissionPolicy speaks for itself, and nothing is created."""
    with (
        place.cluster.refusing(place.namespace) as message,
        pytest.raises(PolicyRefusedError, match=message),
    ):
        place.serve(good[0], 1)
    assert place.names("deployments") == place.names("pods") == []


def test_a_version_that_fails_a_third_of_its_requests_is_undone(
    place: Place, good: list[str], image: str, tag: str, tmp_path: Path
) -> None:
    """Where its smoke test has passed, real requests tell; then the old version serves again."""
    place.serve(good[0], 1)
    _save_failing(tmp_path / "model")
    failing = pushed(image, tmp_path, f"{tag}:failing", "COPY model /model")
    good_body, bad_body = (
        json.dumps([{**RECORD, "temperature_00": t}]).encode() for t in (5.0, FAILS)
    )
    watched = Rollout(start_timeout=240.0, watch=120.0)
    with (
        place.callers(good_body, good_body, bad_body) as got,
        pytest.raises(VersionWorseError, match="fails more often"),
    ):
        place.serve(failing, 2, rollout=watched)
    assert {200, 500} == set().union(*(one.statuses for one in got))
    assert place.version() == "1"
    assert place.deployment()["spec"]["template"]["spec"]["containers"][0]["image"] == good[0]


def test_fields_of_somebody_else_are_named_and_not_forced(place: Place, good: list[str]) -> None:
    """Who has set which field."""
    place.serve(good[0], 1)
    where = f"--namespace={place.namespace}"
    place.cluster.must(where, "set", "image", f"deployment/{NAME}", f"model={good[1]}")
    with pytest.raises(ClusterConflictError, match=r"kubectl-set has set .*\.image"):
        place.serve(good[0], 1)


def test_one_deploy_at_a_time_and_a_killed_one_is_finished(place: Place, good: list[str]) -> None:
    """While one works, a second is refused; what a killed one left is finished by the next."""
    program = (
        "import sys; from pathlib import Path; from harness.cluster import Cluster; "
        "from harness.served import Place; a = sys.argv; "
        "Place(cluster=Cluster(kubeconfig=Path(a[1]), registry=a[2]), namespace=a[3], "
        "context=a[4], port=int(a[5])).serve(a[6], int(a[7]))"
    )
    cluster = place.cluster
    known = (str(cluster.kubeconfig), cluster.registry, place.namespace, place.context)
    arguments = (*known, str(place.port), good[0], "1")
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], start_new_session=True
    ) as first:
        eventually(lambda: f"{NAME}-candidate" in place.names("pods"), within=120)
        with pytest.raises(DeployUnderWayError, match="another deploy is under way"):
            place.serve(good[0], 1)
        os.killpg(first.pid, signal.SIGKILL)
    said = place.serve(good[0], 1)
    assert any("still runs" in one for one in said)
    assert place.version() == "1"
    assert not [one for one in place.names("pods") if one.endswith("candidate")]
    lease = place.cluster.read(
        f"--namespace={place.namespace}", f"lease/{lock.name_of(OWNER, 'farm')}"
    )
    assert not lease["spec"].get("holderIdentity")


def test_the_role_is_enough_and_reads_no_secret(
    place: Place, good: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/kubernetes/role.yaml lets a deploy work, and nothing else."""
    where = f"--namespace={place.namespace}"
    must = place.cluster.must
    must("create", where, "--filename=docs/kubernetes/role.yaml")
    must("create", where, "serviceaccount", "deployer")
    account = f"--serviceaccount={place.namespace}:deployer"
    must("create", where, "rolebinding", "deployer", "--role=mlgitops-deploy", account)
    token = must("create", where, "token", "deployer").strip()
    config = json.loads(must("config", "view", "--raw", "--minify", "--flatten", "--output=json"))
    config["users"][0]["user"] = {"token": token}
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    place.serve(good[0], 1)
    place.serve(good[1], 2)
    place.serve(good[0], 1)
    assert place.version() == "1"
    command = ["kubectl", f"--kubeconfig={file}", where, "get", "secrets"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "secrets is forbidden" in done.stderr
    must("delete", where, "rolebinding/deployer")
    with pytest.raises(ClusterDeniedError, match=r"docs/kubernetes\.md has the Role"):
        place.serve(good[1], 2)


def test_the_number_of_replicas_is_the_autoscalers(place: Place, good: list[str]) -> None:
    """What it has chosen stays through a deploy; it gets and gives the number without a gap."""
    answers = ("wait", "--for=condition=Available", "--timeout=30s")
    if place.cluster.kubectl(*answers, "apiservice/v1beta1.metrics.k8s.io").returncode:
        pytest.skip("there is no metrics-server on this cluster that answers")
    place.serve(good[0], 1, replicas=Replicas(least=2, most=2))
    some = Replicas(least=2, most=3)
    place.serve(good[0], 1, replicas=some)
    assert place.deployment()["spec"]["replicas"] == 2
    eventually(lambda: place.deployment()["spec"]["replicas"] == 2, within=120)
    where = f"--namespace={place.namespace}"

    def measured() -> bool:
        found = place.cluster.read(where, f"hpa/{NAME}")["status"].get("conditions", ())
        return any(one["type"] == "ScalingActive" and one["status"] == "True" for one in found)

    eventually(measured, within=180)
    place.serve(good[1], 2, replicas=some)
    assert place.deployment()["spec"]["replicas"] >= 2
    manager = [
        one
        for one in place.deployment()["metadata"]["managedFields"]
        if "f:replicas" in one["fieldsV1"].get("f:spec", {})
    ]
    assert "mlgitops" not in {one["manager"] for one in manager}
    place.serve(good[1], 2)
    assert place.deployment()["spec"]["replicas"] == 1
    assert place.names("horizontalpodautoscalers") == []


def _quota(place: Place, cpu: str) -> None:
    place.cluster.create(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "small"},
            "spec": {"hard": {"limits.cpu": cpu}},
        },
        namespace=place.namespace,
    )


def _save_failing(folder: Path) -> None:
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature

    code = folder.parent / "failing.py"
    code.write_text(FAILING)
    signature = infer_signature(pd.DataFrame([RECORD]))
    mlflow.pyfunc.save_model(folder, python_model=str(code), signature=signature)
