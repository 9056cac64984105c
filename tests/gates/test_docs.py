"""What the docs say of gates: every kind is there, and the examples are right."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.core import gate as gating
from mlgitops.core.gate import Case, Result
from mlgitops.core.version import Version
from mlgitops.gates.kinds import GATES
from tests.gates.cases import case, gates, measured

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
EVIDENCE = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\|.*\| `(\{.*\})` \|$", EVIDENCE, flags=re.MULTILINE)


def with_checks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples of a team's own checks, in the current folder."""
    monkeypatch.chdir(folder)
    (folder / "checks").mkdir()
    for code in re.findall(r"```python\n(.*?)```", EVIDENCE, flags=re.DOTALL):
        path = re.findall(r'"""(.*?)"""', code)[0]
        (folder / path).write_text(code, encoding="utf-8")


def test_every_gate_has_an_example_that_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table has each kind, and models.yaml's own manual names it."""
    with_checks(tmp_path, monkeypatch)
    assert len(gates(*EXAMPLES)) == len(EXAMPLES)
    assert {re.findall(r"\w+", text)[0] for text in EXAMPLES} == set(GATES)
    manual = (ROOT / "models.yaml").read_text(encoding="utf-8").partition("\nmodels:")[0]
    assert [kind for kind in GATES if f"{{{kind}: " not in manual] == []


def test_the_example_of_a_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It passes and refuses as its text says."""
    with_checks(tmp_path, monkeypatch)
    gate = gates("{python: checks.wind:is_calm}")

    def actual(changed: float | None, mae: float) -> str:
        comparison = measured(milliseconds=1.0)
        assert comparison.predictions is not None
        predictions = replace(comparison.predictions, changed=changed)
        new, old = (
            Version(number=number, status="READY", metrics={"test_mae": value})
            for number, value in ((2, mae), (1, 100.0))
        )
        looked_at = replace(
            case(), new=new, old=old, comparison=replace(comparison, predictions=predictions)
        )
        (verdict,) = gating.judge(gate, looked_at)
        assert (verdict.result is Result.PASSED) == (verdict.actual == "no objection")
        return verdict.actual

    assert actual(0.1, 100.0) == "no objection"
    assert actual(0.2, 80.0) == "no objection"
    assert actual(0.2, 99.0) == "20% of the rows get another answer"
    assert actual(None, 80.0) == "no predictions of both to compare"


def test_every_attribute_of_a_case_is_described() -> None:
    """What a check of one's own may look at is in the table."""
    assert [f.name for f in fields(Case) if f"`case.{f.name}`" not in EVIDENCE] == []
