"""Answers that are kept across runs: a second comparison of the same pair predicts nothing.

The models answer with random numbers, so that one that is asked again answers otherwise.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.waiting import eventually
from mlgitops.core.version import RECIPE_TAG
from mlgitops.review import scoring
from tests.hostile import models

if TYPE_CHECKING:
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("hostile-models")  # MLflow is imported once for them

RANDOM = "import random; return [random.random() for _ in range(len(frame))]"
FILE = """
version: 2
models:
  wind:
    evaluation: {data: holdout.csv, target: power}
    stages: {Production: 2}
"""
SECRET = "hunter2"


@pytest.fixture
def wind(team: Team, monkeypatch: pytest.MonkeyPatch) -> Team:
    """Two versions that answer at random, the first in Production, and rows to judge them by."""
    monkeypatch.setenv("MLGITOPS_CACHE", "true")
    monkeypatch.setenv("XDG_CACHE_HOME", str(team.folder / "cache"))
    monkeypatch.setenv("MLGITOPS_OWNER", "acme/models")
    team.versions(2)
    for number in (1, 2):
        payload = team.payload(number)
        (payload / "MLmodel").unlink()
        payload.rmdir()
        models.write(payload, f"{RANDOM}  # {number}")
    team.client.set_registered_model_alias("wind", "production", "1")
    rows(team, 40)
    team.write(FILE)
    return team


def rows(team: Team, count: int) -> None:
    """Write so many held-out rows."""
    lines = (f"{number},{number / count}" for number in range(count))
    (team.folder / "holdout.csv").write_text("x,power\n" + "\n".join(lines) + "\n")


def scores(team: Team, *options: str) -> dict[str, tuple[float, float]]:
    """What the rows tell of both versions, as a comparison says."""
    document = team.ok("compare", "wind", "1", "2", "--format", "json", *options).document
    listed = document["predictions"]["scores"]
    return {one["name"]: (one["old"], one["new"]) for one in listed}


def entries(team: Team) -> list[Path]:
    """What is kept."""
    return sorted((team.folder / "cache/mlgitops/evidence").glob("*"))


def test_the_same_pair_is_asked_once(wind: Team) -> None:
    """By whatever verb; without the cache, it is asked again."""
    first = scores(wind)
    assert len(entries(wind)) == 3  # both answers, and what they amount to
    assert scores(wind) == first
    (change,) = wind.run("plan", "--format", "json", "--allow", "unmanaged").document["changes"]
    planned = change["comparison"]["predictions"]["scores"]
    assert {one["name"]: (one["old"], one["new"]) for one in planned} == first
    assert scores(wind, "--no-cache") != first
    assert scores(wind) == first


def test_of_a_payload_that_changed_the_answer_is_not_known(wind: Team) -> None:
    """That of the other one is."""
    first = scores(wind)["mae"]
    (wind.payload(2) / "note.txt").write_text("retrained")
    second = scores(wind)["mae"]
    assert second[0] == first[0]
    assert second[1] != first[1]


def test_other_rows_are_another_question(wind: Team) -> None:
    """Both are asked again."""
    first = scores(wind)["mae"]
    rows(wind, 41)
    second = scores(wind)["mae"]
    assert second[0] != first[0]
    assert second[1] != first[1]


def test_with_another_package_both_are_asked_again(
    wind: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any that is installed may be one that they predict with."""
    first = scores(wind)["mae"]
    for release in ("1.0", "1.1"):
        about = tmp_path / release / f"estimators-{release}.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Name: estimators\nVersion: {release}\n")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path / "1.0")
        second = scores(wind)["mae"]
        # the path of packages stays, and so does all else that is known of them
        (tmp_path / "1.0" / "estimators-1.0.dist-info").rename(tmp_path / "gone")
        (tmp_path / "1.1" / "estimators-1.1.dist-info").rename(
            tmp_path / "1.0" / "estimators-1.1.dist-info"
        )
        third = scores(wind)["mae"]
    assert len({first, second, third}) == 3


@pytest.mark.parametrize("damage", ["empty", "half", "another's", "a forged answer", "open to all"])
def test_what_is_damaged_or_not_ours_was_never_there(wind: Team, damage: str) -> None:
    """The versions are asked again, and nothing is said."""
    first = scores(wind)["mae"]
    if damage == "open to all":
        (wind.folder / "cache/mlgitops/evidence").chmod(0o777)
    elif damage == "another's":
        content = [path.read_bytes() for path in entries(wind)]
        for path, other in zip(entries(wind), [*content[1:], content[0]], strict=True):
            path.write_bytes(other)
    else:
        for path in entries(wind):
            seal, body = path.read_bytes().split(b"\n")
            forged = seal + b"\n" + body.replace(b'"milliseconds"', b'"__reduce__"')
            path.write_bytes({"empty": b"", "half": body[:99]}.get(damage, forged))
    second = scores(wind)["mae"]
    assert second[0] != first[0]
    assert second[1] != first[1]
    if damage != "open to all":
        assert scores(wind)["mae"] == second


