"""Gates: what a version must meet to enter a stage, and what they say when it does not."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest

from mlgitops.core import gate as gating
from mlgitops.core.gate import Result
from mlgitops.core.signature import Column, Signature, breaking
from tests.gates.cases import case, gates

if TYPE_CHECKING:
    from tests.team import Team

GATED = """
models:
  wind:
    gates:
      Production:
        - {gate}
    stages: {{Production: {version}}}
"""


def gated(team: Team, gate: str, version: int) -> None:
    """Write a models.yaml with one gate on Production."""
    team.write(GATED.format(gate=gate, version=version))


@pytest.mark.parametrize(
    ("gate", "metrics", "code", "actual"),
    [
        ("{metric: r2, min: 0.9}", {"r2": 0.9}, 0, "0.9"),
        ("{metric: r2, min: 0.9}", {"r2": 0.89}, 3, "0.89"),
        ("{metric: mae, max: 10}", {"mae": 10.0}, 0, "10"),
        ("{metric: mae, max: 10}", {"mae": 10.5}, 3, "10.5"),
        ("{metric: r2, min: 0.9}", {}, 3, "not recorded"),
        ("{metric: r2, min: 0.9}", {"r2": math.nan}, 3, "nan"),
        ("{metric: mae, max: 10}", {"mae": -math.inf}, 3, "-1.8e+308"),
        ("{metric: mae, max_regression: 2%}", {"mae": 99.0}, 0, "99"),
        ("{metric: mae, max_regression: 2%}", {}, 3, "not recorded"),
        ("{metric: maee, max: 10}", {"mae": 1.0}, 3, "not recorded; did you mean 'mae'?"),
    ],
)
def test_bounds_on_the_first_version(
    team: Team, gate: str, metrics: dict[str, float], code: int, actual: str
) -> None:
    """A bound holds at its very value; what is missing or not finite fails."""
    team.version(metrics=metrics)
    gated(team, gate, 1)

    ran = team.run("plan", "--format", "json")

    assert code == ran.code
    (verdict,) = ran.document["changes"][0]["gates"]
    assert ("passed" if code == 0 else "failed", actual) == (verdict["result"], verdict["actual"])


@pytest.mark.parametrize(
    ("gate", "old", "new", "code"),
    [
        ("{metric: mae, max_regression: 2%}", 100.0, 102.0, 0),
        ("{metric: mae, max_regression: 2%}", 100.0, 102.1, 3),
        ("{metric: mae, max_regression: 2%}", 100.0, 50.0, 0),
        ("{metric: mae, max_regression: 5}", 100.0, 105.0, 0),
        ("{metric: mae, max_regression: 5}", 100.0, 105.1, 3),
        ("{metric: r2, max_regression: 10%}", 0.5, 0.45, 0),
        ("{metric: r2, max_regression: 10%}", 0.5, 0.44, 3),
        ("{metric: r2, max_regression: 10%}", -0.5, -0.55, 0),
        ("{metric: r2, max_regression: 10%}", -0.5, -0.56, 3),
        ("{metric: profit, max_regression: 0, better: higher}", 7.0, 7.0, 0),
        ("{metric: profit, max_regression: 0, better: higher}", 7.0, 6.9, 3),
        ("{metric: neg_mean_absolute_error, max_regression: 2%}", -1.0, -3.0, 3),
        ("{metric: neg_mean_absolute_error, max_regression: 2%}", -3.0, -1.0, 0),
        ("{metric: mae, max_regression: 2%}", None, 1.0, 3),
        ("{metric: mae, max_regression: 2%}", math.nan, 1.0, 3),
    ],
)
def test_regression_against_the_version_in_the_stage(
    team: Team, gate: str, old: float | None, new: float, code: int
) -> None:
    """Better is always well; worse up to the limit, in the direction that the metric has."""
    name = gate.split(":")[1].split(",", maxsplit=1)[0].strip()
    team.version(metrics={} if old is None else {name: old})
    team.version(metrics={name: new})
    team.stages(Production=1)
    team.ok("apply")

    gated(team, gate, 2)
    ran = team.run("plan", "--format", "json")
    (verdict,) = ran.document["changes"][0]["gates"]
    assert (ran.code, verdict["result"]) == (code, "failed" if code else "passed")
    assert verdict["rule"].startswith(f"{name} max_regression")


def test_a_refused_plan_is_shown_and_changes_nothing(team: Team) -> None:
    """Expected, actual and rule are printed; the exit code is 3; the registry is untouched."""
    team.version(metrics={"test_r2": 0.95})
    team.version(metrics={"test_r2": 0.5})
    team.stages(Production=1)
    team.ok("apply")
    gated(team, "{metric: test_r2, min: 0.9}", 2)

    ran = team.run("apply")

    assert ran.code == 3
    assert "test_r2 min 0.9: expected: at least 0.9; actual: 0.5" in ran.out
    assert "a gate refused wind Production 1 → 2: test_r2 min 0.9: expected: at" in ran.err
    assert "error: nothing was changed" in ran.err
    assert team.aliases() == {"production": 1}
    assert team.tag(2, "Production") is None


def test_one_refused_change_holds_back_no_other(team: Team) -> None:
    """The other model's is applied; a code of its own says that some were refused."""
    team.version("solar")
    team.version("wind", metrics={"r2": 0.1})
    team.write(
        """
        models:
          solar: {stages: {Production: 1}}
          wind: {gates: {Production: [{metric: r2, min: 0.9}]}, stages: {Production: 1}}
        """
    )
    ran = team.run("apply", "--format", "json")
    assert ran.code == 8
    assert [(o["model"], o["status"]) for o in ran.document["outcomes"]] == [
        ("solar", "applied"),
        ("wind", "refused"),
    ]
    assert (
        ran.document["outcomes"][1]["reason"] == "r2 min 0.9: expected: at least 0.9; actual: 0.1"
    )
    assert (team.aliases("solar"), team.aliases()) == ({"production": 1}, {})


