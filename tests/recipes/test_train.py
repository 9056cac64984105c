"""`mlgitops train` gives the registry the versions that models.yaml has recipes for."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.team import Team

WIND = "power-forecasting-model"
LINEAR = "{train: power_forecasting, params: {estimator: linear}}"


def recipes(team: Team, **versions: str) -> None:
    """Write a models.yaml with these recipes, by number."""
    listed = ", ".join(f"{number.strip('v')}: {recipe}" for number, recipe in versions.items())
    team.write(f"models: {{wind: {{versions: {{{listed}}}, stages: {{}}}}}}")


def test_versions_come_out_with_their_numbers_and_evidence(farm: Team) -> None:
    """Each version has its recipe, its metrics and its data; training promotes nothing."""
    versions = {int(v.version): v for v in farm.client.search_model_versions(f"name='{WIND}'")}
    assert sorted(versions) == [1, 2, 3]
    assert json.loads(versions[2].tags["mlgitops.recipe"]) == {
        "train": "power_forecasting",
        "params": {"estimator": "gradient_boosting", "max_iter": 60},
    }
    run = farm.client.get_run(str(versions[2].run_id))
    assert {"test_r2", "test_mae", "test_rmse"} <= run.data.metrics.keys()
    assert run.data.metrics["test_r2"] > 0.96
    assert run.inputs is not None
    assert [i.tags[0].value for i in run.inputs.dataset_inputs] == ["train", "test"]
    assert farm.aliases(WIND) == {}
    assert {"None"} == {v.current_stage for v in versions.values()}


def test_a_second_training_makes_nothing(farm: Team) -> None:
    """Versions that exist are not trained again."""
    found = farm.client.search_model_versions(f"name='{WIND}'")
    listed = ", ".join(f"{v.version}: {v.tags['mlgitops.recipe']}" for v in found)
    farm.write(f"models: {{{WIND}: {{versions: {{{listed}}}, stages: {{}}}}}}")
    assert "Nothing to train" in farm.ok("train").out
    assert farm.ok("train", "--format", "json").document["trained"] == []
    assert len(farm.client.search_model_versions(f"name='{WIND}'")) == 3


@pytest.mark.parametrize(
    ("existing", "versions", "expected"),
    [
        (0, {"v2": LINEAR}, "version 2 cannot be created: MLflow's next number is 1"),
        (0, {"v1": LINEAR, "v3": LINEAR}, "version 3 cannot be created: MLflow's next number is 2"),
        (3, {"v1": LINEAR, "v5": LINEAR}, "version 5 cannot be created: MLflow's next number is 4"),
    ],
)
def test_a_number_that_can_not_come_out(
    team: Team, existing: int, versions: dict[str, str], expected: str
) -> None:
    """It is an error before anything is trained."""
    team.versions(existing)
    recipes(team, **versions)
    ran = team.run("train")
    assert ran.code == 1
    assert expected in ran.err
    assert "models.yaml:1:" in ran.err
    assert existing == len(team.client.search_model_versions())


def test_a_blocked_version_is_trained_only_for_the_number_of_a_later_one(team: Team) -> None:
    """Its recipe, which is wrong here, is of no use else."""
    wrong = "{train: power_forecasting, params: {estimator: none}}"
    text = "version: 2\nmodels: {wind: {blocked: {1: bad}, stages: {}, versions: {1: %s%s}}}\n"
    team.write(text % (wrong, ""))
    assert "Nothing to train" in team.ok("train").out
    team.write(text % (wrong, f", 2: {LINEAR}"))
    assert "wind: version 1: " in team.run("train").err


def test_a_number_that_a_deleted_version_took(team: Team) -> None:
    """MLflow gives no number twice and hides deleted versions: the error says what to write."""
    team.versions(2)
    team.client.delete_model_version("wind", "2")
    recipes(team, v2=LINEAR)
    ran = team.run("train")
    assert ran.code == 1
    assert (
        "MLflow numbered it 3 instead of 2, which belonged to a version that is deleted" in ran.err
    )


def test_wrong_parameters_are_all_named_before_anything_is_trained(team: Team) -> None:
    """Each recipe has its line, and the registry stays as it is."""
    recipes(
        team,
        v1="{train: power_forecasting, params: {estimator: quantum}}",
        v2="{train: tumour_diagnosis, params: {estimator: random_forest, colour: red}}",
    )
    ran = team.run("train")
    assert ran.code == 1
    assert "wind: version 1: " in ran.err
    assert "wind: version 2: " in ran.err
    assert "quantum" in ran.err
    assert "colour" in ran.err
    assert list(team.client.search_registered_models()) == []


def test_wrong_data_stop_the_training(team: Team) -> None:
    """The file is named, and no version is registered."""
    (team.folder / "wind.csv").write_text("a,b\n1,2\n")
    recipes(team, v1=LINEAR)
    ran = team.run("train", "--data", "wind.csv")
    assert ran.code == 1
    assert "wind.csv" in ran.err
    assert list(team.client.search_registered_models()) == []


def test_a_model_that_is_not_in_the_file(team: Team) -> None:
    """A typing error on the command line names what there is."""
    recipes(team, v1=LINEAR)
    ran = team.run("train", "wnd")
    assert ran.code == 64
    assert "models.yaml has no model 'wnd'; did you mean 'wind'?" in ran.err


@pytest.mark.skipif("WINDFARM_DATA" not in os.environ, reason="WINDFARM_DATA names no file")
def test_the_real_wind_farm(team: Team) -> None:
    """Gradient boosting trained to 2018 and tested from 2019 reaches an R² of 0.97."""
    team.write(
        f"""
        models:
          wind:
            versions:
              1: {LINEAR}
              2: {{train: power_forecasting, params: {{estimator: gradient_boosting}}}}
            gates:
              Production: [{{metric: test_r2, min: 0.97}}]
            stages: {{Production: 2}}
        """
    )
    trained = team.ok("train", "--format", "json").document["trained"]
    assert trained[0]["metrics"]["test_r2"] == pytest.approx(0.921, abs=0.005)
    assert trained[1]["metrics"]["test_r2"] >= 0.97
    team.ok("apply")
    assert team.aliases() == {"production": 2}


def test_a_number_that_another_recipe_has(team: Team) -> None:
    """A recipe whose number was trained by another one is refused, and nothing is trained.

    That, and a recipe that fails, stops no other model; of its own model what comes after it.
    """
    text = """
        models:
          tumour-diagnosis-model:
            versions:
              1: {train: tumour_diagnosis, params: {estimator: logistic_regression}}
            stages: {}
        """
    (team.folder / "wind.csv").write_text("a,b\n1,2\n")
    team.write(f"""{text.rstrip()}
          a-wind:
            versions:
              1: {LINEAR}
              2: {LINEAR}
            stages: {{}}
          another:
            versions:
              2: {LINEAR}
            stages: {{}}
        """)
    ran = team.run("train", "--data", "wind.csv", "--jobs", "1")
    assert ran.code == 1
    assert "tumour-diagnosis-model  1 " in ran.out
    errors = [line for line in ran.err.splitlines() if line.startswith("error")]
    assert errors[0].startswith("error: models.yaml:14:7: another: version 2 cannot be created")
    assert errors[1].startswith("error: models.yaml:9:7: a-wind: version 1: ")
    assert errors[-1].endswith(": a-wind: not trained, because version 1 failed: 2")
    team.write(text.replace("logistic_regression}", "logistic_regression, C: 0.5}"))
    ran = team.run("train")
    assert ran.code == 1
    assert "models.yaml:5" in ran.err
    assert "version 1 was trained with a different recipe" in ran.err
    assert "or add this one as version 2" in ran.err
    assert len(team.client.search_model_versions("name='tumour-diagnosis-model'")) == 1
