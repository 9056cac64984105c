"""Argo CD's Application in a real cluster, by its published schema.

Argo CD itself does not run here: a test writes into `status` what its controller would, and the API
server checks that against the schema.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.waiting import eventually
from mlgitops.core.deployments import Engine
from mlgitops.deploy.gitops.wait import Reading
from mlgitops.errors.deploying import (
    EngineLateError,
    EngineRefusedError,
    PolicyRefusedError,
    VersionNotReadyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.cluster import Cluster

pytestmark = pytest.mark.xdist_group("cluster-argo")

_MODULE = "github.com/argoproj/argo-cd/v3@v3.2.1"
_CRD = "applications.argoproj.io"
OLD, NEW = "a" * 40, "b" * 40
_TIMES = {"startedAt": "2026-11-27T06:00:00Z", "finishedAt": "2026-11-27T06:00:01Z"}


@pytest.fixture(scope="module")
def schema(cluster: Cluster) -> Iterator[None]:
    """The definition of Application, from Argo CD's own module; a cluster that has it keeps it."""
    if cluster.has(f"crd/{_CRD}"):
        yield
        return
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go, which brings Argo CD's definitions")
    command = [go, "mod", "download", "-json", _MODULE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    file = Path(json.loads(done.stdout)["Dir"], "manifests", "crds", "application-crd.yaml")
    cluster.must("apply", "--server-side", f"--filename={file}")
    try:
        # kubectl does not wait for a thing that has no conditions yet
        ready = ("wait", "--for=condition=Established", f"crd/{_CRD}", "--timeout=30s")
        eventually(lambda: cluster.kubectl(*ready).returncode == 0, within=90)
        yield
    finally:
        cluster.must("delete", f"crd/{_CRD}", "--wait=false")


@pytest.fixture
def engine(cluster: Cluster, schema: None, namespace: str) -> Engine:  # noqa: ARG001 - it is there
    """An Application that syncs by itself, and is asked for two seconds."""
    thing = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "models"},
        "spec": {
            "project": "default",
            "source": {"repoURL": "https://git.example.org/farm-deploy", "path": "models"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "models"},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    }
    cluster.create(thing, namespace=namespace)
    context = cluster.context
    return Engine(
        kind="Application", name="models", namespace=namespace, context=context, seconds=2.0
    )


def say(cluster: Cluster, engine: Engine, **status: Any) -> None:
    """Have the Application say something, as its controller would."""
    patch = json.dumps({"status": status})
    where = f"--namespace={engine.namespace}"
    cluster.must(where, "patch", f"{_CRD}/{engine.name}", "--type=merge", f"--patch={patch}")


def until(engine: Engine) -> Any:
    """Wait for the new commit."""
    reading = Reading(engine)
    return reading.until(lambda commit: commit == NEW, lambda _: None, word=reading.request())


def operation(phase: str, message: str, tried: str = NEW) -> dict[str, Any]:
    """How a sync ended."""
    return {
        "phase": phase,
        "message": message,
        "operation": {"sync": {"revision": tried}},
        "syncResult": {"revision": tried, "source": {"repoURL": "https://git.example.org/x"}},
        **_TIMES,
    }


def test_an_application_that_applied_the_commit(cluster: Cluster, engine: Engine) -> None:
    """It is asked to look at the repository now, as `argocd app get --refresh` does."""
    say(
        cluster,
        engine,
        sync={"status": "Synced", "revision": NEW},
        health={"status": "Healthy"},
        operationState=operation("Succeeded", "successfully synced"),
    )
    assert until(engine).applied == NEW
    where = f"--namespace={engine.namespace}"
    found = cluster.read(where, f"{_CRD}/{engine.name}")["metadata"]["annotations"]
    assert found["argocd.argoproj.io/refresh"] == "normal"


def test_an_application_that_refuses(cluster: Cluster, engine: Engine) -> None:
    """With the message of its sync."""
    said = 'admission webhook "policy.example.org" denied the request: no image of ours'
    say(
        cluster,
        engine,
        sync={"status": "OutOfSync", "revision": NEW},
        health={"status": "Healthy"},
        operationState=operation("Failed", said),
    )
    with pytest.raises(PolicyRefusedError, match="no image of ours"):
        until(engine)


def test_an_application_whose_objects_are_not_well(cluster: Cluster, engine: Engine) -> None:
    """Which one, and why."""
    unwell = {"status": "Degraded", "message": "Deployment exceeded its progress deadline"}
    say(
        cluster,
        engine,
        sync={"status": "Synced", "revision": NEW},
        health={"status": "Degraded"},
        operationState=operation("Succeeded", "successfully synced"),
        resources=[
            {"group": "apps", "version": "v1", "kind": "Deployment", "name": "w", "health": unwell}
        ],
    )
    with pytest.raises(VersionNotReadyError, match="Deployment/w: Deployment exceeded"):
        until(engine)


def test_an_application_that_does_not_come_to_the_commit(cluster: Cluster, engine: Engine) -> None:
    """What it is at, and what it says; the same for one that never said anything."""
    with pytest.raises(EngineLateError, match="it is at nothing"):
        until(engine)
    say(
        cluster,
        engine,
        sync={"status": "Synced", "revision": OLD},
        health={"status": "Healthy"},
        operationState=operation("Succeeded", "successfully synced", OLD),
    )
    with pytest.raises(EngineLateError, match=f"it is at {OLD[:12]}: sync Synced, health Healthy"):
        until(engine)


def test_an_application_that_is_not_there(engine: Engine) -> None:
    """It is named."""
    with pytest.raises(EngineRefusedError, match=f"no Application {engine.namespace}/other"):
        until(replace(engine, name="other"))
