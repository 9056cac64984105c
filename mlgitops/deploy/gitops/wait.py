"""Until Flux or Argo CD reports that it has applied a commit, and what it says if it has not.

Form: `status` of Kustomization (kustomize.toolkit.fluxcd.io/v1), of GitRepository
(source.toolkit.fluxcd.io/v1) and of Application (argoproj.io/v1alpha1), by their published schemas.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlgitops.core.deployments import KubernetesNamespace
from mlgitops.deploy.failures import phrase
from mlgitops.deploy.kubernetes import told
from mlgitops.deploy.kubernetes.client import Namespace
from mlgitops.deploy.kubernetes.names import condition
from mlgitops.errors.deploying import (
    ClusterDeniedError,
    ClusterGoneError,
    EngineLateError,
    EngineRefusedError,
    PlaceUnreachableError,
    VersionNotReadyError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlgitops.core.deployments import Engine
    from mlgitops.errors import MlgitopsError

_KUSTOMIZATION = "kustomizations.kustomize.toolkit.fluxcd.io"
_SOURCES = {
    "GitRepository": "gitrepositories.source.toolkit.fluxcd.io",
    "OCIRepository": "ocirepositories.source.toolkit.fluxcd.io",
    "Bucket": "buckets.source.toolkit.fluxcd.io",
}
_APPLICATION = "applications.argoproj.io"
# what `flux reconcile` and `argocd app get --refresh` set
_RECONCILE = "reconcile.fluxcd.io/requestedAt"
_REFRESH = "argocd.argoproj.io/refresh=normal"
_EVERY = 1.0  # seconds
_UNHEALTHY = ("HealthCheckFailed",)
_REFUSED = ("ReconciliationFailed", "BuildFailed", "PruneFailed", "ArtifactFailed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What an engine says of itself.

    Attributes:
        engine: `Flux` or `Argo CD`.
        commit: the one that it tried last; empty if none.
        applied: the one that it applied last; empty if none.
        healthy: whether it applied the last one, and what it checks of the objects is well.
        refused: why it did not apply the last one.
        unhealthy: why what it applied is not well.
        doing: what it waits for, in its words.
        handled: the request to look again that it has answered last.
    """

    engine: str
    commit: str = ""
    applied: str = ""
    healthy: bool = False
    refused: str = ""
    unhealthy: str = ""
    doing: str = ""
    handled: str = ""

    @property
    def failure(self) -> MlgitopsError | None:
        """Why the last commit does not serve; None if it does, or may yet."""
        if self.unhealthy:
            return VersionNotReadyError(
                f"{self.engine} applied it, and it never became healthy: {self.unhealthy}"
            )
        if self.refused:
            return told.refusal(self.refused) or EngineRefusedError(
                f"{self.engine} did not apply it: {self.refused}; correct that, or revert "
                "models.yaml"
            )
        return None


def of_flux(thing: Mapping[str, Any], source: Mapping[str, Any] | None = None) -> Report:
    """What a Kustomization says, and its source where it could be read."""
    status, spec = thing.get("status", {}), thing.get("spec", {})
    ready = condition(thing, "Ready")
    observed = status.get("observedGeneration") == thing["metadata"].get("generation")
    why, said = str(ready.get("reason", "")), phrase(ready.get("message", ""))
    failed = observed and ready.get("status") == "False"
    doing = said
    if source and (fetched := condition(source, "Ready")).get("status") == "False":
        doing = f"its source {source['metadata']['name']}: {phrase(fetched.get('message', ''))}"
    if spec.get("suspend"):
        doing = "it is suspended; `flux resume kustomization` lets it go on"
    commit = _sha(status.get("lastAttemptedRevision", ""))
    applied = _sha(status.get("lastAppliedRevision", ""))
    return Report(
        engine="Flux",
        commit=commit,
        applied=applied,
        healthy=observed and ready.get("status") == "True" and applied == commit,
        refused=said if failed and why in _REFUSED else "",
        unhealthy=said if failed and why in _UNHEALTHY else "",
        doing=doing,
        handled=str(status.get("lastHandledReconcileAt", "")),
    )


def of_argo(thing: Mapping[str, Any]) -> Report:
    """What an Application says; of several sources, the first that has a commit."""
    status = thing.get("status", {})
    sync, health = status.get("sync", {}), status.get("health", {})
    state = status.get("operationState", {})
    revision = str(sync.get("revision") or next(iter(sync.get("revisions") or ()), ""))
    result = state.get("syncResult", {})
    tried = str(result.get("revision") or next(iter(result.get("revisions") or ()), ""))
    phase, synced = state.get("phase", ""), sync.get("status") == "Synced"
    errors = [
        phrase(one.get("message", ""))
        for one in status.get("conditions") or ()
        if str(one.get("type", "")).endswith("Error")
    ]
    failed = phase in ("Failed", "Error") and tried in ("", revision) and not synced
    refused = "; ".join(errors) or (phrase(state.get("message", "")) if failed else "")
    if failed and not refused:
        refused = f"its sync ended as {phase}"
    condition = str(health.get("status", ""))
    unwell = phrase(health.get("message", "")) or _unwell(status)
    automatic = (thing.get("spec", {}).get("syncPolicy") or {}).get("automated") is not None
    doing = f"sync {sync.get('status', 'Unknown')}, health {condition or 'Unknown'}"
    if not synced and not automatic:
        doing += "; it does not sync by itself: run `argocd app sync`"
    return Report(
        engine="Argo CD",
        commit=revision,
        applied=revision if synced else tried if phase == "Succeeded" else "",
        healthy=synced and condition == "Healthy" and phase != "Running",
        refused=refused,
        unhealthy=(unwell or "its health is Degraded")
        if synced and condition == "Degraded"
        else "",
        doing=doing,
    )


