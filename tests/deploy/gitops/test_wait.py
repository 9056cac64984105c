"""What Flux and Argo CD say of themselves, in the forms that they publish."""

from __future__ import annotations

from typing import Any

from mlgitops.deploy.gitops.wait import of_argo, of_flux
from mlgitops.errors.deploying import (
    EngineRefusedError,
    NoRoomError,
    PolicyRefusedError,
    VersionNotReadyError,
)

OLD, NEW = "a" * 40, "b" * 40


def kustomization(
    status: str, reason: str, message: str = "", *, tried: str = NEW, applied: str = NEW
) -> dict[str, Any]:
    """A Kustomization of Flux."""
    ready = {"type": "Ready", "status": status, "reason": reason, "message": message}
    return {
        "metadata": {"name": "models", "generation": 2},
        "spec": {},
        "status": {
            "observedGeneration": 2,
            "conditions": [{"type": "Reconciling", "status": "True"}, ready],
            "lastAttemptedRevision": f"main@sha1:{tried}",
            "lastAppliedRevision": f"main@sha1:{applied}",
            "lastHandledReconcileAt": "now",
        },
    }


def test_flux_has_applied_a_commit() -> None:
    """Its revision names branch and digest; the commit is what follows."""
    report = of_flux(kustomization("True", "ReconciliationSucceeded", "Applied revision: x"))
    assert (report.commit, report.applied, report.healthy) == (NEW, NEW, True)
    assert report.failure is None
    assert report.handled == "now"


def test_flux_has_not_seen_the_newest_form_of_itself() -> None:
    """What it says of an older one counts for nothing."""
    thing = kustomization("True", "ReconciliationSucceeded")
    thing["metadata"]["generation"] = 3
    assert not of_flux(thing).healthy
    failed = kustomization("False", "ReconciliationFailed", "no")
    failed["metadata"]["generation"] = 3
    assert of_flux(failed).failure is None


def test_flux_is_at_work() -> None:
    """Neither well nor failed, with its own words."""
    report = of_flux(kustomization("Unknown", "Progressing", "Running health checks", applied=OLD))
    assert not report.healthy
    assert report.failure is None
    assert report.doing == "Running health checks"


def test_flux_waits_for_another_object() -> None:
    """That is no refusal."""
    report = of_flux(kustomization("False", "DependencyNotReady", "dependency 'x' is not ready"))
    assert report.failure is None
    assert "dependency 'x'" in report.doing


def test_flux_refuses() -> None:
    """A policy and a quota are told apart from anything else."""
    said = {
        'Deployment/x dry-run failed (Forbidden): violates PodSecurity "restricted:latest"': (
            PolicyRefusedError
        ),
        'admission webhook "policy" denied the request: no': PolicyRefusedError,
        "exceeded quota: small, requested: pods=1": NoRoomError,
        "kustomize build failed: accumulating resources": EngineRefusedError,
    }
    for message, kind in said.items():
        failure = of_flux(kustomization("False", "ReconciliationFailed", message)).failure
        assert isinstance(failure, kind)
        assert message.rstrip(".") in str(failure)


def test_flux_applied_what_never_became_healthy() -> None:
    """The version did not prove itself."""
    message = "timeout waiting for: [Deployment/models/wind status: 'InProgress']"
    report = of_flux(kustomization("False", "HealthCheckFailed", message))
    assert isinstance(report.failure, VersionNotReadyError)
    assert message in str(report.failure)


def test_flux_cannot_fetch_or_is_suspended() -> None:
    """Why nothing happens."""
    failed = {"type": "Ready", "status": "False", "message": "authentication required"}
    source = {"metadata": {"name": "farm"}, "status": {"conditions": [failed]}}
    thing = kustomization("True", "ReconciliationSucceeded")
    assert of_flux(thing, source).doing == "its source farm: authentication required"
    thing["spec"]["suspend"] = True
    assert "flux resume" in of_flux(thing, source).doing


def test_flux_has_never_reconciled() -> None:
    """An object without a status."""
    report = of_flux({"metadata": {"name": "x", "generation": 1}, "spec": {}})
    assert (report.commit, report.applied, report.healthy) == ("", "", False)
    assert report.failure is None


def application(
    sync: str, health: str, phase: str = "Succeeded", message: str = "", *, tried: str = NEW
) -> dict[str, Any]:
    """An Application of Argo CD."""
    return {
        "metadata": {"name": "models"},
        "spec": {"syncPolicy": {"automated": {}}},
        "status": {
            "sync": {"status": sync, "revision": NEW},
            "health": {"status": health},
            "operationState": {
                "phase": phase,
                "message": message,
                "syncResult": {"revision": tried},
            },
        },
    }


def test_argo_has_applied_a_commit() -> None:
    """Synced and healthy."""
    report = of_argo(application("Synced", "Healthy"))
    assert (report.commit, report.applied, report.healthy) == (NEW, NEW, True)
    assert report.failure is None


def test_argo_is_at_work() -> None:
    """Neither well nor failed: not synced yet, or not healthy yet, or an older sync failed."""
    for thing in (
        application("OutOfSync", "Healthy", tried=OLD),
        application("Synced", "Progressing"),
        application("OutOfSync", "Healthy", "Running"),
        application("OutOfSync", "Healthy", "Failed", "old trouble", tried=OLD),
    ):
        report = of_argo(thing)
        assert not report.healthy
        assert report.failure is None


def test_argo_refuses() -> None:
    """A sync that failed, and a folder that it cannot build."""
    failed = of_argo(application("OutOfSync", "Healthy", "Failed", "one or more objects failed"))
    assert isinstance(failed.failure, EngineRefusedError)
    assert "one or more objects failed" in str(failed.failure)
    broken = application("Unknown", "Healthy")
    broken["status"]["conditions"] = [
        {"type": "ComparisonError", "message": "kustomize build failed"},
        {"type": "OrphanedResourceWarning", "message": "orphans"},
    ]
    said = str(of_argo(broken).failure)
    assert "kustomize build failed" in said
    assert "orphans" not in said


def test_argo_applied_what_is_not_healthy() -> None:
    """With what its objects say."""
    thing = application("Synced", "Degraded")
    thing["status"]["resources"] = [
        {"kind": "Service", "name": "wind", "health": {"status": "Healthy"}},
        {
            "kind": "Deployment",
            "name": "wind",
            "health": {"status": "Degraded", "message": "exceeded its progress deadline"},
        },
    ]
    failure = of_argo(thing).failure
    assert isinstance(failure, VersionNotReadyError)
    assert "Deployment/wind: exceeded its progress deadline" in str(failure)


def test_argo_does_not_sync_by_itself() -> None:
    """What to do is told."""
    thing = application("OutOfSync", "Healthy", tried=OLD)
    thing["spec"] = {}
    assert "argocd app sync" in of_argo(thing).doing


def test_argo_has_several_sources() -> None:
    """The first commit counts."""
    thing = application("Synced", "Healthy")
    thing["status"]["sync"] = {"status": "Synced", "revisions": [NEW, OLD]}
    assert of_argo(thing).commit == NEW
