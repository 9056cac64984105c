"""What people and programs are shown: the same facts in text, Markdown and JSON."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

import pytest

from mlgitops.core.apply import Outcome, Status
from mlgitops.core.metrics import Difference, differences
from mlgitops.report import wording
from mlgitops.report.markdown import escaped
from mlgitops.system.ports import free_port
from tests.report import made

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Team


METRICS = (
    "| metric | old | new | difference |  |\n"
    "| --- | --- | --- | --- | --- |\n"
    "| test\\_mae | 361 | 160 | -201 (-55.7%) | better |\n"
    "| test\\_r2 | 0.92 | 0.98 | +0.06 (+6.5%) | better |\n"
)


@pytest.fixture
def promoting(team: Team) -> Team:
    """A team that is about to replace version 1 by a better one."""
    team.version(
        metrics={"test_mae": 361.0, "test_r2": 0.92, "training_score": 0.9},
        params={"estimator": "linear", "tol": "1e-6"},
    )
    team.version(
        metrics={"test_mae": 160.0, "test_r2": 0.98, "training_score": 1.0},
        params={"estimator": "boosting", "max_iter": "200"},
    )
    team.stages(Production=1)
    team.ok("apply", "--actor", "ada", "--commit", "abc")
    team.write(
        """
        models:
          wind:
            gates: {Production: [{metric: test_mae, max_regression: 2%}]}
            stages: {Production: 2}
        """
    )
    return team


def test_a_plan_in_text(promoting: Team) -> None:
    """What changes, the gates, the metrics and the parameters, in aligned columns."""
    lines = [line.rstrip() for line in promoting.ok("plan", "--quick").out.splitlines()]
    assert lines == [
        "wind",
        "  ~ Production: 1 → 2  (models.yaml:5, way back: version 1)",
        "      gate    rule                        expected                         actual",
        "      passed  test_mae max_regression 2%  at most 368 (version 1 has 361)  160",
        "      metric    old   new   difference",
        "      test_mae  361   160   -201 (-55.7%)  better",
        "      test_r2   0.92  0.98  +0.06 (+6.5%)  better",
        "      parameter                old     new",
        "      estimator                linear  boosting",
        "      (2 in only one version)",
        "",
        "Plan: 1 change in 1 model; 1 stage managed.",
    ]


def test_a_plan_of_many_changes_in_text(team: Team) -> None:
    """A line for each, the gates that do not pass, and where the evidence is."""
    models = [f"m{number:02}" for number in range(21)]
    gates = "gates: {Production: [{metric: r2, min: 0.8}]}"
    for model in models:
        team.version(model=model, metrics={"r2": 0.7 if model == "m20" else 0.9})
    lines = [f"  {model}: {{{gates}, stages: {{Production: 1}}}}" for model in models]
    team.write("models:\n" + "\n".join(lines) + "\n")
    ran = team.run("plan", "--allow", "many-changes")
    found = ran.out.splitlines()
    assert ran.code == 3
    way_back = "way back: none, it is the first"
    assert found[:3] == ["m00", f"  + Production: empty → 1  (models.yaml:2, {way_back})", ""]
    assert found[60] == "m20"
    assert found[63].split() == ["failed", "r2", "min", "0.8", "at", "least", "0.8", "0.7"]
    assert "`--report plan.html`" in found[65]
    assert found[-2:] == ["Plan: 21 changes in 21 models; 21 stages managed.", "Refused by 1 gate."]


def test_a_plan_in_markdown(promoting: Team) -> None:
    """First the verdicts and the metrics that they rest on; all others are there, folded."""
    headline, origin, rest = promoting.ok("plan", "--quick", "--format", "markdown").out.split(
        "\n\n", maxsplit=2
    )
    assert headline == "**Plan: 1 change in 1 model; 1 stage managed.**"
    assert re.fullmatch(
        r"registry \S.* · made \d{4}-\d\d-\d\d \d\d:\d\d UTC · mlgitops \S+ · MLflow \S+", origin
    )
    assert rest == (
        "|  | model | stage | version | gates | remarks |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| \\~ | wind | Production | 1 → 2 | 1 passed | way back: version 1 |\n\n"
        "### wind Production: 1 → 2\n\n"
        "| gate | result | expected | actual |\n"
        "| --- | --- | --- | --- |\n"
        "| test\\_mae max\\_regression 2% | passed | at most 368 (version 1 has 361) | 160 |\n\n"
        f"{METRICS}\n"
        "<details><summary>wind Production: 1 → 2 · 1 passed</summary>\n\n"
        f"{METRICS}\n"
        "<details><summary>metric: 1 more</summary>\n\n"
        "| metric | old | new | difference |  |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| training\\_score | 0.9 | 1 | +0.1 (+11.1%) | better |\n\n"
        "</details>\n\n"
        "| parameter | old | new |\n"
        "| --- | --- | --- |\n"
        "| estimator | linear | boosting |\n\n"
        "<details><summary>parameter: 2 more</summary>\n\n"
        "| parameter | old | new |\n"
        "| --- | --- | --- |\n"
        "| max\\_iter | – | 200 |\n"
        "| tol | 1e-6 | – |\n\n"
        "</details>\n\n"
        "</details>\n"
    )


def test_the_report_of_an_apply_begins_with_what_became_of_it(promoting: Team) -> None:
    """What was applied; why nothing could be; and of an apply in part, what is left to do."""
    report = promoting.folder / "apply.md"
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert promoting.run("apply", "--report", "apply.md", "--registry", nowhere).code == 1
    first, second, *_ = report.read_text().split("\n\n")
    assert first == "Error: nothing was applied:"
    assert nowhere.removeprefix("http:") in second
    promoting.ok("apply", "--report", "apply.md")
    assert report.read_text().startswith("**Applied: 1 change.**\n\n**Plan: 1 change in 1 model;")
    change = made.two_changes().exhibits[0].change
    done = [Outcome(change=change, status=status) for status in (Status.APPLIED, Status.FAILED)]
    assert wording.applied(done) == (
        "Applied in part: 1 of 2 changes went through; apply again, it does the rest."
    )
    assert wording.applied(done[1:]).startswith("Nothing was applied: 0 of 1 change went through;")


def test_a_plan_in_json(promoting: Team) -> None:
    """Everything, with numbers as numbers, and who moved the stage last."""
    document = promoting.ok("plan", "--format", "json").document
    (change,) = document["changes"]
    assert (document["version"], document["kind"], document["refused"]) == (1, "plan", False)
    assert (
        change["action"], change["old"], change["new"], change["line"],
    ) == ("replace", 1, 2, 5)  # fmt: skip
    assert (change["last_move"]["actor"], change["last_move"]["commit"]) == ("ada", "abc")
    mae = next(m for m in change["metrics"] if m["name"] == "test_mae")
    assert (
        mae["old"], mae["new"], mae["difference"], mae["verdict"],
    ) == (361.0, 160.0, -201.0, "better")  # fmt: skip
    assert change["runs"]["old"] != change["runs"]["new"]


def test_a_direction_that_a_gate_declares(promoting: Team) -> None:
    """A metric whose name tells nothing is better or worse as a gate of the stage says."""
    for version, value in (("1", 1.0), ("2", 2.0)):
        run = promoting.client.get_model_version("wind", version).run_id
        assert run is not None
        promoting.client.log_metric(run, "revenue", value)
    for way, expected in (("higher", "better"), ("lower", "worse")):
        promoting.write(
            f"models: {{wind: {{gates: {{Production: [{{metric: revenue, min: 0, better: {way}}}]}}"
            ", stages: {Production: 2}}}"
        )
        (change,) = promoting.ok("plan", "--quick", "--format", "json").document["changes"]
        assert {m["name"]: m["verdict"] for m in change["metrics"]}["revenue"] == expected


def test_directions_that_a_model_declares_count_everywhere(promoting: Team) -> None:
    """In plans, gates and comparisons; without them, a metric of one's own has no verdict."""
    for version, value in (("1", 1.0), ("2", 2.0)):
        run = promoting.client.get_model_version("wind", version).run_id
        assert run is not None
        promoting.client.log_metric(run, "test_ramp_error", value)
    gates = "gates: {Production: [{metric: test_ramp_error, max_regression: 2%}]}"
    for metrics, verdict, code in (
        ("metrics: {ramp_error: lower}, " + gates, "worse", 3),
        ("metrics: {ramp_error: higher}, " + gates, "better", 0),
        ("metrics: {}", None, 0),
    ):
        promoting.write(f"version: 2\nmodels: {{wind: {{{metrics}, stages: {{Production: 2}}}}}}")
        ran = promoting.run("plan", "--quick", "--format", "json")
        compared = promoting.ok("compare", "wind", "1", "2", "--quick", "--format", "json")
        assert ran.code == code
        for found in (ran.document["changes"][0], compared.document):
            assert {m["name"]: m["verdict"] for m in found["metrics"]}["test_ramp_error"] == verdict