class Reading:
    """The object of an engine, and what it says."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_flux = engine.kind == "Kustomization"
        self._of = Namespace(
            KubernetesNamespace(context=engine.context, namespace=engine.namespace)
        )

    def __str__(self) -> str:
        return f"{self._engine.kind} {self._engine.namespace}/{self._engine.name}"

    def report(self) -> Report:
        """What it says now.

        Raises:
            EngineRefusedError: it is not there.
            PlaceUnreachableError, ClusterError: it cannot be read.
        """
        thing = self._thing()
        return of_flux(thing, self._source(thing)) if self._is_flux else of_argo(thing)

    def request(self) -> str:
        """Ask it to look now, where we may; the word by which it says that it did, or nothing."""
        if not self._is_flux:
            with suppress(ClusterDeniedError, ClusterGoneError):
                self._annotate(_APPLICATION, self._engine.name, _REFRESH, self._of)
            return ""
        word = datetime.now(UTC).isoformat()
        with suppress(ClusterDeniedError, ClusterGoneError):
            thing = self._thing()
            if source := self._source(thing):
                kind = _SOURCES[source["kind"]]
                where = self._within(source["metadata"]["namespace"])
                with suppress(ClusterDeniedError):
                    name = source["metadata"]["name"]
                    self._annotate(kind, name, f"{_RECONCILE}={word}", where)
            self._annotate(_KUSTOMIZATION, self._engine.name, f"{_RECONCILE}={word}", self._of)
            return "" if thing.get("spec", {}).get("suspend") else word
        return ""

    def until(
        self, alike: Callable[[str], bool], say: Callable[[str], None], *, word: str
    ) -> Report:
        """Wait until it has applied a commit, and what it checks is well.

        Args:
            alike: whether a commit is the one that is waited for, or has the same in it.
            say: is told what it waits for.
            word: of `request`; it is waited for as well, so that nothing older is reported.

        Raises:
            EngineRefusedError, PolicyRefusedError, NoRoomError: it did not apply it, and why.
            VersionNotReadyError: it applied it, and that is not well.
            EngineLateError: it did neither in time.
            PlaceUnreachableError, ClusterError: it cannot be read.
        """
        end = time.monotonic() + self._engine.seconds
        known: dict[str, bool] = {}
        while True:
            try:
                report = self.report()
            except PlaceUnreachableError:  # `request` had an answer; it may come back
                if time.monotonic() > end:
                    raise
                time.sleep(_EVERY)
                continue
            if report.commit and report.commit not in known:
                known[report.commit] = alike(report.commit)
            if known.get(report.commit) and report.handled == word:
                if report.healthy:
                    return report
                if failure := report.failure:
                    raise failure
            if time.monotonic() > end:
                raise EngineLateError(self._late(report))
            say(f"waiting for {self}: {report.doing or 'nothing yet'}")
            time.sleep(_EVERY)

    def _late(self, report: Report) -> str:
        at = report.applied[:12] or "nothing"
        return (
            f"{self} has not applied the commit within {self._engine.seconds:g} s; it is at {at}"
            f"{f': {report.doing}' if report.doing else ''}; the commit stays, and it may follow "
            "later; raise `wait.for` if it needs longer"
        )

    def _thing(self) -> Mapping[str, Any]:
        kind = _KUSTOMIZATION if self._is_flux else _APPLICATION
        try:
            return self._get(kind, self._engine.name, self._of)
        except ClusterGoneError as error:
            raise EngineRefusedError(
                f"there is no {self}; correct `wait`, or create it as docs/gitops.md shows"
            ) from error

    def _source(self, thing: Mapping[str, Any]) -> Mapping[str, Any] | None:
        reference = thing.get("spec", {}).get("sourceRef") or {}
        kind = _SOURCES.get(reference.get("kind", ""))
        if kind is None:
            return None
        with suppress(ClusterDeniedError, ClusterGoneError):
            where = self._within(reference.get("namespace") or self._engine.namespace)
            return self._get(kind, reference["name"], where)
        return None

    def _within(self, namespace: str) -> Namespace:
        return Namespace(KubernetesNamespace(context=self._engine.context, namespace=namespace))

    @staticmethod
    def _get(kind: str, name: str, where: Namespace) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(where.run("get", kind, name, "--output=json"))
        return found

    @staticmethod
    def _annotate(kind: str, name: str, what: str, where: Namespace) -> None:
        where.run("annotate", "--overwrite", kind, name, what)


def _unwell(status: Mapping[str, Any]) -> str:
    """The objects of an Application that are not well, each with its message."""
    found = [
        f"{one.get('kind', '')}/{one.get('name', '')}: {phrase(health.get('message', ''))}"
        for one in status.get("resources") or ()
        if (health := one.get("health") or {}).get("status") == "Degraded"
    ]
    return "; ".join(found)


def _sha(revision: str) -> str:
    """The commit of a revision: `main@sha1:…`, or, as older ones were written, `main/…`."""
    return revision.rpartition(":" if ":" in revision else "/")[2]
