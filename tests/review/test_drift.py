"""How the data differ that two versions were trained on, where they can be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import mlflow
import pandas as pd
import pytest
from mlflow.data.pandas_dataset import from_pandas

from mlgitops.core.evidence import Side
from mlgitops.core.version import DatasetUse, Version
from mlgitops.recipes.package import RecipePackage
from mlgitops.registry.connect import connect
from mlgitops.report.drifted import part
from mlgitops.review.drift import drift
from mlgitops.review.prepared import Prepared

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Team

BEFORE = pd.DataFrame(
    {
        "speed": [float(n) for n in range(100)],
        "site": ["north"] * 50 + ["south"] * 50,
        "gone": [1] * 100,
        "same": [n % 7 for n in range(100)],
    }
)
AFTER = BEFORE.drop(columns="gone").assign(
    speed=[float("nan")] * 20 + [n + 50.0 for n in range(80)],
    site=["north"] * 100,
    came=[True, False] * 50,
)


def recipes(folder: Path) -> Prepared:
    """Where models.yaml lies."""
    return Prepared(package=RecipePackage(folders=(str(folder),)))


def logged(team: Team, frame: pd.DataFrame, name: str) -> Version:
    """A version whose run names a file of a team's as what it was trained on."""
    path = team.folder / name
    frame.to_csv(path, index=False)
    number = team.version()
    run = team.client.get_model_version("wind", str(number)).run_id
    mlflow.set_tracking_uri(team.uri)
    used = from_pandas(pd.read_csv(path), source=str(path), name="farm")
    with mlflow.start_run(run):
        mlflow.log_input(used, context="train")
    reader = connect(team.uri)
    bare = reader.version("wind", number)
    assert bare is not None
    return reader.evidence(bare)


def side(version: Version) -> Side:
    """One of the two that are compared."""
    return Side(label=f"version {version.number}", version=version)


def test_each_column_has_types_ranges_gaps_and_a_distance(team: Team) -> None:
    """Columns that came or went first, then the most changed; none where the data are the same."""
    old, new = (side(logged(team, frame, f"{n}.csv")) for n, frame in enumerate((BEFORE, AFTER)))
    found = drift(old, new, recipes(team.folder))
    assert [one.column for one in found.columns] == ["came", "gone", "site", "speed", "same"]
    columns = {one.column: one for one in found.columns}
    assert (columns["came"].old, columns["gone"].new) == (None, None)
    speed = columns["speed"]
    assert speed.old
    assert speed.new
    assert (speed.old.low, speed.old.high, speed.old.missing) == (0, 99, 0)
    assert (speed.new.low, speed.new.high, speed.new.missing) == (50, 129, 0.2)
    assert speed.measure == "Kolmogorov-Smirnov"
    assert speed.distance == pytest.approx(0.5)
    site = columns["site"]
    assert site.measure == "Jensen-Shannon"
    assert site.distance == pytest.approx(0.558, abs=1e-3)
    assert columns["same"].distance == 0
    shown = [str(row[2]) for row in part(found).rows]
    assert shown[3] == "float64, 50 to 129, 20.0% missing"
    assert drift(old, old, recipes(team.folder)).columns == ()


def test_a_file_that_changed_since_is_not_what_a_version_was_trained_on(team: Team) -> None:
    """The schemas that MLflow recorded are compared, and the report says why no more is."""
    old, new = (side(logged(team, frame, f"{n}.csv")) for n, frame in enumerate((BEFORE, AFTER)))
    BEFORE.head(3).to_csv(team.folder / "0.csv", index=False)
    found = drift(old, new, recipes(team.folder))
    assert {one.column for one in found.columns} == {"came", "gone"}
    assert "version 1 was trained on farm" in found.note
    assert "0.csv is not that" in found.note


def test_a_run_cannot_have_files_of_the_machine_read(tmp_path: Path) -> None:
    """Whoever logs a run names its data; only places count that the machine's owner chose."""
    secret = tmp_path / "secret.csv"
    secret.write_text("key\n1\n", encoding="utf-8")
    beside = tmp_path / "repository"
    beside.mkdir()
    for source, said in (
        ({"uri": str(secret)}, "is not in the folder of models.yaml"),
        ({"uri": f"file://{secret}"}, "is not in the folder of models.yaml"),
        ({"url": "https://169.254.169.254/a.csv"}, "reads no data from"),
        ({"url": "http://127.0.0.1/a.csv"}, "must begin with https://"),
        ({"tags": {}}, "names no file or address"),
        ([], "names no file or address"),
    ):
        uses = (
            DatasetUse(name="d", digest=digest, context="train", source=json.dumps(source))
            for digest in ("a", "b")
        )
        old, new = (
            side(Version(number=n, status="READY", datasets=(use,))) for n, use in enumerate(uses)
        )
        found = drift(old, new, recipes(beside))
        assert found.columns == ()
        assert said in found.note


@pytest.mark.xdist_group("farm")
def test_versions_of_recipes_are_compared_by_the_data_of_their_recipes(farm: Team) -> None:
    """Version 3 was trained without two columns of the same days."""
    reader = connect(farm.uri)
    sides = []
    for number in (1, 3):
        bare = reader.version("power-forecasting-model", number)
        assert bare is not None
        sides.append(side(reader.evidence(bare)))
    found = drift(sides[0], sides[1], Prepared(package=RecipePackage()))
    assert found.note == ""
    assert {one.column for one in found.columns if one.new is None}
    assert {one.distance for one in found.columns if one.old and one.new} == {0}
