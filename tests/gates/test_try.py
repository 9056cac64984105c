"""`mlgitops gates try`: what gates say of a version, without a plan; and the docs' examples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from mlgitops.core import gate as gating
from mlgitops.core.evidence import HeldOut, Series
from tests.gates.cases import case, gates, measured
from tests.gates.test_docs import with_checks
from tests.report.published import check as check_form

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.team import Team

WIND = "power-forecasting-model"
GATED = """
models:
  power-forecasting-model:
    gates:
      Staging: [{metric: test_mae, max_regression: 2%}]
      Production:
        - {python: "checks.seasons:no_season_worse"}
        - {python: "checks.calibration:is_calibrated"}
    stages: {Staging: 2, Production: 1}
"""


def said(check: str, new: Sequence[float], old: Sequence[float], actual: Sequence[float]) -> str:
    """What a check says of the answers of two versions to rows of the days of a year."""
    days = pd.date_range("2026-01-01", periods=len(new), freq="91D")
    rows = HeldOut(
        frame=pd.DataFrame({"x": actual}),
        actual=np.asarray(actual),
        labels=tuple(str(day.date()) for day in days),
    )
    found = measured(milliseconds=1.0)
    assert found.predictions is not None
    series = Series(
        labels=rows.labels, new=np.asarray(new), old=np.asarray(old), actual=rows.actual
    )
    found = replace(found, rows=rows, predictions=replace(found.predictions, series=series))
    gate = gates(f"{{python: 'checks.{check}'}}")
    (verdict,) = gating.judge(gate, replace(case(), comparison=found))
    return verdict.actual


def test_no_segment_may_get_worse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A better year does not hide a worse winter: the check sees the rows and both answers."""
    with_checks(tmp_path, monkeypatch)
    check, truth = "seasons:no_season_worse", [10.0, 10.0, 10.0, 10.0]
    assert said(check, [10, 11, 10, 10], [15, 15, 15, 12], truth) == "no objection"
    worse = said(check, [13, 10, 10, 10], [12, 19, 19, 19], truth)
    assert worse == "quarter 1: mean error 2 → 3"


def test_predictions_must_be_calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean of each fifth is held against the truth."""
    with_checks(tmp_path, monkeypatch)
    check, truth = "calibration:is_calibrated", [10.0, 20.0, 30.0, 40.0, 50.0]
    assert said(check, [11, 21, 29, 41, 49], truth, truth) == "no objection"
    high = said(check, [11, 21, 29, 41, 80], truth, truth)
    assert high == "predicts 80 on average where 50 is true"


def test_mistakes_must_not_cost_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two false alarms are cheaper than a missed tumour."""
    with_checks(tmp_path, monkeypatch)
    check, truth = "cost:costs_no_more", [1, 0, 0, 0]
    assert said(check, [1, 1, 1, 0], [0, 0, 0, 0], truth) == "no objection"
    dear = said(check, [0, 0, 0, 0], [1, 1, 1, 0], truth)
    assert dear == "mistakes cost 500, 40 with the version in the stage"


@pytest.mark.xdist_group("farm")
def test_gates_are_tried_on_real_versions(farm: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """All stages with gates, against what each holds; the checks get rows and answers of both."""
    with_checks(farm.folder, monkeypatch)
    farm.write(GATED)
    for name, number in (("staging", "1"), ("production", "1")):
        farm.client.set_registered_model_alias(WIND, name, number)
    ran = farm.ok("gates", "try", WIND, "2", "--format", "markdown")
    assert "Staging, against version 1" in ran.out
    assert "Production, against version 1" in ran.out
    assert ran.out.count("| passed |") == 3
    assert "no held-out rows" not in ran.out


def test_a_gate_that_fails_ends_with_3_and_nothing_is_written(team: Team) -> None:
    """The verdict and its numbers are shown; the other stage is judged too."""
    for error in (10.0, 12.0):
        team.version(metrics={"mae": error})
    team.stages(Production=1)
    team.ok("apply")
    gate = "[{metric: mae, max_regression: 2%}]"
    team.write(
        f"models: {{wind: {{gates: {{Staging: {gate}, Production: {gate}}}, "
        "stages: {Production: 1}}}"
    )
    before = team.aliases()
    ran = team.run("gates", "try", "wind", "2")
    assert ran.code == 3
    assert "Staging, which held nothing before" in ran.out
    assert "at most 10.2 (version 1 has 10)" in ran.out
    assert "wind version 2: 1 gate failed" in ran.err
    assert team.aliases() == before
    tried = team.run("gates", "try", "wind", "2", "--format", "json")
    check_form(tried.document)
    assert (tried.code, tried.document["refused"]) == (3, True)
    assert [
        (stage["stage"], stage["old"], [gate["result"] for gate in stage["gates"]])
        for stage in tried.document["stages"]
    ] == [("Staging", None, ["passed"]), ("Production", 1, ["failed"])]
    assert "no gate refuses" in team.ok("gates", "try", "wind", "2", "--stage", "staging").out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("wind", "9"), "wind has no version 9"),
        (("sun", "1"), "no model 'sun'"),
        (("wind", "1"), "models.yaml has no gates of wind for any stage; add some to try"),
        (("wind", "1", "--stage", "Staging"), "has no gates of wind for stage Staging"),
        (("wind", "1", "--stage", "Stagin"), "did you mean 'Staging'?"),
    ],
)
def test_what_cannot_be_tried_is_said(
    team: Team, arguments: tuple[str, ...], expected: str
) -> None:
    """A wrong name is a wrong command line."""
    team.version()
    team.stages(Production=1)
    ran = team.run("gates", "try", *arguments)
    assert ran.code == 64
    assert expected in ran.err