def test_status_says_what_the_last_apply_refused(team: Team) -> None:
    """As long as the same version is asked for; not what a soak waits for, which it says anyway."""
    for r2 in (0.1, 0.2):
        team.version("wind", metrics={"r2": r2})
    text = """
        models:
          wind:
            gates: {Production: [{metric: r2, min: 0.9}, {promoted_from: Staging, soak: 24h}]}
            stages: {Staging: 1, Production: %s}
        """
    team.write(text % "null")
    team.ok("apply")
    team.write(text % 1)

    def note() -> str:
        stages = team.ok("status", "--format", "json").document["stages"]
        (found,) = [one["note"] for one in stages if one["stage"] == "Production"]
        return str(found)

    assert "refused" not in note()
    assert team.run("apply").code == 3
    why = "r2 min 0.9: expected: at least 0.9; actual: 0.1"
    said = r"version 1 soaks in Staging until .* UTC; refused at 20.{14} UTC: "
    assert re.fullmatch(said + re.escape(why), note())
    team.write(text % 2)
    assert "refused" not in note()


def test_promotion_order(team: Team) -> None:
    """A version enters Production only from Staging: it is there, or was there before."""
    team.versions(3)
    gate = "{promoted_from: Staging}"
    team.stages(Staging=2, Production=1)
    team.ok("apply")

    gated(team, gate, 3)
    ran = team.run("plan")
    assert ran.code == 3
    assert "it was never in Staging" in ran.out

    gated(team, gate, 2)
    assert "it is in Staging" in team.ok("plan").out

    team.stages(Staging=3, Production=1)
    team.ok("apply")
    gated(team, gate, 2)
    assert "it was in Staging at 20" in team.ok("plan").out


def test_a_stage_moved_by_hand_does_not_count(team: Team) -> None:
    """The plan that heals Staging does not let through what was put there by hand."""
    team.versions(2)
    team.stages(Staging=1)
    team.ok("apply")
    team.client.set_registered_model_alias("wind", "staging", "2")
    team.write(
        """
        models:
          wind:
            gates: {Production: [{promoted_from: Staging}]}
            stages: {Staging: 1, Production: 2}
        """
    )
    ran = team.run("apply")
    assert ran.code == 8
    assert "it was never in Staging" in ran.out
    assert team.aliases() == {"staging": 1}


def test_promotion_order_on_a_registry_that_has_no_history(team: Team) -> None:
    """Where no version was ever in a stage, the first one cannot have been promoted."""
    team.versions(1)
    gated(team, "{promoted_from: Staging}", 1)
    assert "no version of this model was ever in any stage" in team.ok("plan").out


def test_a_rollback_is_measured_but_not_refused(team: Team) -> None:
    """Going back to a version that held the stage before works although it is worse."""
    team.version(metrics={"test_mae": 361.0})
    team.version(metrics={"test_mae": 160.0})
    gate = "{metric: test_mae, max_regression: 2%}"
    for version in (1, 2):
        gated(team, gate, version)
        team.ok("apply")

    gated(team, gate, 1)
    ran = team.ok("plan")
    assert "[rollback: this version was in the stage before" in ran.out
    assert "waived" in ran.out
    team.ok("apply")
    assert team.aliases() == {"production": 1}


def test_a_downgrade_to_a_version_that_never_held_the_stage_is_refused(team: Team) -> None:
    """The reverse of a promotion is no rollback where nothing is rolled back."""
    team.version(metrics={"test_mae": 361.0})
    team.version(metrics={"test_mae": 160.0})
    gate = "{metric: test_mae, max_regression: 2%}"
    gated(team, gate, 2)
    team.ok("apply")

    gated(team, gate, 1)
    ran = team.run("plan")
    assert ran.code == 3
    assert "[downgrade;" in ran.out


