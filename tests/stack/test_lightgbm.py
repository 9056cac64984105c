"""The manual's example of a recipe of another library, which takes its time to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tests.recipes.conftest import unique
from tests.recipes.test_plain import CHURN, company, predict, run_of, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Team

pytestmark = pytest.mark.no_docker
__all__ = ["company", "unique"]  # fixtures


def customers(folder: Path) -> str:
    """A file of customers, of whom those with many complaints churned."""
    frame = pd.DataFrame({"age": range(400), "complaints": [one % 7 for one in range(400)]})
    frame["churned"] = (frame["complaints"] > 3).astype(int)
    frame.to_csv(folder / "customers.csv", index=False)
    return "customers.csv"


@pytest.mark.thorough
def test_lightgbm_as_documented(
    company: Team, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example of the manual: trained, registered, served, compared on the held-out rows."""
    monkeypatch.setenv("CHURN_DATA", customers(company.folder))
    versions = ["{train: churn, params: {rounds: 1}}", "{train: churn, params: {rounds: 30}}"]
    write(company, unique, versions, churn=CHURN)
    trained = company.ok("train", "--format", "json").document["trained"]
    assert [one["number"] for one in trained] == [1, 2]
    assert trained[1]["metrics"]["test_accuracy"] == 1.0
    rows = pd.DataFrame({"age": [30, 31], "complaints": [0, 6]})
    assert predict(company, 2, rows) == [0, 1]
    run = run_of(company, 2)
    assert run.data.params["rounds"] == "30"  # of the recipe
    assert run.data.params["num_boost_round"] == "30"  # of autolog
    assert run.data.tags["mlgitops.data"] == "customers.csv"
    assert len(run.outputs.model_outputs) == 1
    assert {"train", "test"} <= {one.tags[0].value for one in run.inputs.dataset_inputs}
    version = company.client.get_model_version("m", "2")
    assert {"mlgitops.recipe", "mlgitops.data"} <= version.tags.keys()
    found = company.ok("compare", "m", "1", "2", "--format", "json").document
    assert found["predictions"]["source"].startswith("100 held-out rows of churn (digest ")
    assert found["predictions"]["scores"][0]["new"] == 1.0
    assert found["warnings"] == []
    assert ["rounds", "1", "30"] in [
        [one["name"], one["old"], one["new"]] for one in found["parameters"]
    ]
