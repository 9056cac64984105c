"""`mlgitops compare`: what differs between two versions, and what they answer to the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlflow
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from mlgitops.recipes import tracking

if TYPE_CHECKING:
    from mlgitops.recipes.recipe import RecipeModule
    from tests.proxy import Proxy
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("farm")

WIND = "power-forecasting-model"
TUMOUR = "tumour-diagnosis-model"


def compared(team: Team, *arguments: str) -> Any:
    """What `compare` says, as JSON."""
    return team.ok("compare", *arguments, "--format", "json").document


def facts(document: Any) -> dict[str, tuple[str | None, str | None]]:
    """Facts by their names."""
    return {fact["name"]: (fact["old"], fact["new"]) for fact in document["facts"]}


def test_two_versions_of_one_recipe(farm: Team) -> None:
    """Recorded metrics, and the same again from predictions; data, formats, sizes, costs."""
    found = compared(farm, WIND, "1", "2")
    recorded = {m["name"]: (m["old"], m["new"]) for m in found["metrics"]}
    again = {m["name"]: (m["old"], m["new"]) for m in found["predictions"]["scores"]}
    for name, values in again.items():
        assert recorded[f"test_{name}"] == pytest.approx(values)
    assert {m["name"]: m["verdict"] for m in found["predictions"]["scores"]} == dict.fromkeys(
        ("r2", "mae", "rmse"), "better"
    )
    intervals = {m["name"]: m["interval"] for m in found["predictions"]["scores"]}
    assert intervals["mae"]["low"] < intervals["mae"]["high"] < 0
    assert {m["name"]: m["interval"] for m in found["metrics"]}["test_mae"] == intervals["mae"]
    said = facts(found)
    assert said["test data"][0] == said["test data"][1]
    assert said["flavour"] == ("sklearn skops", "sklearn skops")
    assert said["digest"][0] != said["digest"][1]
    assert found["warnings"] == []
    assert (found["columns"], found["breaks"], found["requirements"]) == ([], [], [])
    predictions = found["predictions"]
    assert predictions["kind"] == "regression"
    assert 0.5 < predictions["changed"] <= 1
    moved = [abs(mover["new"] - mover["old"]) for mover in predictions["movers"]]
    assert moved == sorted(moved, reverse=True)
    furthest = max(abs(one["difference"]) for one in predictions["quantiles"])
    assert moved[0] == pytest.approx(furthest)
    assert predictions["new_cost"]["milliseconds"] > 0
    assert [past["version"] for past in found["history"]] == [1, 2, 3]


def test_a_version_without_some_columns(farm: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were tested on other columns, so both score the same rows again; callers would break.

    Their recipes are prepared once each, for the rows and for the data that they were trained on.
    """
    prepared: list[str] = []
    prepare = tracking.prepare

    def counted(recipe: RecipeModule, *given: Any) -> tracking.Training:
        prepared.append(recipe.name)
        return prepare(recipe, *given)

    monkeypatch.setattr(tracking, "prepare", counted)
    found = compared(farm, WIND, "1", "3")
    assert prepared == ["power_forecasting"] * 2
    assert len(found["drift"]["columns"]) > 1
    assert "input temperature_16 (double) removed" in found["columns"]
    assert "input temperature_16 was removed" in found["breaks"]
    (warning,) = found["warnings"]
    assert warning.startswith("the versions were tested on different data")
    assert warning.endswith("see the metrics on the same rows")
    assert len(found["predictions"]["scores"]) == 3


def test_a_version_with_itself(farm: Team) -> None:
    """Nothing differs, and no row moved."""
    found = compared(farm, WIND, "2", "2")
    assert (found["predictions"]["changed"], found["predictions"]["movers"]) == (0, [])
    assert found["parameters"] == []


def test_classes(farm: Team) -> None:
    """Who changed sides, and the metrics that follow from classes and their probabilities."""
    found = compared(farm, TUMOUR, "1", "1")
    assert found["predictions"]["kind"] == "classification"
    pairs = {(c["old"], c["new"]) for c in found["predictions"]["confusion"]}
    assert pairs == {("0", "0"), ("1", "1")}
    assert [m["name"] for m in found["predictions"]["scores"]] == [
        *("accuracy", "f1_macro"),
        *("log_loss", "brier_score", "calibration_error", "roc_auc"),
    ]


def test_stages_and_runs(farm: Team) -> None:
    """A stage stands for what it holds, a run for the version that it made."""
    farm.stages(WIND, Production=1)
    farm.ok("apply")
    run = farm.client.get_model_version(WIND, "2").run_id
    assert run is not None
    found = compared(farm, WIND, "Production", run, "--quick")
    assert (found["old"]["version"], found["new"]["version"]) == (1, 2)
    assert found["new"]["label"] == f"run {run[:8]}"
    assert found["predictions"] is None