def test_a_version_that_was_put_there_by_hand_has_no_privilege(team: Team) -> None:
    """To return to it, once the drift is corrected, is no rollback: it never met the gates."""
    team.version(metrics={"test_mae": 361.0})
    team.version(metrics={"test_mae": 160.0})
    gate = "{metric: test_mae, max_regression: 2%}"
    gated(team, gate, 2)
    team.ok("apply")
    team.client.set_registered_model_alias("wind", "production", "1")
    team.ok("apply")

    gated(team, gate, 1)
    ran = team.run("plan")
    assert ran.code == 3
    assert "[downgrade;" in ran.out


def test_entering_again_after_a_rollback_meets_the_gates_anew(team: Team) -> None:
    """A version that was taken out of Production has no privilege there."""
    team.version(metrics={"r2": 0.95})
    team.version(metrics={"r2": 0.5})
    for version in (1, 2, 1):
        team.stages(Production=version)
        team.ok("apply")
    gated(team, "{metric: r2, min: 0.9}", 2)
    ran = team.run("plan")
    assert ran.code == 3
    assert "a gate refused wind Production 1 → 2" in ran.err


def test_healing_is_not_refused_by_a_gate(team: Team) -> None:
    """A stage that was moved by hand goes back to its version, even to a worse one."""
    team.version(metrics={"mae": 10.0})
    team.version(metrics={"mae": 1.0})
    gate = "{metric: mae, max_regression: 2%}"
    gated(team, gate, 1)
    team.ok("apply")
    team.client.set_registered_model_alias("wind", "production", "2")
    assert "corrects drift" in team.ok("apply").out
    assert team.aliases() == {"production": 1}


def columns(**types: str) -> tuple[Column, ...]:
    """Columns by name; a type that ends in `?` is optional."""
    return tuple(
        Column(name=name, type=kind.removesuffix("?"), required=not kind.endswith("?"))
        for name, kind in types.items()
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": "double"}, {"a": "double"}, ()),
        ({"a": "double", "b": "long"}, {"b": "long", "a": "double"}, ()),
        ({"a": "double"}, {"a": "double", "b": "long?"}, ()),
        ({"a": "integer"}, {"a": "long"}, ()),
        ({"a": "float"}, {"a": "double"}, ()),
        ({"a": "double"}, {"a": "double?"}, ()),
        ({"a": "double"}, {"a": "double", "b": "long"}, ("input b is new and required",)),
        ({"a": "double", "b": "long"}, {"a": "double"}, ("input b was removed",)),
        ({"a": "double"}, {"a": "string"}, ("input a was double and is string",)),
        ({"a": "long"}, {"a": "integer"}, ("input a was long and is integer",)),
        ({"a": "double?"}, {"a": "double"}, ("input a was optional and is required",)),
    ],
)
def test_what_breaks_callers(
    old: dict[str, str], new: dict[str, str], expected: tuple[str, ...]
) -> None:
    """Callers of the old signature must be able to call the new one with what they send now."""
    out = columns(y="double")
    before = Signature(inputs=columns(**old), outputs=out)
    assert expected == breaking(before, Signature(inputs=columns(**new), outputs=out))


def test_an_output_that_changes_breaks_callers() -> None:
    """Whoever reads the answer relies on its columns and types."""
    inputs = columns(a="double")
    old = Signature(inputs=inputs, outputs=columns(y="double", z="long"))
    new = Signature(inputs=inputs, outputs=columns(y="string"))
    assert breaking(old, new) == ("output y was double and is string", "output z was removed")


def test_a_version_without_a_signature_is_refused() -> None:
    """Nobody can say whether callers of the stage can call it."""
    (verdict,) = gating.judge(gates("{signature: compatible}"), case(2))
    assert (verdict.result, verdict.actual) == (Result.FAILED, "version 2 has no signature")


WIND = "power-forecasting-model"


@pytest.mark.xdist_group("farm")
def test_the_signatures_of_real_versions(farm: Team) -> None:
    """A version with all columns is compatible; one trained without some of them is refused."""
    gates = "gates: {Production: [{signature: compatible}]}"
    farm.write(f"models: {{{WIND}: {{{gates}, stages: {{Production: 1}}}}}}")
    assert "the stage is empty" in farm.ok("apply").out

    farm.write(f"models: {{{WIND}: {{{gates}, stages: {{Production: 2}}}}}}")
    assert farm.run("plan").code == 0

    farm.write(f"models: {{{WIND}: {{{gates}, stages: {{Production: 3}}}}}}")
    ran = farm.run("plan")
    assert ran.code == 3
    assert "input temperature_08 was removed; input wind_direction_08 was removed" in ran.out
