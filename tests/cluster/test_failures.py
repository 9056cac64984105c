"""Ten failures, injected in a Docker host and in a namespace: the same words and exit codes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import requests

from harness import authorization, engine
from harness.calling import FAILS, callers
from harness.cluster import node_port
from harness.engine import another
from harness.waiting import eventually
from mlgitops.deploy.docker import front
from mlgitops.image.build import build
from mlgitops.image.spec import BuildOptions
from mlgitops.registry.connect import connect
from mlgitops.system.ports import free_port
from tests.stack.images import PROGRAM, image_registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.authorization import Plugin
    from harness.cluster import Cluster
    from harness.engine import Engine
    from tests.team import Team

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.xdist_group("cluster-deploy"),
    pytest.mark.timeout(1800),
    pytest.mark.skipif(engine.missing() is not None, reason=str(engine.missing())),
    pytest.mark.skipif(PROGRAM is None, reason="Debian's docker-registry is not installed"),
]
MODEL, STAGE = "moody", "Production"
KINDS = ("docker", "kubernetes")
# its second version does what a variable of its deployment says
_CODE = f"""
import os, time
import mlflow

class Moody(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.mood = os.environ.get("MOOD", "")
        if self.mood == "crash":
            os._exit(3)
        if self.mood == "sleep":
            time.sleep(3600)

    def predict(self, context, model_input, params=None):
        if self.mood == "slow":
            time.sleep(0.1)
        if self.mood == "fail" and (model_input["x"] == {FAILS}).any():
            raise RuntimeError("not today")
        return model_input["x"]

mlflow.models.set_model(Moody())
"""
_SMOKE = r"try the image( by itself)? with `mlgitops image smoke`"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What goes wrong, by the keys of a deployment, and what is to be said of it.

    Attributes:
        words: a pattern of what is said after the stage and the place.
        keys: of both deployments.
        own: kind → keys of that one alone.
        called: while callers ask again and again, whose third request is one that breaks it.
    """

    words: str
    code: int
    keys: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    called: bool = False


def _mood(mood: str, **rollout: object) -> dict[str, Any]:
    return {"environment": {"MOOD": mood}, "rollout": rollout}


DECLARED = {
    "it crashes": Failure(
        words=rf"its container keeps crashing.* \(exit code 1\); {_SMOKE}",
        code=6,
        keys=_mood("crash"),
    ),
    "it is never ready": Failure(
        words=r"it never became ready, for which it had 15 s; if it needs longer, raise "
        r"rollout\.start_timeout",
        code=6,
        keys=_mood("sleep", start_timeout="15s"),
    ),
    "it fails its smoke test": Failure(
        words=r"it failed its smoke test: \d+ checks failed, the first: POST dataframe_split: "
        rf"expected 200, the model's own predictions, got 413 .*; {_SMOKE}",
        code=6,
        keys={"environment": {"SERVING_MAX_BYTES": "10"}},
    ),
    "it fails its callers": Failure(
        words=r"it fails more often: .* errors? .*; old version: .*; see its log for what it "
        r"raised, and register a better one",
        code=6,
        keys=_mood("fail", watch="120s"),
        called=True,
    ),
    "it is slow": Failure(
        words=r"(the canary failed: )?it takes \d+\.\d times as long, more than [\d.]+: .*; old "
        r"version: .*; make it faster, or give it more resources\.cpu",
        code=6,
        keys=_mood("slow", watch="20s"),
        own={"docker": {"rollout": {"canary": {"share": 50, "for": "20s"}}}},
        called=True,
    ),
    "there is no room": Failure(
        words=r"there is no room for it: .*; free some, or lower resources or replicas",
        code=4,
        keys={"resources": {"cpu": 900}, "rollout": {"start_timeout": "15s"}},
        own={"kubernetes": {"resources": {"cpu": 900, "requests": {"cpu": 900}}}},
    ),
}


@dataclass(kw_only=True)
class Both:
    """A team whose stage is served on a Docker host and in a namespace.

    Attributes:
        images: the repository of images that both pull from.
    """

    team: Team
    engine: Engine
    plugin: Plugin
    cluster: Cluster
    namespace: str
    images: str
    ports: Mapping[str, int]

    def declare(
        self, version: int, failure: Failure | None = None, images: str | None = None
    ) -> None:
        """Have the stage hold a version, and declare both deployments as a failure wants them."""
        given = failure or Failure(words="", code=0)
        places: dict[str, dict[str, Any]] = {
            "docker": {"kind": "docker", "hosts": [self.engine.host], "bind": self.engine.address},
            "kubernetes": {
                "kind": "kubernetes",
                "context": self.cluster.context,
                "namespace": self.namespace,
            },
        }
        for kind, place in places.items():
            own = given.own.get(kind, {})
            rollout: dict[str, Any] = {"start_timeout": "300s", "watch": "1s"}
            rollout |= given.keys.get("rollout", {}) | own.get("rollout", {})
            place |= {"stages": [STAGE], "ports": {MODEL: self.ports[kind]}}
            place |= {**given.keys, **own, "rollout": rollout}
        listed = json.dumps(places)
        self.team.write(
            f"version: 2\nowner: github.com/acme/moody\nimages: {images or self.images}\n"
            f"models: {{{MODEL}: {{stages: {{{STAGE}: {version}}}}}}}\ndeployments: {listed}\n"
        )
        self.team.ok("apply")

    def says(self, failure: Failure, *, asked: bool = True) -> None:
        """Deploy to both, which must say the same with the same exit code, and change nothing.

        Where nobody could be asked what serves, it need not be said.
        """
        ran = self.team.run("deploy", "--format", "json")
        assert ran.code == failure.code, ran.out + ran.err
        outcomes = ran.document["outcomes"]
        assert len(outcomes) == len(KINDS)
        for one in outcomes:
            place = re.escape(one["step"]["place"])
            pattern = rf"{MODEL} {STAGE} in {place}: {failure.words}(; its last lines:\n.*)?"
            still = r"(\nversion 1 still serves( at \S+)?)"
            pattern += still if asked else f"{still}?"
            assert re.fullmatch(pattern, one["error"], re.DOTALL), one["error"]
            assert one["exit_code"] == failure.code
        assert self.serve() == ["1", "1"]

    def serve(self) -> list[str]:
        """The versions that callers get of each kind."""
        urls = [f"{self.url(kind)}/version" for kind in KINDS]
        return [requests.get(url, timeout=60).headers["X-Serving-Version"] for url in urls]

    def url(self, kind: str) -> str:
        """Where callers reach it."""
        host = self.engine.address if kind == "docker" else "127.0.0.1"
        return f"http://{host}:{self.ports[kind]}"

    def starting(self) -> bool:
        """Whether version 2 is being started in both."""
        pods = self.cluster.read(f"--namespace={self.namespace}", "pods")["items"]
        containers = self.engine.run(["ps", "--quiet", "--filter", "label=mlgitops.version=2"])
        return bool(containers) and any("candidate" in one["metadata"]["name"] for one in pods)

    @contextmanager
    def called(self) -> Iterator[None]:
        """Callers of both."""
        good, bad = (json.dumps({"dataframe_records": [{"x": x}]}).encode() for x in (1.0, FAILS))
        with ExitStack() as all_of_them:
            for kind in KINDS:
                all_of_them.enter_context(callers(self.url(kind), good, good, bad, connections=2))
            yield


@pytest.fixture
def both(
    team: Team, cluster: Cluster, namespace: str, images: str, tmp_path: Path
) -> Iterator[Both]:
    """Version 1 serves in both; version 2 is as good, unless a deployment says otherwise."""
    _register(team, tmp_path)
    with (
        authorization.running() as plugin,
        another("--authorization-plugin", plugin.name) as made,
        made.reaching(cluster.registry),
    ):
        made.take(front.image())
        one = Both(
            team=team,
            engine=made,
            plugin=plugin,
            cluster=cluster,
            namespace=namespace,
            images=images,
            ports={"docker": 5001, "kubernetes": node_port()},
        )
        one.declare(1)
        team.ok("deploy")
        yield one


def test_ten_failures(both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails, in whichever kind of place: the same words, and version 1 still serves."""
    _no_image(both, tmp_path)
    for name, failure in DECLARED.items():
        print(name)
        both.declare(2, failure)
        with both.called() if failure.called else nullcontext():
            both.says(failure)
    _refused(both)
    _under_way(both)
    _unreachable(both, tmp_path, monkeypatch)


def _no_image(both: Both, folder: Path) -> None:
    """A registry of images that has lost a layer."""
    with image_registry(folder) as images, both.engine.reaching(images.address):
        repository = f"{images.address}/lost"
        both.declare(2, images=repository)
        options = BuildOptions(repository=repository, stage=STAGE, push=True)
        build(connect(both.team.uri), MODEL, "2", options)
        images.lose_layers(f"lost/{MODEL}", "production")
        words = r"the image \S+ cannot be pulled: .*; push it with `mlgitops image publish`, and "
        both.says(Failure(words=words + "let the place log in to its registry", code=4))


def _refused(both: Both) -> None:
    """What rules a place refuses it, in its own words."""
    both.declare(2)
    both.plugin.refuses = "-green-"  # the slot that version 2 would have
    with both.cluster.refusing(both.namespace) as message:
        assert message == authorization.MESSAGE
        words = rf"a policy refuses it: .*{message}.*; ask who runs the place to allow it"
        both.says(Failure(words=words, code=4))
    both.plugin.refuses = ""


def _under_way(both: Both) -> None:
    """Somebody else deploys to the same places at the same time."""
    both.declare(2, Failure(words="", code=0, keys=_mood("sleep")))
    with ExitStack() as others:
        for kind in KINDS:
            others.enter_context(_deploying(kind, both.team))
        eventually(both.starting, within=120)
        words = (
            r"another deploy is under way in \S+ \(.*\); wait until it has ended, and deploy again"
        )
        both.says(Failure(words=words, code=4), asked=False)


def _unreachable(both: Both, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is gone, and a cluster's address at which nothing listens."""
    config = json.loads(both.cluster.must("config", "view", "--raw", "--output=json"))
    for one in config["clusters"]:
        one["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    (folder / "elsewhere").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(folder / "elsewhere"))
    both.engine.kill()
    words = r"\S+ does not answer: .*; what it serves is as it was, and the next `mlgitops deploy` "
    both.says(Failure(words=words + "catches up", code=4), asked=False)


@contextmanager
def _deploying(kind: str, team: Team) -> Iterator[None]:
    """A deploy in a process of its own."""
    command = [sys.executable, "-m", "mlgitops", "deploy", kind]
    with subprocess.Popen(command, cwd=team.folder) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)


def _register(team: Team, folder: Path) -> None:
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature

    signature = infer_signature(pd.DataFrame({"x": [1.0]}), np.ones(1))
    team.client.create_registered_model(MODEL)
    for number in (1, 2):
        code, saved = folder / "moody.py", folder / f"moody{number}"
        code.write_text(f"{_CODE}# {number}\n")  # no two versions have a layer in common
        mlflow.pyfunc.save_model(
            saved, python_model=str(code), signature=signature, pip_requirements=["mlflow"]
        )
        team.client.create_model_version(MODEL, str(saved), await_creation_for=0)
