"""Tests of `mlgitops.review.environments`: whose packages a version runs with."""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import metadata
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from mlgitops.core.evidence import Side
from mlgitops.core.requirements import parse
from mlgitops.core.version import READY, Version
from mlgitops.errors import ResolveError, ScoringError
from mlgitops.recipes.package import RecipePackage
from mlgitops.review import scoring
from mlgitops.review.artifacts import describe
from mlgitops.review.compare import Scope, compare
from mlgitops.review.environments import Environments, unmet
from mlgitops.review.prepared import Prepared
from mlgitops.review.scores import Scores
from mlgitops.review.tools import Tools
from mlgitops.system import uv
from mlgitops.system.store import caches
from tests.hostile import models

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Team

pytestmark = pytest.mark.xdist_group("hostile-models")  # MLflow is imported once for them

FRAME = pd.DataFrame({"x": [1.0, 2.0]})
PANDAS, MLFLOW = metadata.version("pandas"), metadata.version("mlflow")
MAJOR = int(MLFLOW.partition(".")[0])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (f"pandas=={PANDAS}", ()),
        ("pandas", ()),
        ("pandas>=1,<2", (f"pandas {PANDAS} instead of <2,>=1",)),
        ("no-such-package==1", ("no-such-package is missing",)),
        ("no-such-package==1; python_version < '3'", ()),
        (f"mlflow=={MAJOR}.0.1", ()),
        (f"mlflow=={MAJOR}.*", ()),
        (f"mlflow=={MAJOR}.9999.0", (f"mlflow {MLFLOW} instead of =={MAJOR}.9999.0",)),
        ("mlflow==1.30.0", (f"mlflow {MLFLOW} instead of ==1.30.0",)),
        ("wheels/own-1.0-py3-none-any.whl", ("own is in the version itself",)),
    ],
)
def test_what_is_not_installed_here_is_told(asked: str, expected: tuple[str, ...]) -> None:
    """Of MLflow, a later release of the same major version loads what an earlier one logged."""
    assert unmet(parse(asked)) == expected


def test_without_environments_it_runs_here_and_the_report_says_so(tmp_path: Path) -> None:
    """With what differs from what it asks for."""
    one = asking(tmp_path / "a", "return [1.0, 2.0]", "pandas==1.0")
    found = compare("wind", one, one, scope(None))
    told = {fact.name: (fact.old, fact.new) for fact in found.facts}
    said = f"this one: pandas {PANDAS} instead of ==1.0"
    assert told["environment"] == (said, said)
    same = asking(tmp_path / "b", "return [1.0, 2.0]", f"pandas=={PANDAS}")
    found = compare("wind", same, same, scope(Environments(folder=tmp_path)))
    assert "environment" not in {fact.name for fact in found.facts}
    assert found.predictions is not None


def test_what_cannot_be_had_is_the_reason_why_there_are_no_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an index, as without a network."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    one = asking(tmp_path / "a", "return [1.0, 2.0]", "no-such-package==1")
    found = compare("wind", one, one, scope(Environments(folder=tmp_path / "cache")))
    assert found.predictions is None
    assert found.trouble.startswith(
        "cannot run version 1 on this machine: it needs packages of its own "
        "(no-such-package is missing), which cannot be had: "
    )
    assert "no-such-package" in found.trouble.partition("had: ")[2]


