"""Deployments that real Flux applies: promoted, reverted, healed, and refused with its message."""

from __future__ import annotations

import secrets
import subprocess
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from harness import githost
from harness.waiting import eventually
from mlgitops.deploy.gitops.repository import TOKEN
from mlgitops.deploy.kubernetes.names import VERSION, name_of
from mlgitops.system import waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.cluster import Cluster
    from tests.team import Ran, Team

pytestmark = [pytest.mark.xdist_group("cluster-flux"), pytest.mark.timeout(2400)]

MODEL = "power-forecasting-model"
NAME = name_of(MODEL, "Production")
_MODELS = """\
version: 2
owner: github.com/acme/farm-models
images: {images}
deployments:
  farm:
    kind: gitops
    repository: {repository}
    path: models
    namespace: {namespace}
    stages: [Production]
    ports: {{{model}: {port}}}
    resources: {{requests: {{cpu: 50m}}}}
    rollout: {{start_timeout: 600s}}
    wait:
      {{kind: Kustomization, name: models, namespace: {namespace}, context: {context}, for: 12m}}
models:
  {model}:
    versions:
      1: {{train: power_forecasting, params: {{estimator: linear}}}}
      2: {{train: power_forecasting, params: {{estimator: gradient_boosting, max_iter: 20}}}}
    stages:
      Production: {version}
"""


@pytest.fixture(scope="module", autouse=True)
def _with_flux(cluster: Cluster) -> None:
    """Without Flux, there is nothing to hold it against; its definitions alone apply nothing."""
    kinds = (
        "gitrepositories.source.toolkit.fluxcd.io",
        "kustomizations.kustomize.toolkit.fluxcd.io",
    )
    if not all(cluster.has(f"crd/{kind}") for kind in kinds):
        pytest.skip("there is no Flux on this cluster")
    with cluster.namespace() as namespace:
        for one in _of_flux("http://127.0.0.1:9/nobody/answers.git"):
            cluster.create(one, namespace=namespace)

        def answered() -> bool:
            """Whether each controller, wherever it runs, has looked at what is its own."""
            found = [cluster.read(f"--namespace={namespace}", f"{kind}/models") for kind in kinds]
            return all("conditions" in one.get("status", ()) for one in found)

        if not waiting.until(answered, timeout=90, every=0.5):
            pytest.skip("Flux's controllers do not run on this cluster")


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A team whose deployments Flux applies in a namespace.

    Attributes:
        repository: which Flux follows, as it asks for it.
    """

    team: Team
    cluster: Cluster
    namespace: str
    repository: str
    images: str
    port: int = field(default_factory=lambda: 32700 - secrets.randbelow(2000))

    def declare(self, version: int) -> None:
        """Commit a models.yaml that wants a version."""
        context = self.cluster.context
        text = _MODELS.format(
            images=self.images,
            repository=self.repository,
            namespace=self.namespace,
            context=context,
            model=MODEL,
            port=self.port,
            version=version,
        )
        self.team.write(text)
        self.git("add", "models.yaml")
        self.git("commit", "--quiet", "--message", f"Serve {version}")

    def git(self, *arguments: str) -> None:
        """Run git in the team's repository."""
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        command = ["git", "-C", str(self.team.folder), *identity, *arguments]
        subprocess.run(command, check=True)

    def deploy(self) -> tuple[Ran, float]:
        """Apply models.yaml, then deploy it; what that said, and in how many seconds."""
        applied = self.team.run("apply")
        assert applied.code == 0, applied.out + applied.err
        started = time.monotonic()
        return self.team.run("deploy", "farm"), time.monotonic() - started

    def read(self) -> dict[str, Any]:
        """The Deployment."""
        return self.cluster.read(f"--namespace={self.namespace}", f"deployment/{NAME}")

    def serves(self) -> str:
        """The version of the pods that are ready, which must be all there are."""
        thing = self.read()
        assert thing["status"]["readyReplicas"] == thing["status"]["replicas"] == 1
        return str(thing["spec"]["template"]["metadata"]["labels"][VERSION])

    def image(self) -> str:
        """The image that its pods are to have."""
        return str(self.read()["spec"]["template"]["spec"]["containers"][0]["image"])

    def started_in(self) -> float:
        """Seconds that the newest pod took from its creation until it was ready."""
        pods = self.cluster.read(f"--namespace={self.namespace}", "pods")["items"]
        pod = max(pods, key=lambda one: one["metadata"]["creationTimestamp"])
        (ready,) = [one for one in pod["status"]["conditions"] if one["type"] == "Ready"]
        times = (ready["lastTransitionTime"], pod["metadata"]["creationTimestamp"])
        until, since = map(datetime.fromisoformat, times)
        return (until - since).total_seconds()


