"""A new kind of gate is one new file and one line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import mlgitops

GATE = '''\
"""The gate on the number of the version."""

from mlgitops.core.gate import verdict
from mlgitops.gates.form import GateForm


class EvenGate(GateForm):
    """The version's number is even, or odd."""

    even: bool

    def judge(self, case):
        number = case.new.number
        passed = (number % 2 == 0) is self.even
        yield verdict(f"even {self.even}", passed, "a number of that kind", str(number))
'''
MODELS = """\
models:
  wind:
    gates: {Production: [{even: true}]}
    stages: {Production: %s}
"""
JUDGE = """\
from datetime import UTC, datetime
from pathlib import Path
from mlgitops.core.gate import Case, judge
from mlgitops.core.held import HeldModel
from mlgitops.core.plan import Action, Change
from mlgitops.core.version import Version
from mlgitops.file.load import load

model = load(Path("models.yaml")).models["wind"]
number = model.stages[0].version
change = Change(model="wind", stage="Production", action=Action.FILL, old=None, new=number, move=1,
                carrier=number)
version = Version(number=number, status="READY")
case = Case(change=change, held=HeldModel(name="wind"), new=version, old=None,
            now=datetime.now(UTC))
print(*(said.result for said in judge(model.gates_for("production"), case)))
"""


def test_a_gate_is_one_file_and_one_line(tmp_path: Path) -> None:
    """The schema has it, `validate` accepts and refuses by it, and it judges."""
    source = Path(mlgitops.__file__).parent
    engine = tmp_path / "engine" / "mlgitops"
    shutil.copytree(source, engine, ignore=shutil.ignore_patterns("__pycache__"))
    (engine / "gates" / "even.py").write_text(GATE, encoding="utf-8")
    kinds = engine / "gates" / "kinds.py"
    text = kinds.read_text(encoding="utf-8")
    kinds.write_text(text.replace('    "python",\n', '    "python",\n    "even",\n'), "utf-8")

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(engine.parent)},
            capture_output=True,
            text=True,
            check=False,
        )

    (tmp_path / "models.yaml").write_text(MODELS % 2, encoding="utf-8")
    assert run("-m", "mlgitops", "validate").returncode == 0
    assert '"EvenGate"' in run("-m", "mlgitops", "schema").stdout
    assert run("-c", JUDGE).stdout.split() == ["passed"]
    (tmp_path / "models.yaml").write_text(MODELS % 3, encoding="utf-8")
    assert run("-c", JUDGE).stdout.split() == ["failed"]
    (tmp_path / "models.yaml").write_text((MODELS % 2).replace("true", "maybe"), encoding="utf-8")
    refused = run("-m", "mlgitops", "validate")
    assert refused.returncode == 1
    assert "wind Production: 'even' must be" in refused.stderr