def test_units_that_a_model_declares_are_shown(promoting: Team, tmp_path: Path) -> None:
    """Beside the metric's name in plans, comparisons, pages and cards; JSON has them apart."""
    promoting.write(
        "version: 2\nmodels: {wind: {metrics: {mae: {unit: kW}}, stages: {Production: 2}}}"
    )
    page = tmp_path / "plan.html"
    compared = ("compare", "wind", "1", "2", "--quick")
    for found in (
        promoting.ok("plan", "--quick", "--report", str(page)).out,
        page.read_text(),
        promoting.ok(*compared).out,
        promoting.ok("card", "wind", "2").out.replace("\\", ""),
        promoting.ok("plan", "--quick", "--format", "markdown").out.replace("\\", ""),
    ):
        assert "test_mae (kW)" in found
        assert "test_r2 (" not in found
    (change,) = promoting.ok("plan", "--quick", "--format", "json").document["changes"]
    document = promoting.ok(*compared, "--format", "json").document
    assert change["comparison"]["units"] == document["units"] == {"mae": "kW"}
    assert "test_mae" in {metric["name"] for metric in change["metrics"]}


def test_gates_tell_their_values_with_the_unit(promoting: Team) -> None:
    """Bounds, what was found, and what the other version has; a percentage is none."""
    promoting.write(
        "version: 2\nmodels: {wind: {metrics: {mae: {unit: kW}}, gates: {Production: ["
        "{metric: test_mae, max: 0.01}, {metric: test_mae, max_regression: 0}, "
        "{metric: test_r2, min: 1}]}, stages: {Production: 2}}}"
    )
    (change,) = promoting.run("plan", "--format", "json").document["changes"]
    worst, regression, other = change["gates"]
    assert worst["expected"] == "at most 0.01 kW"
    assert worst["actual"].endswith(" kW")
    assert regression["expected"].startswith("at most ")
    assert " kW (version 1 has " in regression["expected"]
    assert "kW" not in other["expected"] + other["actual"]


