"""The form of gates: each mistake is found offline, at its line and column, with what to write."""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from mlgitops.errors import DesiredStateError
from mlgitops.file import schema
from mlgitops.file.load import loads
from mlgitops.gates.max_artifact_size import ArtifactSizeGate
from mlgitops.gates.max_latency import LatencyGate
from mlgitops.gates.promoted_from import PromotedFromGate
from mlgitops.gates.python import PythonGate
from mlgitops.gates.requires_tag import TagGate
from mlgitops.gates.same_dataset import SameDatasetGate
from mlgitops.gates.signature import SignatureGate

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.core.gate import Gate

FILE = """\
models:
  wind:
    stages: {{}}
    gates:
      Production:
        - {gate}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{promoted_from: Staging, soak: 30m}",
         PromotedFromGate(promoted_from="Staging", soak="30m")),
        ("{promoted_from: Staging, soak: 7d, mode: warn}",
         PromotedFromGate(promoted_from="Staging", soak="7d", mode="warn")),
        ("{signature: compatible, mode: enforce}", SignatureGate(signature="compatible")),
        ("{same_dataset: true}", SameDatasetGate(same_dataset=True)),
        ("{same_dataset: holdout}", SameDatasetGate(same_dataset="holdout")),
        ("{max_artifact_size: 1.5MiB}", ArtifactSizeGate(max_artifact_size="1.5MiB")),
        ("{max_latency: 0.02s}", LatencyGate(max_latency="0.02s")),
        ("{requires_tag: approved}", TagGate(requires_tag="approved")),
        ("{requires_tag: risk, value: low}", TagGate(requires_tag="risk", value="low")),
    ],
)  # fmt: skip
def test_what_a_gate_says(text: str, expected: Gate) -> None:
    """Each kind is read as it is written; editors accept it by the schema."""
    content = FILE.format(gate=text)
    (gate,) = loads(content, "models.yaml").models["wind"].gates["Production"]
    assert expected == gate
    jsonschema.validate(yaml.safe_load(content), schema.json_schema())


def test_amounts_and_defaults() -> None:
    """Sizes are bytes, latencies milliseconds; the context is `test` unless it is named."""
    assert ArtifactSizeGate(max_artifact_size="1.5MiB").most == 1_572_864
    assert LatencyGate(max_latency="0.02s").most == 20.0
    assert SameDatasetGate(same_dataset=True).context == "test"
    assert SameDatasetGate(same_dataset="holdout").context == "holdout"


def test_where_a_check_of_the_team_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked for beside models.yaml, then in the current folder."""
    monkeypatch.chdir(tmp_path)
    text = FILE.format(gate="{python: mlgitops.anything:judge}")
    for file, folders in {"models.yaml": [""], "sub/models.yaml": ["sub", ""]}.items():
        (gate,) = loads(text, file).models["wind"].gates["Production"]
        assert isinstance(gate, PythonGate)
        assert (gate.module, gate.function) == ("mlgitops.anything", "judge")
        assert gate.folders == tuple(str(tmp_path / folder) for folder in folders)