def test_without_uv_the_reason_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes with what compares versions."""
    monkeypatch.setitem(sys.modules, "uv", None)
    model = asking(tmp_path / "a", "return [1.0, 2.0]", "no-such-package==1").artifact
    assert model is not None
    with pytest.raises(ScoringError, match=r"uv is not installed; install 'mlgitops\[review\]'"):
        scoring.score(model.folder, FRAME, own=Environments(folder=tmp_path))


def test_a_crash_is_one_line_that_names_both_pythons(tmp_path: Path) -> None:
    """A pickle of another Python may end the process."""
    side = asking(tmp_path / "a", "ctypes.string_at(0)", "pandas", python="3.8.18")
    found = compare("wind", None, side, scope(None))
    assert (
        "before it answered: Segmentation fault (it was logged with Python 3.8.18, this is 3."
        in (found.trouble)
    )
    assert len(found.trouble.splitlines()) == 1


def test_requirements_that_are_no_packages_are_not_installed(tmp_path: Path) -> None:
    """The rules are those of images; what can be loaded here still is."""
    side = asking(tmp_path / "a", "return [1.0, 2.0]", "--index-url http://127.0.0.1:9/\nx==1")
    assert side.artifact is not None
    found = scoring.score(side.artifact.folder, FRAME, own=Environments(folder=tmp_path / "cache"))
    assert found.predictions.tolist() == [1.0, 2.0]
    assert not (tmp_path / "cache").exists()


def test_the_nearest_python_is_first_and_none_is_too_old() -> None:
    """This one is always there."""
    here = (sys.version_info[0], sys.version_info[1])
    assert uv.pythons(here)[0].version[:2] == here
    found = [python.version[:2] for python in uv.pythons((3, 7))]
    assert found == sorted(found)
    assert found[0] >= (3, 10)


def test_what_nobody_uses_is_removed(tmp_path: Path) -> None:
    """After a month, or when there is too much of what nobody used today; halves of it, too."""
    now, day = time.time(), 24 * 3600
    kept = {"new": (0, 15), "large and in use": (0.5, 15)}
    gone = {"large": (2, 15), "old": (31, 0)}
    for name, (days, size) in {**kept, **gone}.items():
        place = tmp_path / "environments" / name
        place.mkdir(parents=True)
        about = place / "environment.json"
        about.write_text(json.dumps({"size": size * 10**9}))
        os.utime(about, (now - days * day,) * 2)
    half = tmp_path / "environments" / ".part-x"
    half.mkdir()
    os.utime(half, (now - 31 * day,) * 2)
    Environments(folder=tmp_path).prune()
    assert {path.name for path in (tmp_path / "environments").iterdir()} == set(kept)


def test_the_folder_follows_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path does not count."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert str(caches()) == "/x/mlgitops"
    monkeypatch.setenv("XDG_CACHE_HOME", "x")
    monkeypatch.setenv("HOME", "/h")
    assert str(caches()) == "/h/.cache/mlgitops"


def test_a_folder_that_cannot_be_used_is_a_reason(tmp_path: Path) -> None:
    """Such as one below a file."""
    (tmp_path / "file").touch()
    with pytest.raises(ResolveError, match="cannot be used"):
        Environments(folder=tmp_path / "file").of(parse("packaging"), "", tmp_path)


def asking(folder: Path, body: str, requirements: str, python: str = "") -> Side:
    """Version 1, a model whose `predict` is `body` and which asks for packages."""
    models.write(folder, body)
    (folder / "requirements.txt").write_text(f"{requirements}\n", encoding="utf-8")
    if python:
        described = (folder / "MLmodel").read_text(encoding="utf-8")
        described = described.replace(
            "    code: code\n", f"    code: code\n    python_version: {python}\n"
        )
        (folder / "MLmodel").write_text(described, encoding="utf-8")
    version = Version(number=1, status=READY)
    return Side(label="version 1", version=version, artifact=describe(folder))


def scope(own: Environments | None) -> Scope:
    """A comparison that predicts."""
    tools = Tools(recipes=Prepared(package=RecipePackage()), scores=Scores(own))
    return Scope(predict=True, link=lambda _old, _new: None, tools=tools)


def test_a_gate_that_needs_predictions_fails_with_that_reason(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says what the version needs."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(team.folder / "uv"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(team.folder / "cache"))
    payload = team.payload(team.version())
    (payload / "MLmodel").unlink()
    payload.rename(payload.with_name("before"))
    asking(payload, "return [1.0, 2.0]", "no-such-package==1")
    team.write(
        "models: {wind: {gates: {Production: [{max_latency: 20ms}]}, stages: {Production: 1}}}"
    )
    ran = team.run("plan", "--format", "json")
    (change,) = ran.document["changes"]
    (verdict,) = change["gates"]
    assert (ran.code, verdict["result"]) == (3, "failed")
    assert (
        "needs packages of its own (no-such-package is missing), which cannot be had"
        in (verdict["actual"])
    )