def test_what_does_not_exist(farm: Team) -> None:
    """A version, a stage, a run, a model: one line says which, and nothing is printed."""
    for arguments, words in (
        ((WIND, "1", "9"), "has no version 9 in the registry; it has version"),
        ((WIND, "Staging", "1"), "Staging of power-forecasting-model is empty"),
        ((WIND, "1", "0" * 32), f"has no run {'0' * 32} in the registry"),
        (("none", "1", "2"), "the registry has no model 'none'"),
    ):
        ran = farm.run("compare", *arguments)
        assert (ran.code, ran.out) == (64, "")
        assert words in ran.err


def test_a_model_that_can_not_predict(farm: Team) -> None:
    """It is said in one line, beside all that is known without predictions."""
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    register(farm, LinearRegression(), frame)  # never fitted
    ran = farm.ok("compare", "other", "1", "1")
    assert "cannot run version 1 on this machine: NotFittedError: " in ran.out
    assert "the same in both" in ran.out


def test_rows_from_an_example(farm: Team) -> None:
    """Without a recipe the input example is what both score, and nobody knows the truth."""
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    for slope in (2.0, 3.0):
        register(farm, LinearRegression().fit(frame, slope * frame["x"]), frame)
    found = compared(farm, "other", "1", "2")["predictions"]
    assert found["source"] == "3 rows of the input example"
    assert found["scores"] == []
    answers = [(one["row"], round(one["old"], 6), round(one["new"], 6)) for one in found["answers"]]
    assert answers == [("row 1", 2, 3), ("row 2", 4, 6), ("row 3", 6, 9)]


def test_an_example_of_few_rows_is_shown_and_not_counted(farm: Team) -> None:
    """No share of rows, percentile, mover or histogram, in no format; 30 rows are counted."""
    few = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    for slope in (2.0, 3.0):
        register(farm, LinearRegression().fit(few, slope * few["x"]), few)
    page = farm.folder / "few.html"
    found = compared(farm, "other", "1", "2", "--report", str(page))["predictions"]
    assert (found["changed"], found["quantiles"], found["movers"]) == (None, [], [])
    text = farm.ok("compare", "other", "1", "2").out
    for shown in (text, page.read_text()):
        assert "row 3" in shown
        assert not [word for word in ("% of the rows", "new - old", "<svg") if word in shown]

    enough = pd.DataFrame({"x": [float(number) for number in range(30)]})
    for slope in (2.0, 3.0):
        register(farm, LinearRegression().fit(enough, slope * enough["x"]), enough)
    found = compared(farm, "other", "3", "4")["predictions"]
    assert (found["answers"], len(found["quantiles"])) == ([], 7)
    assert found["changed"] == 29 / 30


def register(team: Team, model: LinearRegression, example: pd.DataFrame) -> None:
    """Log a model as the next version of `other`, in the team's registry."""
    mlflow.set_tracking_uri(team.uri)
    if team.client.get_experiment_by_name("other") is None:
        folder = team.folder / "artifacts"
        team.client.create_experiment("other", artifact_location=folder.as_uri())
    mlflow.set_experiment("other")
    log(model, example, "other")


def log(model: LinearRegression, example: pd.DataFrame, name: str) -> None:
    """Log a model as the next version of a name."""
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            model,
            name="model",
            input_example=example,
            registered_model_name=name,
            pip_requirements=["mlflow"],
        )


@pytest.mark.xdist_group("server")
def test_each_payload_is_read_once(remote: Team, proxied: Proxy) -> None:
    """Counted at the server, for two stages that take the same version; no change reads none."""
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    mlflow.set_tracking_uri(proxied.url)
    remote.client.create_experiment("once", artifact_location="mlflow-artifacts:/once")
    mlflow.set_experiment("once")
    for slope in (2.0, 3.0):
        log(LinearRegression().fit(frame, slope * frame["x"]), frame, "once")
    remote.stages("once", Staging=1, Production=1)
    remote.ok("apply")
    remote.stages("once", Staging=2, Production=2)
    proxied.reset()
    remote.ok("plan")
    assert len(proxied.downloads) > 10
    assert sorted(proxied.downloads) == sorted(set(proxied.downloads))
    gates = "gates: {Staging: [signature: compatible], Production: [signature: compatible]}"
    remote.write(f"models:\n  once: {{{gates}, stages: {{Staging: 2, Production: 2}}}}\n")
    proxied.reset()
    remote.ok("plan", "--quick")  # which reads the signatures of both versions
    assert [path.rpartition("/")[2] for path in proxied.downloads] == ["MLmodel"] * 2

    remote.ok("apply")
    proxied.reset()
    remote.ok("plan")
    assert proxied.seen
    assert proxied.downloads == []
