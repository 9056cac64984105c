"""A namespace of a cluster, by kubectl: the team's own logins, proxies and plugins serve as is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlgitops.deploy import failures
from mlgitops.deploy.kubernetes import told
from mlgitops.deploy.kubernetes.names import MANAGER
from mlgitops.errors.deploying import ClusterGoneError, KubectlMissingError
from mlgitops.system import waiting
from mlgitops.system.processes import end

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlgitops.core.deployments import KubernetesNamespace
    from mlgitops.errors import MlgitopsError

_PAGE = 500  # objects that the API server lists at once
_SECONDS = 30  # for an answer
_FORWARDED = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
# kind → its place in the API; those that a deployment is made of, and what shows how it stands
PATHS = {
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "Service": "api/v1/namespaces/{}/services",
    "NetworkPolicy": "apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PodDisruptionBudget": "apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "HorizontalPodAutoscaler": "apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "ReplicaSet": "apis/apps/v1/namespaces/{}/replicasets",
    "Pod": "api/v1/namespaces/{}/pods",
    "Lease": "apis/coordination.k8s.io/v1/namespaces/{}/leases",
}


class Namespace:
    """One namespace, whose context is always named: never whatever the current one is."""

    def __init__(self, place: KubernetesNamespace) -> None:
        self._place = place

    def __str__(self) -> str:
        return f"{self._place.context or 'in-cluster'}/{self._place.namespace}"

    @property
    def name(self) -> str:
        """The namespace's name."""
        return self._place.namespace

    def listed(self, kind: str, selector: str = "") -> Iterator[dict[str, Any]]:
        """The objects of a kind, page by page.

        Raises:
            PlaceUnreachableError, ClusterError: they cannot be listed.
        """
        query = f"limit={_PAGE}" + (f"&labelSelector={quote(selector)}" if selector else "")
        more = ""
        while True:
            page = self._raw(f"{self._path(kind)}?{query}{more}")
            yield from page["items"]
            token = page["metadata"].get("continue")
            if not token:
                return
            more = f"&continue={quote(token)}"

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """An object; None if there is none.

        Raises:
            PlaceUnreachableError, ClusterError: it cannot be read.
        """
        try:
            return self._raw(f"{self._path(kind)}/{quote(name)}")
        except ClusterGoneError:
            return None

    def apply(self, objects: Sequence[Mapping[str, Any]], *, dry: bool = False) -> None:
        """Set what objects say, by the server and as our field manager; conflicts are not forced.

        Args:
            objects: each whole.
            dry: have the server say what it would say, and change nothing.

        Raises:
            ClusterConflictError: somebody else set a field to something else.
            PolicyRefusedError, NoRoomError: a policy or a quota does not allow it.
            PlaceUnreachableError, ClusterError: it was not accepted for another reason.
        """
        how = (
            "--server-side",
            f"--field-manager={MANAGER}",
            *(["--dry-run=server"] if dry else []),
        )
        self.run("apply", *how, "--output=name", "--filename=-", stdin=_written(objects))

    def scale(self, deployment: str, replicas: int) -> None:
        """Set the number of a Deployment's replicas, whoever has set it, as a manager of its own.

        Raises:
            PlaceUnreachableError, ClusterError: as of `apply`.
        """
        thing = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": deployment},
            "spec": {"replicas": replicas},
        }
        manager = ("--server-side", f"--field-manager={MANAGER}-replicas", "--force-conflicts")
        # the rest of the Deployment is there: what this leaves out is not missing
        how = (*manager, "--validate=false", "--output=name", "--filename=-")
        self.run("apply", *how, stdin=_written([thing]))

    def create(self, thing: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object.

        Raises:
            ClusterChangedError: there is one.
            PolicyRefusedError, NoRoomError, PlaceUnreachableError, ClusterError: as of `apply`.
        """
        return self._changed("create", thing)

    def replace(self, thing: Mapping[str, Any]) -> dict[str, Any]:
        """Put an object in the place of the one that was read.

        Raises:
            ClusterChangedError: it was changed since.
            PlaceUnreachableError, ClusterError: as of `apply`.
        """
        return self._changed("replace", thing)

    def delete(self, kind: str, name: str, *, wait: bool = False, seconds: int = 60) -> None:
        """Delete an object, if it is there; its own are deleted with it.

        Args:
            kind: of it.
            name: of it.
            wait: until it has gone, and no longer than `seconds`.
            seconds: to wait.

        Raises:
            PlaceUnreachableError, ClusterError: it cannot be deleted.
        """
        how = ("--ignore-not-found", f"--wait={str(wait).lower()}", f"--timeout={seconds}s")
        self.run("delete", f"{kind.lower()}/{name}", *how)

    def logs(self, pod: str, container: str, *, lines: int = 20) -> str:
        """The last lines of a pod's container, of its former one if it was restarted; or nothing.

        A deployment goes on without them.
        """
        for former in ("--previous", ""):
            arguments = ["logs", pod, f"--container={container}", f"--tail={lines}", former]
            done = self._done([one for one in arguments if one], None)
            if done.returncode == 0 and done.stdout.strip():
                return done.stdout.strip()
        return ""

    @contextmanager
    def forwarded(self, pod: str, *ports: int) -> Iterator[tuple[str, ...]]:
        """The addresses at which ports of a pod are reached from here, as long as this lasts.

        Nothing between changes a request: what is sent arrives byte for byte.

        Raises:
            ClusterRequestError: they cannot be reached.
        """
        wanted = [f":{port}" for port in ports]
        command = [*self._command(), "port-forward", "--address=127.0.0.1", f"pod/{pod}", *wanted]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(),
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        out, errors = process.stdout, process.stderr
        try:
            found = []
            for _ in ports:
                line = waiting.within(_SECONDS, out.readline, name="port-forward")
                match = _FORWARDED.match(line.decode())
                if not match:
                    process.kill()
                    raise self._failure(f"port-forward to {pod}", errors.read().decode())
                found.append(f"http://127.0.0.1:{match[1]}")
            yield tuple(found)
        except TimeoutError:
            raise failures.unreachable(str(self), f"no way to the pod {pod}") from None
        finally:
            end(process)
            out.close()
            errors.close()

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints.

        Raises:
            PlaceUnreachableError: the cluster does not answer, or does not know us.
            PolicyRefusedError, NoRoomError: a policy or a quota does not allow it.
            ClusterConflictError, ClusterChangedError, ClusterGoneError, ClusterDeniedError:
                as the API server says.
            ClusterRequestError: anything else.
        """
        done = self._done(arguments, stdin)
        if done.returncode:
            raise self._failure(" ".join(arguments[:2]), done.stderr)
        return done.stdout

    def _changed(self, verb: str, thing: Mapping[str, Any]) -> dict[str, Any]:
        how = (f"--field-manager={MANAGER}", "--output=json", "--filename=-")
        answer: dict[str, Any] = json.loads(self.run(verb, *how, stdin=json.dumps(thing)))
        return answer

    def _raw(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.run("get", f"--raw=/{path}"))
        return answer

    def _path(self, kind: str) -> str:
        return PATHS[kind].format(quote(self.name))

    def _done(
        self, arguments: Sequence[str], stdin: str | None
    ) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self._command(), f"--request-timeout={_SECONDS}s", *arguments],
                input=stdin if stdin is not None else "",
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                env=self._environment(),
                timeout=_SECONDS * 6,
            )
        except subprocess.TimeoutExpired:
            raise failures.unreachable(str(self), "kubectl got no answer") from None

    def _command(self) -> list[str]:
        if shutil.which("kubectl") is None:
            raise KubectlMissingError(
                "deployments on Kubernetes need kubectl, which is not installed here; install "
                "kubectl 1.30 or later"
            )
        context = [f"--context={self._place.context}"] if self._place.context else []
        return ["kubectl", *context, f"--namespace={self.name}"]

    def _environment(self) -> dict[str, str]:
        """Without a context: the pod's own service account, whatever file lies there."""
        if self._place.context:
            return dict(os.environ)
        if "KUBERNETES_SERVICE_HOST" not in os.environ:
            raise failures.unreachable(
                str(self),
                "this is no pod of a cluster; name the `context` of your kubeconfig in models.yaml",
            )
        return {**os.environ, "KUBECONFIG": os.devnull}

    def _failure(self, request: str, said: str) -> MlgitopsError:
        return told.failure(str(self), request, said.strip())


def _written(objects: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
