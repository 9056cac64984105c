"""Images of models that ask for packages of years ago, built and asked for real."""

from __future__ import annotations

import io
import json
import secrets
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import requests

from mlgitops.errors import ImageError
from mlgitops.image.build import build
from mlgitops.image.container import running
from mlgitops.image.spec import BuildOptions
from mlgitops.registry.connect import connect
from mlgitops.serve.payloads import PARQUET
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.team import Team

pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(600)]

WIND = "power-forecasting-model"
TODAYS, EARLY = "3.17.2", "2.9.2"  # MLflow
OF_2023 = ("pandas==2.0.3", "numpy==1.26.4")
OF_2022 = ("pandas==1.5.3", "numpy==1.23.5")
# it loads in every MLflow: nothing of it is pickled
MODULE = """
class Doubling:
    def predict(self, frame):
        return frame["x"].to_numpy() * 2.0


def _load_pyfunc(path):
    return Doubling()
"""
MLMODEL = """
flavors:
  python_function:
    code: code
    env: {{virtualenv: python_env.yaml}}
    loader_module: doubling
    python_version: 3.11.7
mlflow_version: {version}
signature:
  inputs: '[{{"type": "double", "name": "x"}}]'
  outputs: '[{{"type": "tensor", "tensor-spec": {{"dtype": "float64", "shape": [-1]}}}}]'
utc_time_created: '2026-11-24 02:13:33.000000'
"""
JSON = (
    {"dataframe_records": [{"x": 1.5}]},
    {"dataframe_split": {"columns": ["x"], "data": [[1.5]]}},
    {"instances": [{"x": 1.5}]},
    {"inputs": {"x": [1.5]}},
    [{"x": 1.5}],
)


def built(farm: Team, repository: str, mlflow: str, packages: Sequence[str]) -> str:
    """The image of a model that an MLflow logged with some packages; its tag."""
    folder = farm.folder / "store" / secrets.token_hex(4)
    (folder / "code").mkdir(parents=True)
    for name, text in {
        "MLmodel": MLMODEL.format(version=mlflow),
        "code/doubling.py": MODULE,
        "python_env.yaml": "python: 3.11.7\n",
        "requirements.txt": "\n".join([f"mlflow=={mlflow}", *packages]),
    }.items():
        (folder / name).write_text(text)
    made = farm.client.create_model_version(WIND, str(folder), await_creation_for=0)
    options = BuildOptions(repository=repository)
    return build(connect(farm.uri), WIND, str(made.version), options).tags[0]


@pytest.mark.parametrize(
    ("mlflow", "packages", "parquet"),
    [
        pytest.param(
            *(TODAYS, OF_2023, 200), id="pandas 2.0 and NumPy 1.26", marks=pytest.mark.thorough
        ),
        pytest.param(EARLY, OF_2022, 415, id="MLflow 2.9, pandas 1.5 and NumPy 1.23"),
    ],
)
def test_packages_of_years_ago(
    farm: Team, repository: str, mlflow: str, packages: Sequence[str], parquet: int
) -> None:
    """The server yields to them: it reads what their MLflow reads, and says what it does not."""
    image = built(farm, repository, mlflow, packages)
    table = io.BytesIO()
    pd.DataFrame({"x": [1.5]}).to_parquet(table)
    with running(image) as container:

        def post(body: bytes, kind: str) -> requests.Response:
            headers = {"Content-Type": kind}
            url = f"{container.url}/invocations"
            return requests.post(url, data=body, headers=headers, timeout=60)

        assert requests.get(f"{container.url}/version", timeout=60).text == mlflow
        answers = [post(json.dumps(one).encode(), "application/json") for one in JSON]
        answers.append(post(b"x\n1.5\n", "text/csv"))
        assert {(one.status_code, one.text) for one in answers} == {(200, '{"predictions": [3.0]}')}
        unlike = post(b'{"dataframe_records": [{"y": 1}]}', "application/json")
        assert (unlike.status_code, "error_code" in unlike.json()) == (400, True)
        assert post(b"<x/>", "text/xml").status_code == 415
        last = post(table.getvalue(), PARQUET)
        assert last.status_code == parquet, last.text
        assert ("Parquet" in last.json().get("message", "")) == (parquet == 415)
        log = docker.logs(container.identity, lines=100)
        assert ("requests in Parquet get 415" in log) == (parquet == 415)


def test_packages_that_the_server_cannot_run_with(farm: Team, repository: str) -> None:
    """One message names the version, what cannot be imported and why, without the build's trace."""
    said = (
        rf"^the server cannot run with the packages of {WIND} version \d+: "
        r"import \S+: ModuleNotFoundError: No module named 'pkg_resources'$"
    )
    with pytest.raises(ImageError, match=said):
        built(farm, repository, EARLY, [*OF_2022, "setuptools==82.0.0"])
