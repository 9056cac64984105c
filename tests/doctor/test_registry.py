"""`mlgitops doctor registry` on a server without accounts, and where none answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlgitops.doctor import registry
from mlgitops.doctor.finding import Verdict

if TYPE_CHECKING:
    from tests.team import Team

ROOT = Path(__file__).resolve().parents[2]


def test_a_server_without_accounts(remote: Team) -> None:
    """Nobody's rights are told; with --write, a model is created and removed."""
    remote.versions(1)
    remote.stages(Production=1)
    document = remote.run("doctor", "registry", "--format", "json").document
    found = {one["check"]: one["verdict"] for one in document["findings"]}
    assert found == {
        **dict.fromkeys(("reachable", "MLflow", "read"), "passed"),
        **dict.fromkeys(("account", "write", "create"), "not checkable from here"),
    }
    before = {model.name for model in remote.client.search_registered_models()}
    assert "created a model and removed it" in remote.ok("doctor", "registry", "--write").out
    assert {model.name for model in remote.client.search_registered_models()} == before


def test_no_registry_answers(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one failure that says what to check, and the other areas are checked all the same."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    team.write("{owner: me, models: {wind: {stages: {Production: 1}}}}")
    ran = team.run("doctor", "registry", "file", "--format", "json")
    assert ran.code == 1
    (failed,) = (one for one in ran.document["findings"] if one["verdict"] == "failed")
    assert (failed["area"], failed["check"]) == ("registry", "reachable")
    assert "check MLFLOW_TRACKING_URI" in failed["found"]


def test_a_login_that_fails(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of MLGITOPS_LOGIN is checked with the registry."""
    monkeypatch.setenv("MLGITOPS_LOGIN", "false")
    ran = team.run("doctor", "registry")
    assert ran.code == 1
    assert "MLGITOPS_LOGIN: the command failed" in ran.out


@pytest.mark.parametrize(
    ("version", "verdict", "said"),
    [
        ("3.17.2", Verdict.PASSED, "3.17.2"),
        ("3.18.0rc0", Verdict.PASSED, "3.18.0rc0; tested with 2.22.5 and 3.17.2"),
        ("2.22.5", Verdict.PASSED, "2.22.5: MLflow 2 keeps aliases of deleted versions"),
        ("2.2.0", Verdict.FAILED, "2.2.0 has no aliases"),
        ("", Verdict.UNCHECKED, "the server does not say its version"),
    ],
)
def test_the_version_of_mlflow(version: str, verdict: Verdict, said: str) -> None:
    """Each has what is known of it."""
    finding = registry.mlflow(version)
    assert (finding.verdict, said in finding.found) == (verdict, True), finding.found


def test_the_versions_that_are_tested() -> None:
    """Those that docs/compatibility.md names."""
    text = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    assert all(f"| {version} | SQLite" in text for version in registry.TESTED)
