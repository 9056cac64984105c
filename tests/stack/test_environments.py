"""A version whose packages are not ours runs with its own, made by uv from an index."""

from __future__ import annotations

import json
import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from mlgitops.system import uv
from tests import wheels
from tests.answering import answering

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Team

pytestmark = pytest.mark.no_docker

MODEL = """\
flavors:
  python_function: {loader_module: told_by, code: code, python_version: PYTHON}
saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  type: dataframe
"""
WHEELED = """\
import own_library

class Model:
    def predict(self, frame, params=None):
        return [own_library.answer] * len(frame)

def _load_pyfunc(path):
    return Model()
"""
CODE = """\
import sys
from importlib import metadata

class Model:
    def predict(self, frame, params=None):
        said = f"{metadata.version('threadpoolctl')} on {sys.version_info[0]}.{sys.version_info[1]}"
        return [said] * len(frame)

def _load_pyfunc(path):
    return Model()
"""


def logged(team: Team, model: str, code: str, asked: str) -> Path:
    """The payload of a new version, of code beside it, that asks for packages."""
    payload = team.payload(team.version())
    (payload / "code").mkdir()
    (payload / "code" / "told_by.py").write_text(code, encoding="utf-8")
    (payload / "MLmodel").write_text(model, encoding="utf-8")
    (payload / "requirements.txt").write_text(asked, encoding="utf-8")
    example = '{"columns": ["x"], "data": [[1.0], [2.0]]}'
    (payload / "input_example.json").write_text(example, encoding="utf-8")
    return payload


def test_a_version_whose_packages_are_not_ours_runs_with_its_own(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a Python of its own where there is one; made once, told, and kept by what is in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    other = next((p for p in uv.pythons((3, 10)) if f"{p}"[:4] != here), uv.pythons((3, 11))[0])
    wanted = ".".join(map(str, other.version[:2]))
    for version in ("3.5.0", metadata.version("threadpoolctl")):
        asked = f"mlflow-skinny=={metadata.version('mlflow')}\nthreadpoolctl=={version}\n"
        logged(team, MODEL.replace("PYTHON", str(other)), CODE, asked)
    ours = metadata.version("threadpoolctl")
    assert ours != "3.5.0"

    first = team.ok("compare", "wind", "2", "1", "--format", "json")
    answers = first.document["predictions"]["answers"]
    assert {(one["old"], one["new"]) for one in answers} == {
        (f"{ours} on {here}", f"3.5.0 on {wanted}")
    }
    facts = {fact["name"]: (fact["old"], fact["new"]) for fact in first.document["facts"]}
    assert facts["environment"][0] == "this one"
    assert facts["environment"][1].startswith(f"its own: Python {other}, ")
    assert "made an environment of" in first.err
    assert " s: " in first.err

    again = team.ok("compare", "wind", "2", "1", "--format", "json")
    assert "environment" not in again.err
    assert again.document["predictions"]["answers"] == answers

    # a server is held to what the version says with its own packages
    words = json.dumps({"predictions": [f"3.5.0 on {wanted}"] * 2})
    with answering(lambda _: (200, "application/json", words)) as url:
        ran = team.run("smoke", "wind", "1", "--url", url, "--format", "json")
    outcomes = {check["request"]: check["outcome"] for check in ran.document["checks"]}
    assert outcomes["POST dataframe_records"] == outcomes["predict(input example)"] == "passed"

    off = team.ok("compare", "wind", "2", "1", "--format", "json", "--no-environments")
    facts = {fact["name"]: (fact["old"], fact["new"]) for fact in off.document["facts"]}
    assert facts["environment"] == (
        "this one",
        f"this one: threadpoolctl {ours} instead of ==3.5.0",
    )


@pytest.mark.thorough
def test_a_wheel_inside_the_version_is_installed_from_there(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two versions, each runs with its own, though both wheels have the same name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = MODEL.replace("PYTHON", platform.python_version())
    asked = f"mlflow-skinny=={metadata.version('mlflow')}\nwheels/own_library-1.0-py3-none-any.whl"
    for answer in (41, 42):
        payload = logged(team, model, WHEELED, asked)
        (payload / "wheels").mkdir()
        wheels.tiny(payload / "wheels", "own_library", f"answer = {answer}\n")

    found = team.ok("compare", "wind", "1", "2", "--format", "json").document

    answers = found["predictions"]["answers"]
    assert {(one["old"], one["new"]) for one in answers} == {(41, 42)}
    facts = {fact["name"]: (fact["old"], fact["new"]) for fact in found["facts"]}
    assert all(said.startswith("its own: Python ") for said in facts["environment"])
