"""What serving on Kubernetes costs, on the cluster that MLGITOPS_CLUSTER_KUBECONFIG names.

Requests that eight callers lose of 50,000 while two replicas are replaced ten times, each time by
an image that was never there, one pod is deleted and one evicted, and two proven versions return;
the time of a return beside `kubectl set image` with the same probes; the memory of a replica; the
CPU of `deploy --plan` for 200 deployments beside a call of kubectl for each. It takes some twenty
minutes.
"""

from __future__ import annotations

import json
import secrets
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.deploy import REPLACEMENTS, REQUESTS, callers, images, remove_images, say
from benchmarks.reconcile.engines import environment
from harness.cluster import KUBECONFIG, named, unusable
from harness.costs import measured
from harness.served import NAME, OWNER, STAGE, Place, pushed
from harness.waiting import eventually
from mlgitops.core.deployments import Replicas
from mlgitops.deploy.kubernetes import names
from mlgitops.deploy.kubernetes.objects import objects
from mlgitops.deploy.kubernetes.pods import is_ready
from mlgitops.deploy.values import Wanted
from mlgitops.history.author import UNCOMMITTED
from mlgitops.system.variables import variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.cluster import Cluster

TWO = Replicas(least=2, most=2)
TIMES = 3  # of each way to replace an image; the median is told
PLANNED = 200
_IMAGES = "127.0.0.1:5000/nowhere"
_NOWHERE = f"{_IMAGES}/model@sha256:{'0' * 64}"


def measure() -> Iterator[str]:
    """Lost requests, times, memory and CPU."""
    cluster = named()
    if reason := unusable(cluster):
        yield f"left out: {reason}"
        return
    assert cluster, "usable"
    with ExitStack() as cleanup:
        cleanup.enter_context(variable("KUBECONFIG", str(cluster.kubeconfig)))
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="mlgitops-bench-")))
        yield from _planned(cluster, folder, cleanup.enter_context(cluster.namespace()))
        mark = f"bench-{secrets.token_hex(4)}"
        cleanup.callback(remove_images, mark)
        source = images(folder, mark)[0]
        tag = f"{cluster.registry}/mlgitops-{mark}"
        made = [
            pushed(source, folder, f"{tag}:{n}", f"LABEL number={n}")
            for n in range(REPLACEMENTS + 1)
        ]
        context = cluster.context
        namespace = cleanup.enter_context(cluster.namespace())
        place = Place(cluster=cluster, namespace=namespace, context=context)
        yield from _replaced(place, made)
        yield from _beside_kubectl(place, made[-2:])
        yield from _memory(place)


def _replaced(place: Place, made: list[str]) -> Iterator[str]:
    """Under load: replaced by each image in turn, and back; pods go meanwhile."""
    place.serve(made[0], 1, replicas=TWO)
    returns, begun = [], time.monotonic()
    with callers(place.url, at_least=REQUESTS) as got:
        for turn, image in enumerate(made[1:], 1):
            say(f"rollout {turn} of {REPLACEMENTS}")
            place.serve(image, turn + 1, replicas=TWO)
        say("deleting a pod, evicting another")
        for lose in (_delete, _evict):
            lose(place, _whole(place)[0])
            _whole(place)
        for turn in (REPLACEMENTS - 1, REPLACEMENTS):
            say("returning to a proven version")
            returns.append(_seconds(place.serve, made[turn], turn + 1, replicas=TWO))
    load = got[0]
    yield (
        f"{REPLACEMENTS} rollouts, a deleted and an evicted pod of 2, 2 returns: "
        f"{load.statuses.total():,} requests, {load.failed} lost, in "
        f"{time.monotonic() - begun:.0f} s; 99th percentile {load.percentile(0.99):.0f} ms"
    )
    yield f"a return, under that load: {', '.join(f'{one:.1f} s' for one in returns)}"


def _beside_kubectl(place: Place, proven: list[str]) -> Iterator[str]:
    """A return has neither candidate nor watch: it is a rollout, and what we do around it."""
    ours = [
        _seconds(place.serve, proven[turn % 2], REPLACEMENTS + turn % 2, replicas=TWO)
        for turn in range(TIMES)
    ]
    theirs = [_seconds(_set_image, place, proven[turn % 2]) for turn in range(1, TIMES + 1)]
    own, other = statistics.median(ours), statistics.median(theirs)
    yield (
        f"a return {own:.1f} s, `kubectl set image` and `rollout status` {other:.1f} s: "
        f"{own / other:.2f} x"
    )


def _memory(place: Place) -> Iterator[str]:
    """Of pods that nobody asks."""
    where = f"--namespace={place.namespace}"
    if not place.cluster.has("apiservice/v1beta1.metrics.k8s.io"):
        return
    found: list[str] = []

    def told() -> bool:
        done = place.cluster.kubectl(where, "top", "pod", "--no-headers")
        found[:] = [line.split()[2] for line in done.stdout.splitlines()]
        return len(found) == 2

    eventually(told, within=180, every=2)
    yield f"memory of a replica: {', '.join(found)}"


