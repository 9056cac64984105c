"""A Kubernetes cluster that somebody named for tests; nobody's current context."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.authorization import MESSAGE
from harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KUBECONFIG = "MLGITOPS_CLUSTER_KUBECONFIG"
REGISTRY = "MLGITOPS_CLUSTER_REGISTRY"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster, and the registry of images that it pulls from.

    Attributes:
        kubeconfig: the file that says how to reach it; every call names it.
        registry: `HOST:PORT`, to push to from here and to pull from in pods.
    """

    kubeconfig: Path
    registry: str

    def kubectl(
        self, *arguments: str, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl, which may fail."""
        return subprocess.run(
            ["kubectl", f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def must(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl, which must succeed; what it prints."""
        done = self.kubectl(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    @property
    def context(self) -> str:
        """The context of its kubeconfig, by which models.yaml names it."""
        return self.must("config", "current-context").strip()

    def has(self, thing: str) -> bool:
        """Whether there is a `KIND/NAME` that belongs to no namespace."""
        return self.kubectl("get", thing).returncode == 0

    def read(self, *arguments: str) -> dict[str, Any]:
        """What `kubectl get` with these arguments answers, as JSON."""
        answer: dict[str, Any] = json.loads(self.must("get", "--output=json", *arguments))
        return answer

    def create(self, manifest: Mapping[str, Any], *, namespace: str | None = None) -> str:
        """Create one object, which must be accepted."""
        where = [f"--namespace={namespace}"] if namespace else []
        return self.must("create", *where, "--filename=-", stdin=json.dumps(manifest))

    @contextmanager
    def namespace(self) -> Iterator[str]:
        """A namespace under the Pod Security level `restricted`; its end is not waited for."""
        name = f"mlgitops-test-{secrets.token_hex(4)}"
        self.create(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": RESTRICTED},
            }
        )
        try:
            # until a controller has made it, no pod is admitted
            account = ("--for=create", "serviceaccount/default", "--timeout=60s")
            self.must("wait", f"--namespace={name}", *account)
            yield name
        finally:
            self.must("delete", "namespace", name, "--wait=false")

    @contextmanager
    def refusing(self, namespace: str) -> Iterator[str]:
        """A policy that refuses every Deployment there, until the block ends; what it says."""
        name, said = f"mlgitops-test-{secrets.token_hex(4)}", MESSAGE
        where = f"--namespace={namespace}"
        probe = (where, "create", "deployment", "probe", "--image=probe", "--dry-run=server")
        try:
            for one in _policy(name, namespace, said):
                self.create(one)
            # it takes a while to be in force
            eventually(lambda: said in self.kubectl(*probe).stderr, within=60)
            yield said
        finally:
            for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
                self.must("delete", f"{kind}/{name}", "--ignore-not-found")


def _policy(name: str, namespace: str, message: str) -> Iterator[dict[str, object]]:
    """A policy for one namespace: images are of another registry."""
    api = {"apiVersion": "admissionregistration.k8s.io/v1"}
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]}
    image = "object.spec.template.spec.containers.all(c, c.image.startsWith('registry.example/'))"
    yield {
        **api,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [{**rule, "operations": ["CREATE", "UPDATE"]}]},
            "validations": [{"expression": image, "message": message}],
        },
    }
    chosen = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    yield {
        **api,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": chosen},
        },
    }


def node_port() -> int:
    """A port at which nodes may offer a Service, and nobody is likely to."""
    return 30000 + secrets.randbelow(2700)


def named() -> Cluster | None:
    """The cluster that `MLGITOPS_CLUSTER_KUBECONFIG` names, whatever KUBECONFIG says."""
    path = os.environ.get(KUBECONFIG)
    if not path:
        return None
    registry = os.environ.get(REGISTRY) or "127.0.0.1:5000"
    return Cluster(kubeconfig=Path(path).resolve(), registry=registry)


def unusable(cluster: Cluster | None) -> str | None:
    """Why tests cannot run on it, in one line; None if they can."""
    if cluster is None:
        return f"{KUBECONFIG} names no cluster for the tests"
    if not cluster.kubeconfig.is_file():
        return f"{KUBECONFIG} names {cluster.kubeconfig}, which is no file"
    if shutil.which("kubectl") is None:
        return "there is no kubectl on PATH"
    answer = cluster.kubectl("get", "--raw=/readyz", "--request-timeout=10s")
    if answer.returncode:
        return f"the cluster of {cluster.kubeconfig} does not answer: {answer.stderr.strip()}"
    return None
