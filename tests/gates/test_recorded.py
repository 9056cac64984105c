"""Gates on data sets and tags, and gates that only warn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag

from mlgitops.core import gate as gating
from mlgitops.core.version import DatasetUse, Version
from tests.gates.cases import case, gates

if TYPE_CHECKING:
    from tests.team import Team

GATED = "models: {{wind: {{gates: {{Production: [{gate}]}}, stages: {{Production: {version}}}}}}}"


def evaluated(team: Team, *used: tuple[str, str, str]) -> int:
    """Register a version whose run used data sets: context, name, digest."""
    number = team.version()
    run_id = str(team.client.get_model_version("wind", str(number)).run_id)
    inputs = [
        DatasetInput(
            Dataset(name=name, digest=digest, source_type="local", source="{}"),
            tags=[InputTag("mlflow.data.context", context)],
        )
        for context, name, digest in used
    ]
    team.client.log_inputs(run_id, inputs)
    return number


def test_versions_are_compared_on_the_same_data(team: Team) -> None:
    """Name and digest must be those that the present version was evaluated on."""
    for digest in ("aaaa", "aaaa", "bbbb"):
        evaluated(team, ("train", "days", "cccc"), ("test", "days", digest))

    def verdict(version: int) -> dict[str, str]:
        team.write(GATED.format(gate="{same_dataset: true}", version=version))
        ran = team.run("plan", "--format", "json")
        (found,) = ran.document["changes"][0]["gates"]
        assert ran.code == (0 if found["result"] == "passed" else 3)
        assert found.pop("rule") == "same_dataset test"
        return dict(found)

    assert verdict(1) == {
        "result": "passed",
        "expected": "recorded; the stage is empty, so there is nothing to compare with",
        "actual": "days (digest aaaa)",
    }
    team.ok("apply")
    same = "days (digest aaaa), as version 1"
    assert verdict(2) == {"result": "passed", "expected": same, "actual": "days (digest aaaa)"}
    assert verdict(3) == {"result": "failed", "expected": same, "actual": "days (digest bbbb)"}


TEST_A, TEST_B = ("test", "days", "aaaa"), ("test", "days", "bbbb")
TRAIN_A, OTHER_A = ("train", "days", "aaaa"), ("test", "nights", "aaaa")
SAME = "days (digest aaaa), as version 1"


@pytest.mark.parametrize(
    ("context", "old", "new", "expected", "actual", "passes"),
    [
        ("test", [TEST_A], [TRAIN_A, TEST_A], SAME, "days (digest aaaa)", True),
        ("train", [TRAIN_A], [TRAIN_A], SAME, "days (digest aaaa)", True),
        ("test", [TEST_A], [OTHER_A], SAME, "nights (digest aaaa)", False),
        ("test", [TEST_A], [TEST_A, TEST_B], SAME, "days (digest aaaa), days (digest bbbb)", False),
        ("test", [TEST_A], [TRAIN_A], SAME, "not recorded", False),
        ("test", [TRAIN_A], [TEST_A], "version 1 has no test data set to compare with",
         "days (digest aaaa)", False),
        ("test", [TRAIN_A], [TRAIN_A], "version 1 has no test data set to compare with",
         "not recorded", False),
        ("test", None, [TRAIN_A],
         "recorded; the stage is empty, so there is nothing to compare with",
         "not recorded", False),
    ],
)  # fmt: skip
def test_all_data_of_a_context_count(
    context: str,
    old: list[tuple[str, str, str]] | None,
    new: list[tuple[str, str, str]],
    expected: str,
    actual: str,
    passes: bool,
) -> None:
    """More, fewer or other data of the context are not the same; what is unrecorded fails."""

    def version(number: int, used: list[tuple[str, str, str]]) -> Version:
        uses = (DatasetUse(context=kind, name=name, digest=digest) for kind, name, digest in used)
        return Version(number=number, status="READY", datasets=tuple(uses))

    looked_at = replace(case(), new=version(2, new), old=version(1, old) if old else None)
    (verdict,) = gating.judge(gates(f"{{same_dataset: {context}}}"), looked_at)
    assert (expected, actual) == (verdict.expected, verdict.actual)
    assert passes == (verdict.result is gating.Result.PASSED)


def test_a_tag_of_the_version(team: Team) -> None:
    """It must be there, and of the very value where one is asked for."""
    team.versions(1)
    team.client.set_model_version_tag("wind", "1", "risk", "Low")
    wanted = ["{requires_tag: risk}", "{requires_tag: risk, value: Low}",
              "{requires_tag: risk, value: low}", "{requires_tag: approved}"]  # fmt: skip
    team.write(GATED.format(gate=", ".join(wanted), version=1))

    ran = team.run("plan", "--format", "json")

    assert ran.code == 3
    assert [tuple(gate.values()) for gate in ran.document["changes"][0]["gates"]] == [
        ("requires_tag risk", "passed", "any value", "'Low'"),
        ("requires_tag risk value Low", "passed", "'Low'", "'Low'"),
        ("requires_tag risk value low", "failed", "'low'", "'Low'"),
        ("requires_tag approved", "failed", "any value", "no such tag"),
    ]


def test_a_gate_that_warns_refuses_nothing(team: Team) -> None:
    """Its failure is shown in every format, and the plan is applied."""
    team.version(metrics={"r2": 0.5})
    gates = "{metric: r2, min: 0.9, mode: warn}, {metric: r2, min: 0.4, mode: warn}"
    team.write(GATED.format(gate=gates, version=1))

    assert "warned  r2 min 0.9  at least 0.9  0.5" in team.ok("plan").out
    assert "1 warned, 1 passed" in team.ok("plan", "--format", "markdown").out
    document = team.ok("plan", "--format", "json").document
    assert [gate["result"] for gate in document["changes"][0]["gates"]] == ["warned", "passed"]
    assert document["refused"] is False
    team.ok("apply")
    assert team.aliases() == {"production": 1}


def test_a_refusal_names_the_gate_that_refuses(team: Team) -> None:
    """Where one gate warns and a later one refuses, the reason is the one that refuses."""
    team.version(metrics={"r2": 0.5})
    gates = "{metric: r2, min: 0.9, mode: warn}, {metric: r2, min: 0.8}"
    team.write(GATED.format(gate=gates, version=1))
    ran = team.run("apply")
    assert ran.code == 3
    assert "failed  r2 min 0.8  at least 0.8  0.5" in ran.out
    assert "\nRefused by 1 gate.\n" in ran.out
    assert ran.out.endswith("\nNothing was applied: 0 of 1 change went through, 1 refused.\n")


def test_a_gate_that_warns_is_not_waived(team: Team) -> None:
    """In a rollback a gate that would refuse is waived; one that warns has nothing to waive."""
    team.version(metrics={"r2": 0.5})
    team.version(metrics={"r2": 0.6})
    for version in (1, 2):
        team.stages(Production=version)
        team.ok("apply")
    gates = "{metric: r2, min: 0.9, mode: warn}, {metric: r2, min: 0.9}"
    team.write(GATED.format(gate=gates, version=1))
    (change,) = team.ok("plan", "--format", "json").document["changes"]
    assert [gate["result"] for gate in change["gates"]] == ["warned", "waived"]
