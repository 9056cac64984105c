"""A team's own checks: functions beside models.yaml that judge a change."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from mlgitops.core import gate as gating
from mlgitops.core.gate import Result, Verdict
from tests.gates.cases import case, gates

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.team import Team

GATE = "{python: wind_checks:judge}"


def gated(gate: str = GATE) -> str:
    """A models.yaml that puts version 2 into Production if a gate lets it."""
    return f"models: {{wind: {{gates: {{Production: [{gate}]}}, stages: {{Production: 2}}}}}}\n"


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Verdict]:
    """What a gate says whose check is in wind_checks.py in the current folder."""
    monkeypatch.chdir(tmp_path)

    def judge(code: str, gate: str = GATE) -> Verdict:
        (tmp_path / "wind_checks.py").write_text(code, encoding="utf-8")
        path = list(sys.path)
        (verdict,) = gating.judge(gates(gate), case())
        assert path == sys.path
        return verdict

    return judge


WORSE = """
from wind_limits import MOST

def judge(case):
    worse = case.new.metrics["mae"] - case.old.metrics["mae"]
    print(case.held.name, case.change.stage, case.now.utcoffset(), case.comparison)
    return None if worse <= MOST else f"{worse:g} MW worse,\\n  {MOST} allowed"
"""


@pytest.mark.parametrize(
    ("most", "code", "result", "actual"),
    [
        (2, 0, "passed", "no objection"),
        (1, 3, "failed", "2 MW worse, 1 allowed"),
    ],
)
def test_a_check_passes_or_says_why_not(
    team: Team, most: int, code: int, result: str, actual: str
) -> None:
    """It sees what other gates see, imports what lies beside it, and may print."""
    for error in (10.0, 12.0):
        team.version(metrics={"mae": error})
    team.stages(Production=1)
    team.ok("apply")
    (team.folder / "wind_limits.py").write_text(f"MOST = {most}\n", encoding="utf-8")
    (team.folder / "wind_checks.py").write_text(WORSE, encoding="utf-8")
    team.write(gated())

    ran = team.run("plan", "--format", "json")

    assert code == ran.code
    assert ran.document["changes"][0]["gates"] == [
        {
            "rule": "python wind_checks:judge",
            "result": result,
            "expected": "no objection",
            "actual": actual,
        }
    ]
    assert "wind Production 0:00:00" in ran.err


@pytest.mark.parametrize(
    ("code", "actual"),
    [
        ("def judge(case):\n    return case.nonsense",
         "AttributeError: 'Case' object has no attribute 'nonsense'"),
        ("def judge(case):\n    raise SystemExit('stop\\nhere')", "SystemExit: stop here"),
        ("def judge():\n    pass",
         "TypeError: judge() takes 0 positional arguments but 1 was given"),
        ("def other(case):\n    pass",
         "AttributeError: module 'wind_checks' has no attribute 'judge'"),
        ("judge = 1", "TypeError: 'int' object is not callable"),
        ("def judge(case:", "SyntaxError: '(' was never closed (wind_checks.py, line 1)"),
        ("import wind_nothing", "ModuleNotFoundError: No module named 'wind_nothing'"),
        ("def judge(case):\n    return True",
         "it returned True, not None or a text that says why"),
        ("def judge(case):\n    return ' '",
         "it returned ' ', not None or a text that says why"),
        ("def judge(case):\n    return ['too slow']",
         "it returned ['too slow'], not None or a text that says why"),
        ("def judge(case):\n    return 'x' * 9999", "x" * 500 + " …"),
    ],
)  # fmt: skip
def test_anything_else_is_a_refusal(judged: Callable[..., Verdict], code: str, actual: str) -> None:
    """A check that is broken passes nothing: it says what happened, in one line."""
    verdict = judged(code)
    assert (Result.FAILED, actual) == (verdict.result, verdict.actual)


def test_a_check_that_is_broken_leaves_no_trace(team: Team) -> None:
    """The plan is shown and refused; nothing on standard error but the refusal."""
    team.versions(2)
    (team.folder / "wind_checks.py").write_text("1 / 0\n", encoding="utf-8")
    team.write(gated())
    ran = team.run("plan", "--format", "markdown")
    assert ran.code == 3
    assert "ZeroDivisionError: division by zero" in ran.out
    assert "Traceback" not in ran.out + ran.err


def test_a_check_in_a_package(tmp_path: Path, judged: Callable[..., Verdict]) -> None:
    """Dots lead into packages; what is missing inside is found out when the plan is made."""
    (tmp_path / "wind_package").mkdir()
    (tmp_path / "wind_package" / "inner.py").write_text("def judge(case): return 'no'\n")
    assert judged("", "{python: wind_package.inner:judge}").actual == "no"
    missing = judged("", "{python: wind_package.other:judge, mode: warn}")
    assert missing.result is Result.WARNED
    assert missing.actual == "ModuleNotFoundError: No module named 'wind_package.other'"


@pytest.mark.parametrize("beside", [True, False])
def test_where_a_check_is_looked_for(team: Team, beside: bool) -> None:
    """Beside models.yaml, wherever it is, then in the current folder; validate imports nothing."""
    elsewhere = team.folder / "elsewhere"
    elsewhere.mkdir()
    file = elsewhere / "models.yaml"
    file.write_text(gated(), encoding="utf-8")
    team.versions(2)

    ran = team.run("validate", "--file", str(file))
    assert ran.code == 1
    assert "module 'wind_checks' is not next to models.yaml, in this folder or installed" in ran.err

    folder: Path = elsewhere if beside else team.folder
    code = "def judge(case): return 'found'\nprint('imported')\n"
    (folder / "wind_checks.py").write_text(code, encoding="utf-8")
    ran = team.ok("validate", "--file", str(file))
    assert "imported" not in ran.out + ran.err
    ran = team.run("plan", "--file", str(file))
    assert ran.code == 3
    assert "found" in ran.out
    assert "imported" in ran.err
