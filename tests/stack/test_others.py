"""Models that others log with plain MLflow code: what is said of them is read without a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlflow
import pytest

from harness import others

if TYPE_CHECKING:
    from tests.team import Team

pytestmark = [pytest.mark.no_docker, pytest.mark.timeout(600)]
TASKS = {
    **dict.fromkeys(("regressor", "lightgbm", "statsmodels", "params"), "regression"),
    **dict.fromkeys(("binary", "multiclass", "text", "xgboost"), "classification"),
    **dict.fromkeys(("chat", "agent"), "text"),
    "onnx": "outputs",
    "vectors": "vectors",
}


@pytest.fixture
def logged(team: Team, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A registry with all of them whose packages are installed, the first version in Production."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", team.uri)
    previous = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(team.uri)
    try:
        others.main()
    finally:
        mlflow.set_tracking_uri(previous)
    for name in others.names():
        team.client.set_registered_model_alias(name, "production", "1")
    return team


@pytest.mark.thorough
def test_every_model_has_a_card_a_comparison_and_a_plan(logged: Team) -> None:
    """Tables, text, tensors, vectors, chats, agents, models of MLflow 1 and without a signature."""
    names = others.names()
    assert {"regressor", "text", "unsigned", "params", "vectors", "chat", "ancient"} <= set(names)
    cards = {name: logged.ok("card", name, "2").out for name in names}
    assert "| parameter | factor | string" in cards["params"]
    assert r"| input | messages\[\].role | string | yes |" in cards["chat"]
    assert '"messages": [{"role": "user"' in cards["chat"]
    found = {name: logged.ok("compare", name, "1", "2", "--format", "json") for name in names}
    assert found["params"].document["breaks"] == ["parameter factor was double and is string"]
    answered = {name: ran.document["predictions"] for name, ran in found.items()}
    without = {name for name, said in answered.items() if said is None}
    assert without == {"unsigned", "ancient"}  # they have no input example
    assert {name: said["kind"] for name, said in answered.items() if said} == {
        name: kind for name, kind in TASKS.items() if name in answered
    }
    gates = "{gates: {Production: [{signature: compatible}]}, stages: {Production: 2}}"
    logged.write("models:\n" + "".join(f"  {name}: {gates}\n" for name in names))
    plan = logged.run("plan", "--format", "json")  # refused: two have no signature
    assert {change["model"] for change in plan.document["changes"]} == set(names)
    assert plan.code == 3