@pytest.fixture
def followed(
    farm: Team,
    cluster: Cluster,
    namespace: str,
    images: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Followed]:
    """Flux follows a repository, which is asked by a token; no interval of it is short."""
    folder, token = tmp_path_factory.mktemp("host"), secrets.token_hex(8)
    _begun(folder, farm.folder)
    monkeypatch.setenv(TOKEN, token)
    with githost.serving(folder, token) as host:
        address = f"{host}/farm-deploy.git"
        for one in _of_flux(address):
            cluster.create(one, namespace=namespace)
        try:
            yield Followed(
                team=farm, cluster=cluster, namespace=namespace, repository=address, images=images
            )
        finally:
            # before its namespace, or who is to take away its finalizer is gone
            for kind in ("kustomization", "gitrepository"):
                cluster.kubectl("delete", kind, "models", "--namespace", namespace, "--timeout=60s")


def _begun(folder: Path, team: Path) -> None:
    """A repository with one commit, which has the folder that Flux looks at, and the team's own."""
    bare, first = folder / "farm-deploy.git", folder / "first"
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    (first / "models").mkdir(parents=True)
    (first / "models" / ".gitkeep").touch()
    for command in (
        ("init", "--quiet", "--bare", "--initial-branch=main", str(bare)),
        ("-C", str(bare), "config", "http.receivepack", "true"),
        ("init", "--quiet", "--initial-branch=main", str(first)),
        ("-C", str(first), "add", "--all"),
        ("-C", str(first), *identity, "commit", "--quiet", "--message", "Begin"),
        ("-C", str(first), "push", "--quiet", str(bare), "HEAD:main"),
        ("init", "--quiet", "--initial-branch=main", str(team)),
    ):
        subprocess.run(["git", *command], check=True)


def _of_flux(address: str) -> list[dict[str, Any]]:
    source = {"interval": "30m", "url": address, "ref": {"branch": "main"}}
    applied = {
        "interval": "30m",
        "retryInterval": "30m",
        "timeout": "11m",
        "path": "./models",
        "prune": True,
        "wait": True,
        "sourceRef": {"kind": "GitRepository", "name": "models"},
    }
    return [
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": "models"},
            "spec": source,
        },
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "models"},
            "spec": applied,
        },
    ]


def test_promoted_reverted_and_healed(
    followed: Followed, record_property: Callable[[str, object], None]
) -> None:
    """Each within seconds of the push beyond the start of the image, as no interval is waited for.

    An image that somebody sets by hand in the cluster goes back by the next deploy, which commits
    nothing, and a stage that is emptied is withdrawn.
    """
    followed.declare(1)
    ran, _ = followed.deploy()
    assert ran.code == 0, ran.out + ran.err
    assert followed.serves() == "1"
    one = followed.image()

    followed.declare(2)
    ran, _ = followed.deploy()  # builds the second image
    assert ran.code == 0, ran.out + ran.err
    assert followed.serves() == "2"
    two = followed.image()

    for what in ("revert", "promote again"):
        followed.git("revert", "--no-edit", "HEAD")
        ran, took = followed.deploy()
        assert ran.code == 0, ran.out + ran.err
        beyond = took - followed.started_in()
        record_property(f"{what}: seconds beyond the start", round(beyond, 1))
        print(f"{what}: {took:.1f} s, {beyond:.1f} s beyond the start of the image")
        assert followed.serves() == ("1" if what == "revert" else "2")
        assert beyond < 120  # on a machine that is busy; 30 otherwise

    where = f"--namespace={followed.namespace}"
    followed.cluster.must(where, "set", "image", f"deployment/{NAME}", f"model={one}")
    assert followed.image() == one
    ran, _ = followed.deploy()
    assert ran.code == 0, ran.out + ran.err
    assert followed.image() == two
    eventually(lambda: followed.read()["status"].get("replicas") == 1, within=120)

    text = followed.team.file.read_text(encoding="utf-8")
    followed.team.file.write_text(text.replace("Production: 2", "Production: null"))
    applied = followed.team.run("apply", "--allow", "empties-production")
    assert applied.code == 0, applied.out + applied.err
    ran = followed.team.run("deploy", "farm", "--format", "json")
    assert ran.code == 0, ran.out + ran.err
    listed = followed.cluster.read(where, "deployments")["items"]
    assert listed == []