def test_a_module_that_was_not_imported_from_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as __main__ of a script: its checks cannot be found by name."""
    monkeypatch.setitem(sys.modules, "wind_script", ModuleType("wind_script"))
    with pytest.raises(
        DesiredStateError, match=r"module 'wind_script' is not next to models\.yaml"
    ):
        loads(FILE.format(gate="{python: 'wind_script:judge'}"), "models.yaml")


SOAK = "must be whole minutes, hours or days, such as 30m, 24h or 7d; got"
SIZE = "must be a size in kB, MB, GB, KiB, MiB or GiB, such as 50MB; got"
LATENCY = "must be a time in ms or s, such as 20ms; got"
PYTHON = "must be package.module:function, such as checks.wind:is_calm; got"
DATASET = "must be true, or the context of a data set, such as test; got"
KEYS = (
    "a gate must be a mapping with one of the keys metric, worst_slice, signature, promoted_from, "
    "same_dataset, max_artifact_size, max_latency, requires_tag, python"
)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("{promoted_from: Staging, soak: 1.5h}", 36, f"{SOAK} '1.5h'"),
        ("{promoted_from: Staging, soak: 0h}", 36, f"{SOAK} '0h'"),
        ("{promoted_from: Staging, soak: -1h}", 36, f"{SOAK} '-1h'"),
        ("{promoted_from: Staging, soak: 999999d}", 36, f"{SOAK} '999999d'"),
        ("{promoted_from: Staging, soak: 24}", 36, f"{SOAK} 24"),
        ("{promoted_from: Staging, soak: 24 h}", 36, f"{SOAK} '24 h'"),
        ("{promoted_from: Staging, soak: }", 36, f"{SOAK} nothing (null)"),
        ("{promoted_from: Staging, soka: 24h}", 36, "unknown key 'soka'; did you mean 'soak'?"),
        ("{promoted_from: 1}", 12, "must be text, got 1"),
        ("{promoted_from: Latest}", 12,
         "stage name 'Latest' is reserved by MLflow; choose another name"),
        ("{same_dataset: false}", 12, f"{DATASET} false (a boolean)"),
        ("{same_dataset: 1}", 12, f"{DATASET} 1"),
        ("{same_dataset: ''}", 12, "must not be empty"),
        ("{same_dataset: [test]}", 12, f"{DATASET} a list"),
        ("{max_artifact_size: 50}", 12, f"{SIZE} 50"),
        ("{max_artifact_size: 50mb}", 12, f"{SIZE} '50mb'"),
        ("{max_artifact_size: 50 MB}", 12, f"{SIZE} '50 MB'"),
        ("{max_artifact_size: .5MB}", 12, f"{SIZE} '.5MB'"),
        ("{max_artifact_size: 1e3MB}", 12, f"{SIZE} '1e3MB'"),
        ("{max_artifact_size: 0.0MB}", 12, "0.0MB can never be met; set a limit above 0"),
        ("{max_latency: 20}", 12, f"{LATENCY} 20"),
        ("{max_latency: 20us}", 12, f"{LATENCY} '20us'"),
        ("{max_latency: 0s}", 12, "0s can never be met; set a limit above 0"),
        ("{max_latncy: 20ms}", 11, f"{KEYS}; did you mean 'max_latency'?"),
        ("{requires_tag: }", 12, "must be text, got nothing (null)"),
        ("{requires_tag: risk, value: 1}", 32, "must be text, got 1"),
        ("{requires_tag: risk, value: }", 32, "must be text, got nothing (null)"),
        ("{requires_tag: risk, vaule: low}", 32, "unknown key 'vaule'; did you mean 'value'?"),
        ("{python: mlgitops}", 12, f"{PYTHON} 'mlgitops'"),
        ("{python: 'mlgitops:'}", 12, f"{PYTHON} 'mlgitops:'"),
        ("{python: 'mlgitops:a.b'}", 12, f"{PYTHON} 'mlgitops:a.b'"),
        ("{python: '../checks:judge'}", 12, f"{PYTHON} '../checks:judge'"),
        ("{python: 'no_such_module.checks:judge'}", 12,
         "module 'no_such_module' is not next to models.yaml, in this folder or installed; add it"),
        ("{signature: same}", 12, "must be 'compatible', got 'same'"),
        ("{signature: compatible, mode: waive}", 35, "must be 'enforce' or 'warn', got 'waive'"),
        ("{signature: compatible, mode: off}", 35,
         "must be 'enforce' or 'warn', got false (a boolean)"),
        ("{signature: compatible, min: 1}", 35,
         "unknown key 'min'; allowed keys: mode, signature"),
        ("{metric: r2, min: 1, mod: warn}", 32, "unknown key 'mod'; did you mean 'mode'?"),
        ("soak", 11, KEYS),
    ],
)  # fmt: skip
def test_a_malformed_gate(text: str, column: int, message: str) -> None:
    """One problem, at the key that is wrong, which says what it must be."""
    with pytest.raises(DesiredStateError) as caught:
        loads(FILE.format(gate=text), "models.yaml")
    (problem,) = map(str, caught.value.problems)
    key = r"'\w+' " if message.startswith("must ") else ""
    place = f"models.yaml:6:{column}: wind Production: "
    assert re.fullmatch(re.escape(place) + key + re.escape(message), problem)
