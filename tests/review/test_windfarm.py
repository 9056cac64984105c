"""What a reviewer is told of the wind farm's versions: better, worse, breaking, nonsense."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from training import synthetic

if TYPE_CHECKING:
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("farm")

WIND = "power-forecasting-model"
COLUMNS = (
    "temperature_00, wind_direction_00, wind_speed_00, temperature_08, wind_direction_08, "
    "wind_speed_08, wind_direction_16, wind_speed_16"
)
RECIPES = f"""
stages: [Staging, Champion, Production]
models:
  {WIND}:
    versions:
      1: {{train: power_forecasting, params: {{estimator: linear}}}}
      2: {{train: power_forecasting, params: {{estimator: gradient_boosting, max_iter: 200}}}}
      3:
        train: power_forecasting
        params: {{estimator: gradient_boosting, max_iter: 60, features: [{COLUMNS}]}}
"""
SHUFFLED = (
    "      4: {train: power_forecasting, params: {estimator: gradient_boosting, max_iter: 20}}\n"
)
GATES = """
    gates:
      Production: &bounds
        - {metric: test_r2, min: 0.9}
        - {metric: test_mae, max_regression: 2%}
        - {signature: compatible}
      Champion: *bounds
    stages: {Production: PRODUCTION, Champion: CHAMPION}
"""
_REAL = Path(os.environ.get("WINDFARM_DATA") or "none")


@pytest.fixture
def trained(team: Team, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A team with three versions on one wind farm, and a fourth trained on shuffled targets."""
    data, shuffled = team.folder / "windfarm.csv", team.folder / "shuffled.csv"
    data.write_text(_REAL.read_text() if _REAL.is_file() else synthetic.windfarm().to_csv())
    frame = pd.read_csv(data, index_col=0)
    frame["power"] = frame["power"].sample(frac=1, random_state=0).to_numpy()
    frame.to_csv(shuffled)
    monkeypatch.setenv("WINDFARM_DATA", str(data))
    write(team, RECIPES)
    team.ok("train")
    write(team, RECIPES + SHUFFLED)
    team.ok("train", "--data", str(shuffled))
    team.ok("apply")
    return team


def write(team: Team, recipes: str, **stages: int) -> None:
    """Write models.yaml; Production holds 1 and Champion 2, if nothing else is said."""
    held = {"PRODUCTION": 1, "CHAMPION": 2} | {name.upper(): v for name, v in stages.items()}
    text = recipes + GATES
    for name, version in held.items():
        text = text.replace(name, str(version))
    team.write(text)


def planned(team: Team, **stages: int) -> tuple[int, Any]:
    """The exit code of a plan that changes one stage, and that change."""
    write(team, RECIPES + SHUFFLED, **stages)
    ran = team.run("plan", "--format", "json")
    (change,) = ran.document["changes"]
    return ran.code, change


def failed(change: Any) -> list[str]:
    """The rules that refuse a change."""
    return [gate["rule"] for gate in change["gates"] if gate["result"] == "failed"]


def again(change: Any) -> dict[str, Any]:
    """The metrics of both on the same rows, by name."""
    return {one["name"]: one for one in change["comparison"]["predictions"]["scores"]}


def test_what_a_reviewer_is_told(trained: Team) -> None:
    """Boosting is better; the way back is refused, so are a column less and shuffled targets.

    On the real days, where WINDFARM_DATA names them, else on the synthetic sample.
    """
    code, better = planned(trained, production=2)
    assert (code, failed(better), better["comparison"]["breaks"]) == (0, [], [])
    assert {one["verdict"] for one in again(better).values()} == {"better"}
    assert "worse" not in {one["verdict"] for one in better["comparison"]["slices"]}
    if _REAL.is_file():
        assert again(better)["mae"]["old"] == pytest.approx(361, abs=1)
        assert 155 < again(better)["mae"]["new"] < 190

    code, worse = planned(trained, champion=1)
    assert (code, failed(worse)) == (3, ["test_mae max_regression 2%"])
    assert worse["downgrade"]
    where = {one["column"] for one in worse["comparison"]["slices"] if one["verdict"] == "worse"}
    assert {"quarter", "month", "wind_direction_00"} <= where

    code, breaking = planned(trained, production=3)
    assert (code, failed(breaking)) == (3, ["signature compatible"])
    assert "input temperature_16 was removed" in breaking["comparison"]["breaks"]

    code, nonsense = planned(trained, production=4)
    assert (code, failed(nonsense)[0]) == (3, "test_r2 min 0.9")
    warnings = " ".join(nonsense["comparison"]["warnings"])
    assert "tested on different data" in warnings
    assert "set WINDFARM_DATA to its own data" in warnings
    assert again(nonsense)["r2"]["new"] < 0.2
