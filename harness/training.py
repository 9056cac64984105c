"""Training on other machines: the workers' image, their certificates, and a recipe to train."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient

ROOT = Path(__file__).resolve().parents[1]
MANUAL = ROOT / "docs/kubernetes-dask.md"
FILE = ROOT / "stack/images/worker/Dockerfile"
MODELS = """\
owner: acme/models
recipes: slowly
models:
  a:
    stages: {}
    versions: {1: {train: slow, params: {step: 1}}}
  b:
    stages: {}
    versions:
      1: {train: slow, params: {step: 1}}
      2: {train: slow, params: {step: 2, waits: true}}
"""
# says on which host it is trained, and waits until somebody lets it go on
RECIPE = """\
import socket, time

from pydantic import BaseModel


class Params(BaseModel):
    step: int
    waits: bool = False


def train(params):
    import mlflow
    import pandas

    class Same(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input

    print("step", params.step)
    mlflow.set_tag("host", socket.gethostname())
    if params.waits:
        mlflow.set_tag("waits", "yes")
    while params.waits and mlflow.get_experiment_by_name("go") is None:
        time.sleep(0.5)
    mlflow.log_metric("test_step", params.step)
    rows = pandas.DataFrame({"x": [1.0, 2.0, params.step]})
    mlflow.pyfunc.log_model(
        name="model", python_model=Same(), pip_requirements=[], input_example=rows
    )
"""


def blocks(language: str) -> list[str]:
    """The examples of the manual in a language, in their order."""
    return re.findall(rf"```{language}\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)


def build(image: str) -> None:
    """Build the image of workers under a name."""
    docker.run(["build", "--quiet", "--file", str(FILE), "--tag", image, str(ROOT)])


def certificates(folder: Path) -> None:
    """Make an authority and the certificates `cluster` and `client` in a folder."""
    made = blocks("bash")[0]
    subprocess.run(["bash", "-euc", made], cwd=folder, check=True, capture_output=True)


def variables(folder: Path, *roles: str) -> dict[str, str]:
    """What tells Dask to show the certificates of a folder, and to speak to nobody without one.

    Args:
        folder: of the certificates.
        roles: `client`, `scheduler`, `worker`.
    """
    comm = "DASK_DISTRIBUTED__COMM__"
    made = {f"{comm}REQUIRE_ENCRYPTION": "True", f"{comm}TLS__CA_FILE": str(folder / "ca.crt")}
    for role in roles:
        name = "client" if role == "client" else "cluster"
        made[f"{comm}TLS__{role.upper()}__CERT"] = str(folder / f"{name}.crt")
        made[f"{comm}TLS__{role.upper()}__KEY"] = str(folder / f"{name}.key")
    return made


def waiting(client: MlflowClient) -> str:
    """The host that trains the version that waits, by the newest of its runs; empty if none."""
    found = client.get_experiment_by_name("b")
    runs = client.search_runs([found.experiment_id], "tags.waits = 'yes'") if found else []
    return runs[0].data.tags["host"] if runs else ""


def go(client: MlflowClient) -> None:
    """Let it go on."""
    client.create_experiment("go")


def check(client: MlflowClient, *, lost: str, said: str) -> None:
    """The versions are those of `MODELS`, though a host was lost that trained one of them.

    Args:
        client: of the registry.
        lost: the host.
        said: what the command printed.
    """
    versions = {(one.name, int(one.version)): one for one in client.search_model_versions()}
    runs = {key: client.get_run(str(one.run_id)) for key, one in versions.items()}
    steps = {key: run.data.metrics["test_step"] for key, run in runs.items()}
    assert steps == {("a", 1): 1, ("b", 1): 1, ("b", 2): 2}, said
    assert runs["b", 2].data.tags["host"] != lost
    assert "b 2: its worker was lost; it is tried again" in said, said
    for (model, number), step in steps.items():
        assert f"{model} {number}: step {step:.0f}" in said.splitlines()
    everything = client.search_runs([one.experiment_id for one in client.search_experiments()])
    statuses = sorted(run.info.status for run in everything)
    assert statuses == ["FINISHED"] * 3 + ["KILLED"], statuses


def score(folder: Path, scheduler: str, environment: Mapping[str, str]) -> None:
    """Promote the second version of `b`: it and the first answer on workers as they do here.

    Args:
        folder: where models.yaml and the recipe are; the first version becomes Production there.
        scheduler: its address.
        environment: variables that name the registry and the client's certificate.
    """
    file = folder / "models.yaml"

    def ran(verb: str, *options: str) -> str:
        command = (sys.executable, "-P", "-m", "mlgitops", verb, "--file", str(file), *options)
        done = subprocess.run(
            command,
            env=os.environ | {**environment},
            capture_output=True,
            text=True,
            check=False,
        )
        # 2: a plan that has changes
        assert done.returncode in {0, 2}, done.stderr
        return done.stdout

    def promoting(number: int) -> str:
        return MODELS.replace("b:\n    stages: {}", f"b:\n    stages: {{Production: {number}}}")

    file.write_text(promoting(1), encoding="utf-8")
    ran("apply")
    file.write_text(promoting(2), encoding="utf-8")
    here, there = (
        predicted(json.loads(ran("plan", "--no-cache", "--format", "json", *where)))
        for where in ((), ("--dask", scheduler))
    )
    assert [one["rows"] for one in here] == [3], here
    assert there == here


def predicted(plan: Any) -> list[dict[str, Any]]:
    """What a plan, as JSON, says of predictions, without what they cost on which machine."""
    found = []
    for change in plan["changes"]:
        told = {**change["comparison"]["predictions"]}
        del told["old_cost"], told["new_cost"]
        found.append(told)
    return found
