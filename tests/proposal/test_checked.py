"""What was measured of the same payloads is not measured again, and their models are not loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from mlgitops.core.measured import Measured, Subject, known
from mlgitops.proposal import checkedfile, planfile
from mlgitops.registry.digest import of_folder
from tests.gates.cases import gates
from tests.review.test_compare import register

if TYPE_CHECKING:
    from tests.team import Team

WIND = "power-forecasting-model"
MEASURED = Measured(
    of=Subject(
        model="other",
        alias="production",
        old=None,
        new=1,
        old_digest=None,
        new_digest="sha256:" + "0" * 64,
    ),
    rule="max_latency 1s",
    passed=True,
    expected="at most 1s",
    actual="3 ms",
    pull_request="12",
)


def asking(team: Team, model: str, gate: str) -> None:
    """Version 1 is to enter Production, by a gate."""
    team.write(
        f"models: {{{model}: {{gates: {{Production: [{gate}]}}, stages: {{Production: 1}}}}}}"
    )


def said(team: Team, *arguments: str) -> Any:
    """What the one gate says of the one change in a quick plan."""
    checked = ("--checked", "checked.json")
    ran = team.run("plan", "--quick", "--format", "json", *checked, *arguments)
    ((found,),) = (change["gates"] for change in ran.document["changes"])
    return found["result"], found["actual"]


@pytest.mark.xdist_group("farm")
def test_a_verdict_of_a_check_is_taken_for_the_same_payloads(farm: Team) -> None:
    """What `plan --out` keeps passes as it did there, and the report says who measured it."""
    asking(farm, WIND, "{max_latency: 300s, mode: warn}")
    farm.ok("plan", "--quick", "--out", "plan.json")
    kept = planfile.measured_in((farm.folder / "plan.json").read_bytes(), "plan.json")
    assert [(one.rule, one.passed) for one in kept] == [("max_latency 300s", True)]
    of_check = [replace(one, pull_request="12", actual="2 ms") for one in kept]
    checkedfile.write(farm.folder / "checked.json", of_check)

    ran = farm.ok("apply", "--checked", "checked.json", "--format", "json")

    (change,) = ran.document["changes"]
    actual = "2 ms (measured by the check of pull request #12)"
    assert [gate["actual"] for gate in change["gates"]] == [actual]
    assert farm.aliases(WIND) == {"production": 1}


@pytest.mark.xdist_group("farm")
def test_a_model_is_loaded_only_without_a_verdict(farm: Team) -> None:
    """One that fails as soon as it predicts: with a verdict on its digest, nothing notices."""
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    register(farm, LinearRegression(), frame)  # never fitted
    asking(farm, "other", "{max_latency: 1s}")
    digest = of_folder(farm.payload(1, "other"))
    checked = farm.folder / "checked.json"
    checkedfile.write(checked, [replace(MEASURED, of=replace(MEASURED.of, new_digest=digest))])
    assert said(farm, "--out", "plan.json") == (
        "passed",
        "3 ms (measured by the check of pull request #12)",
    )
    assert json.loads((farm.folder / "plan.json").read_text())["measured"] == []
    checkedfile.write(checked, [MEASURED])  # of another payload
    result, actual = said(farm)
    assert result == "failed"
    assert "cannot run version 1 on this machine: NotFittedError" in actual


OTHERS = [
    {"model": "wind"},
    {"alias": "staging"},
    {"old": 3},
    {"new": 2},
    {"old_digest": "sha256:1"},
    {"new_digest": "sha256:1"},
    {"engine": "0.0.1"},
]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: next(iter(other)))
def test_a_verdict_on_anything_else_is_none(other: dict[str, Any]) -> None:
    """The model, the stage, both versions and payloads, and the engine must be the same."""
    asked = gates("{max_latency: 1s}")
    assert known(MEASURED.of, asked, [MEASURED]) == {MEASURED.rule: MEASURED.verdict}
    assert known(replace(MEASURED.of, **other), asked, [MEASURED]) == {}


@pytest.mark.parametrize(
    "texts", [["{max_latency: 2s}"], ["{max_latency: 1s}", "{python: 'mlgitops:check'}"]]
)
def test_a_gate_without_a_verdict_needs_the_model(texts: list[str]) -> None:
    """Another rule is measured; a model that is loaded for one gate is asked for all."""
    assert known(MEASURED.of, gates(*texts), [MEASURED]) == {}


def test_a_file_of_verdicts_that_is_none(team: Team) -> None:
    """It is named; what it should be is too."""
    team.stages(Production=1)
    assert "cannot read checked.json: " in team.run("plan", "--checked", "checked.json").err
    (team.folder / "checked.json").write_text("{}")
    ran = team.run("apply", "--checked", "checked.json")
    assert ran.code == 1
    assert "`mlgitops github verdicts` writes it" in ran.err