def test_what_flux_refuses_is_told_in_its_words(followed: Followed) -> None:
    """A quota and a policy: what served goes on serving; what it takes then is applied."""
    cluster, where = followed.cluster, f"--namespace={followed.namespace}"
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"count/deployments.apps": "0"}},
    }
    cluster.create(quota, namespace=followed.namespace)
    eventually(lambda: _counted(followed), within=60)
    followed.declare(1)
    ran, _ = followed.deploy()
    assert ran.code == 4, ran.out + ran.err
    assert "exceeded quota: none" in ran.err
    assert "no version serves" in ran.err
    assert cluster.read(where, "deployments")["items"] == []

    cluster.must(where, "delete", "resourcequota/none")
    ran, _ = followed.deploy()
    assert ran.code == 0, ran.out + ran.err
    assert followed.serves() == "1"

    followed.declare(2)
    with cluster.refusing(followed.namespace) as message:
        ran, _ = followed.deploy()
    assert ran.code == 4, ran.out + ran.err
    assert message in ran.err
    assert "version 1 still serves" in ran.err
    assert followed.serves() == "1"

    name = "nowhere"
    moved = followed.team.file.read_text(encoding="utf-8").replace(
        "name: models,", f"name: {name},"
    )
    followed.team.file.write_text(moved, encoding="utf-8")
    ran = followed.team.run("deploy", "farm")
    assert ran.code == 4
    assert f"there is no Kustomization {followed.namespace}/{name}" in ran.err


def test_what_is_rendered_and_what_flux_does_not_apply(followed: Followed) -> None:
    """A folder has the bytes of the repository; Flux that is suspended is waited for in vain."""
    followed.declare(1)
    ran, _ = followed.deploy()
    assert ran.code == 0, ran.out + ran.err
    out, theirs = (followed.team.folder / name for name in ("out", "theirs"))
    subprocess.run(["git", "clone", "--quiet", followed.repository, str(theirs)], check=True)
    for _ in range(2):
        ran = followed.team.run("render", "farm", str(out))
        assert ran.code == 0, ran.out + ran.err
        rendered = {path.name: path.read_bytes() for path in out.iterdir()}
        committed = {path.name: path.read_bytes() for path in (theirs / "models").glob("*.yaml")}
        assert rendered == committed
        assert set(rendered) == {"kustomization.yaml", f"{NAME}.yaml"}
    where = f"--namespace={followed.namespace}"
    followed.cluster.must(
        where, "patch", "kustomization/models", "--type=merge", '--patch={"spec":{"suspend":true}}'
    )
    followed.declare(2)
    text = followed.team.file.read_text(encoding="utf-8")
    followed.team.file.write_text(text.replace("for: 12m", "for: 10s"), encoding="utf-8")
    ran, _ = followed.deploy()
    assert ran.code == 4, ran.out + ran.err
    assert "flux resume" in ran.err
    assert followed.serves() == "1"


def _counted(followed: Followed) -> bool:
    where = f"--namespace={followed.namespace}"
    return bool(followed.cluster.read(where, "resourcequota/none").get("status", {}).get("hard"))