def test_a_refusal_is_the_first_line_of_markdown(promoting: Team) -> None:
    """A check that fails says why where GitHub shows it; values and the next step come once."""
    promoting.write(
        "models: {wind: {gates: {Production: [{metric: test_r2, min: 1}]}, "
        "stages: {Production: 2}}}"
    )
    ran = promoting.run("plan", "--format", "markdown")
    assert ran.code == 3
    lines = ran.out.splitlines()
    assert lines[0] == "Refused: wind Production → 2: test\\_r2 min 1"
    told = lines.index("### wind Production: 1 → 2")
    assert lines[told + 1].startswith("models.yaml:1:")
    assert lines[told + 1].endswith(": choose a version that meets the gate, or change the gate")
    assert ran.out.count("at least 1") == 1


def test_an_apply_in_every_format(promoting: Team) -> None:
    """The outcome of each change; a second apply has none."""
    done = promoting.ok("apply", "--format", "markdown").out
    assert "| wind | Production | 1 → 2 | applied |  |" in done
    assert promoting.ok("apply", "--format", "json").document["outcomes"] == []
    assert "No changes: 1 stage as declared." in promoting.ok("apply").out
    assert "No changes" in promoting.ok("apply", "--format", "markdown").out


def test_status_in_every_format(promoting: Team) -> None:
    """Who and when, in each; a stage that waits for an apply is pending."""
    assert "pending  ada" in promoting.ok("status").out
    assert (
        "| wind | Production | 2 | 1 | pending | ada |"
        in promoting.ok("status", "--format", "markdown").out
    )
    (stage,) = promoting.ok("status", "--format", "json").document["stages"]
    assert (
        stage["state"], stage["stamp"]["actor"], stage["stamp"]["pull_request"],
    ) == ("pending", "ada", None)  # fmt: skip


def test_a_stage_that_left_the_file(promoting: Team) -> None:
    """The plan empties it and says why; the status does too."""
    promoting.stages()
    assert "- Production: 1 → empty" in promoting.run("plan").out
    assert "no longer in models.yaml" in promoting.ok("status").out
    promoting.write("models: {}\n")
    assert "no longer in models.yaml" in promoting.run("plan").out


def test_numbers_that_json_has_no_word_for(team: Team) -> None:
    """NaN is text, so that every parser can read the document."""
    team.version(metrics={"loss": math.nan})
    team.stages(Production=1)
    out = team.ok("plan", "--format", "json").out
    assert '"new": "nan"' in out
    json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_hostile_text_can_not_become_markup() -> None:
    """Markdown, HTML, mentions and line breaks show as they are."""
    said = "\\@&#8203;all \\<b\\> \\| \\[x\\](y) \\`c\\`"
    assert escaped("@all\n<b> | [x](y) `c`") == said


def test_differences_of_metrics() -> None:
    """Absolute and relative; nothing is made up where a value is missing or zero."""
    (test, other) = differences({"loss": 0.0}, {"loss": 1.0, "test_r2": 0.5})
    assert (
        test.metric, test.absolute, test.relative, test.verdict,
    ) == ("test_r2", None, None, "")  # fmt: skip
    assert (other.absolute, other.relative, other.verdict) == (1.0, None, "worse")
    assert Difference(metric="r2", old=1.0, new=1.0, better="higher").verdict == "same"
    assert Difference(metric="r2", old=math.nan, new=1.0, better="higher").verdict == ""
    assert Difference(metric="r2", old=0.0, new=1.0).verdict == ""
