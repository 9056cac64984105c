"""A registry that people filled from 2020 to 2026 is taken over without moving anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlflow
import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.team import Team

PROMOTED = {
    "Sales Forecast": ("Production", 2),
    "churn": ("Production", 3),
    "fraud": ("Champion", 3),
    "prévision-ventes": ("Production", 2),
    "recommender": ("Staging", 3),
    "ranker": ("live", 2),
}


@pytest.fixture(autouse=True)
def _tracking(team: Team) -> Iterator[None]:
    """MLflow looks for logged models where the process tracks."""
    mlflow.set_tracking_uri(team.uri)
    yield
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]


def filled(team: Team) -> None:
    """Models in the ways of each year, by MLflow's client only."""
    client = team.client
    # 2020: classic stages, several versions in one of them, old ones archived, no runs
    client.create_registered_model("Sales Forecast", tags={"team": "sales"})
    for number in (1, 2, 3):
        client.create_model_version(
            "Sales Forecast", f"file:///models/{number}", await_creation_for=0
        )
    team.move_by_hand(1, "Production", "Sales Forecast")
    team.move_by_hand(2, "Archived", "Sales Forecast")
    team.versions(4, "churn")
    for number, stage in ((1, "Archived"), (2, "Production"), (3, "Staging"), (4, "Staging")):
        team.move_by_hand(number, stage, "churn")
    # 2023: aliases, in the spelling of whoever set them
    team.versions(3, "fraud")
    client.set_registered_model_alias("fraud", "Champion", "1")
    client.set_registered_model_alias("fraud", "challenger", "2")
    team.versions(2, "prévision-ventes")
    client.set_registered_model_alias("prévision-ventes", "production", "1")
    client.set_registered_model_alias("prévision-ventes", "ünï", "2")
    # 2024: both, not always in step
    team.versions(3, "recommender")
    team.move_by_hand(1, "Production", "recommender")
    client.set_registered_model_alias("recommender", "production", "2")
    client.set_registered_model_alias("recommender", "staging", "2")
    client.delete_model_version("recommender", "1")
    # 2025: checkpoints of one run, registered by their logged models' addresses
    client.create_registered_model("ranker")
    run = client.create_run("0").info.run_id
    for _ in range(2):
        logged = client.create_logged_model("0", source_run_id=run, model_type="checkpoint")
        client.create_model_version(
            "ranker", f"models:/{logged.model_id}", run_id=run, await_creation_for=0
        )
    client.set_registered_model_alias("ranker", "live", "1")
    # 2026: a prompt among the models; and a model that nobody ever filled
    client.register_prompt("greeting", "Hello {{name}}")
    client.create_registered_model("idea")


def everything(team: Team) -> dict[tuple[str, str], object]:
    """Every alias and every version's classic stage and description, as MLflow says."""
    found: dict[tuple[str, str], object] = {}
    for model in team.client.search_registered_models():
        aliases = team.client.get_registered_model(model.name).aliases
        found |= {(model.name, f"@{alias}"): int(number) for alias, number in aliases.items()}
        for version in team.client.search_model_versions(f"name='{model.name}'"):
            found[model.name, f"version {version.version}"] = version.current_stage
    return found


def edited(team: Team) -> None:
    """One promotion of each model, in models.yaml."""
    document: dict[str, Any] = yaml.safe_load(team.file.read_text(encoding="utf-8"))
    for model, (stage, version) in PROMOTED.items():
        assert document["models"][model]["stages"].get(stage) != version
        document["models"][model]["stages"][stage] = version
    team.file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")


@pytest.mark.thorough
def test_import_plan_and_one_promotion_of_each_move_nothing_else(team: Team) -> None:
    """After import the plan is empty; after a promotion of each model only those have moved."""
    filled(team)
    before = everything(team)

    said = team.ok("import").err
    assert "prévision-ventes ünï: models.yaml does not allow this name" in said
    assert team.ok("plan", "--exit-code").code == 0
    assert everything(team) == before

    edited(team)
    planned = team.run("plan", "--quick", "--format", "json").document["changes"]
    assert {(c["model"], c["stage"], c["new"]) for c in planned} == {
        (model, stage, version) for model, (stage, version) in PROMOTED.items()
    }
    team.ok("apply", "--allow", "unmanaged", "--allow", "missing-payload")

    assert team.ok("plan", "--exit-code").code == 0
    moved = {
        key: now for key, now in everything(team).items() if key not in before or before[key] != now
    }
    assert moved == {
        ("Sales Forecast", "@production"): 2,
        ("Sales Forecast", "version 1"): "Archived",
        ("Sales Forecast", "version 2"): "Production",
        ("churn", "@production"): 3,
        ("churn", "version 2"): "Archived",
        ("churn", "version 3"): "Production",
        ("fraud", "@Champion"): 3,
        ("prévision-ventes", "@production"): 2,
        ("prévision-ventes", "version 2"): "Production",
        ("ranker", "@live"): 2,
        ("recommender", "@staging"): 3,
        ("recommender", "version 3"): "Staging",
    }