def test_nothing_is_kept_where_there_is_no_room(
    wind: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit that is no number is an error that says what to write."""
    monkeypatch.setenv("MLGITOPS_CACHE_MB", "0")
    assert scores(wind) != scores(wind)
    assert entries(wind) == []
    monkeypatch.setenv("MLGITOPS_CACHE_MB", "much")
    ran = wind.run("compare", "wind", "1", "2")
    assert ran.code != 0
    assert "MLGITOPS_CACHE_MB: 'much' is not a number of megabytes, such as 500" in ran.err


def test_nothing_secret_is_kept(wind: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a token, nor an address, nor a column's name; and only this user can look."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", SECRET)
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    scores(wind)
    folder = wind.folder / "cache/mlgitops/evidence"
    assert folder.stat().st_mode & 0o077 == 0
    for path in entries(wind):
        assert path.stat().st_mode & 0o077 == 0
        known = path.name.encode() + path.read_bytes()
        for word in (SECRET, wind.uri, str(wind.folder), "power", "wind"):
            assert word.encode() not in known


@pytest.mark.thorough
def test_two_plans_at_once_agree_with_a_third(wind: Team) -> None:
    """Whichever wrote last."""
    command = [sys.executable, "-m", "mlgitops", "compare", "wind", "1", "2", "--format", "json"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": wind.uri}

    def begun() -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, cwd=wind.folder, env=environment, stdout=subprocess.PIPE, text=True
        )

    def said(process: subprocess.Popen[str]) -> Any:
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        return json.loads(out)["predictions"]["scores"]

    both = [begun(), begun()]
    found = [said(one) for one in both]
    third = said(begun())
    sides = [{(one["name"], one[side]) for run in found for one in run} for side in ("old", "new")]
    for one in third:
        assert (one["name"], one["old"]) in sides[0]
        assert (one["name"], one["new"]) in sides[1]
    assert {path.suffix for path in entries(wind)} == {".json"}


def test_it_is_known_how_the_models_were_kept_apart(wind: Team) -> None:
    """Also where none is loaded."""
    scores(wind)
    document = wind.ok("compare", "wind", "1", "2", "--format", "json").document
    told = [one for one in document["facts"] if one["name"] == "loaded"]
    if scoring.not_apart():
        assert any(scoring.not_apart() in one for one in document["warnings"])
    else:
        assert [(one["old"], one["new"]) for one in told] == [("in namespaces of its own",) * 2]


COUNTS = """
from pathlib import Path

import pandas as pd


def train() -> None:
    raise NotImplementedError


def holdout() -> tuple[pd.DataFrame, pd.Series]:
    with Path("prepared").open("a") as file:
        file.write("once\\n")
    frame = pd.DataFrame({"x": [float(number) for number in range(40)]})
    return frame, frame["x"].rename("power") / 40
"""


def test_data_are_prepared_once_for_all_that_share_a_recipe(
    wind: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two models with two versions each."""
    monkeypatch.chdir(wind.folder)
    (wind.folder / "counting").mkdir()
    (wind.folder / "counting" / "counted.py").write_text(COUNTS)
    recipe = json.dumps({"train": "counted", "params": {}})
    for number in ("1", "2"):
        wind.client.set_model_version_tag("wind", number, RECIPE_TAG, recipe)
        source = wind.client.get_model_version_download_uri("wind", number)
        if number == "1":
            wind.client.create_registered_model("sea")
        wind.client.create_model_version("sea", source, tags={RECIPE_TAG: recipe})
    wind.client.set_registered_model_alias("sea", "production", "1")
    stages = "{stages: {Production: 2}}"
    wind.write(f"recipes: counting\nmodels: {{wind: {stages}, sea: {stages}}}")
    ran = wind.run("plan", "--format", "json", "--allow", "unmanaged")
    sources = [one["comparison"]["predictions"]["source"] for one in ran.document["changes"]]
    assert [source[: len("40 held-out rows")] for source in sources] == ["40 held-out rows"] * 2
    assert (wind.folder / "prepared").read_text().splitlines() == ["once"]


@pytest.mark.thorough
def test_a_plan_that_is_terminated_leaves_no_process(wind: Team) -> None:
    """Though both versions predict, and for ever."""
    for number in (1, 2):
        (code,) = (wind.payload(number) / "code").glob("*.py")
        code.write_text(code.read_text().replace(RANDOM, "time.sleep(600)"))
    plan = subprocess.Popen(
        [sys.executable, "-m", "mlgitops", "plan", "--allow", "unmanaged"],
        cwd=wind.folder,
        env={**os.environ, "MLFLOW_TRACKING_URI": wind.uri},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # two servers (one for a trial), a twin for each version, its watcher, and the model
        eventually(lambda: len(descendants(plan.pid)) >= 8, within=300)
        begun = descendants(plan.pid)
        plan.send_signal(signal.SIGTERM)
        _, told = plan.communicate(timeout=120)
    finally:
        plan.kill()
        plan.wait()
    assert (plan.returncode, told.splitlines()[-1]) == (143, "error: terminated")
    eventually(lambda: not any(Path(f"/proc/{one}").exists() for one in begun), within=60)


def descendants(process: int) -> set[int]:
    """The processes that one has started, and those that these have."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, open_ = set[int](), [process]
    while open_:
        more = children.get(open_.pop(), [])
        found.update(more)
        open_ += more
    return found


def test_on_a_runner_nothing_is_kept_unless_asked(
    wind: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier job there may have run other people's code."""
    monkeypatch.delenv("MLGITOPS_CACHE")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    first = scores(wind)
    assert entries(wind) == []
    assert scores(wind, "--cache") != first
    assert len(entries(wind)) == 3