def _planned(cluster: Cluster, folder: Path, namespace: str) -> Iterator[str]:
    """A plan of many deployments that agree, and of as many that do not."""
    models = [f"model-{number:03}" for number in range(PLANNED)]
    file = folder / "models.yaml"
    _register(models, folder)
    context = cluster.context
    declared = Place(cluster=cluster, namespace=namespace, context=context).declared()
    things = [
        thing
        for model in models
        for thing in objects(
            declared,
            OWNER,
            Wanted(model=model, stage=STAGE, version=1, commit=UNCOMMITTED),
            image=_NOWHERE,
        )
    ]
    for thing in things:
        if thing["kind"] == "Deployment":
            thing["spec"]["paused"] = True  # no pod of it is made; we say nothing of this field
    written = folder / "objects.json"
    written.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": things}))
    how = ("--server-side", f"--field-manager={names.MANAGER}", "--output=name")
    where = f"--namespace={namespace}"
    cluster.must(where, "apply", *how, f"--filename={written}")

    def cost(*command: str) -> float:
        return measured(command, folder=folder, environment=environment() | _at(cluster)).cpu

    plan = (sys.executable, "-m", "mlgitops", "deploy", "--plan", "--file", str(file))
    registry = ("--registry", f"sqlite:///{folder / 'plan.db'}")
    file.write_text(_text(models, context, namespace, cpu="200m"))
    cost(*plan[:3], "apply", "--allow", "many-changes", "--file", str(file), *registry)
    each = " ".join(names.name_of(model, STAGE) for model in models)
    get = (
        f"for one in {each}; do kubectl {where} get deployment/$one --output=json >/dev/null; done"
    )
    own = cost(*plan, "--exit-code", *registry)
    other = cost("sh", "-c", get)
    yield (
        f"CPU of `deploy --plan`, {PLANNED} deployments that agree: {own:.1f} s; "
        f"`kubectl get` of each {other:.1f} s: {own / other:.2f} x"
    )
    file.write_text(_text(models, context, namespace, cpu="201m"))
    single = folder / "one.json"
    single.write_text(json.dumps(things[0]))
    dry = f"kubectl {where} apply {' '.join(how)} --dry-run=server --filename={single} >/dev/null"
    own = cost(*plan, *registry)
    other = cost("sh", "-c", f"for one in {each}; do {dry}; done")
    yield (
        f"the same, all to be changed, with a dry run: {own:.1f} s; "
        f"a dry run of each {other:.1f} s: {own / other:.2f} x"
    )


def _register(models: list[str], folder: Path) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{folder / 'plan.db'}"
    client = MlflowClient(uri, uri)
    source = folder / "saved"
    source.mkdir()
    (source / "MLmodel").write_text("flavors: {}\n")
    for model in models:
        client.create_registered_model(model)
        client.create_model_version(model, str(source), await_creation_for=0)


def _text(models: list[str], context: str, namespace: str, *, cpu: str) -> str:
    head = (
        f"version: 2\nowner: {OWNER}\nimages: {_IMAGES}\n"
        "deployments:\n  farm:\n    kind: kubernetes\n"
        f"    context: {context}\n    namespace: {namespace}\n    stages: [{STAGE}]\n"
        f"    resources: {{requests: {{cpu: {cpu}}}}}\n"
        "    rollout: {start_timeout: 240s, watch: 2s}\nmodels:\n"
    )
    return head + "".join(f"  {model}: {{stages: {{{STAGE}: 1}}}}\n" for model in models)


def _at(cluster: Cluster) -> dict[str, str]:
    return {"KUBECONFIG": str(cluster.kubeconfig), KUBECONFIG: str(cluster.kubeconfig)}


def _seconds(work: Callable[..., object], *arguments: object, **named: object) -> float:
    begun = time.monotonic()
    work(*arguments, **named)
    return time.monotonic() - begun


def _set_image(place: Place, image: str) -> None:
    where, deployment = f"--namespace={place.namespace}", f"deployment/{NAME}"
    place.cluster.must(where, "set", "image", deployment, f"model={image}")
    place.cluster.must(where, "rollout", "status", deployment, "--timeout=300s")


def _whole(place: Place) -> list[str]:
    """The pods, once there are as many as there are to be, all ready and none that ends."""
    found: list[str] = []

    def whole() -> bool:
        items = place.cluster.read(f"--namespace={place.namespace}", "pods")["items"]
        found[:] = [one["metadata"]["name"] for one in items]
        return len(items) == 2 and all(map(is_ready, items))

    eventually(whole, within=300, every=0.5)
    return found


def _delete(place: Place, pod: str) -> None:
    place.cluster.must(f"--namespace={place.namespace}", "delete", "pod", pod)


def _evict(place: Place, pod: str) -> None:
    """As a drain of its node does it: its disruption budget must allow it."""
    metadata = {"name": pod, "namespace": place.namespace}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    path = f"/api/v1/namespaces/{place.namespace}/pods/{pod}/eviction"
    place.cluster.must("create", f"--raw={path}", "--filename=-", stdin=json.dumps(eviction))
    eventually(lambda: pod not in place.names("pods"), within=120)
