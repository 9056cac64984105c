"""Which files models name, and which models a change of files concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.file.load import load
from mlgitops.history.fork import differing
from mlgitops.history.named import named
from mlgitops.history.paths import place
from tests.history.test_stays import commit, git

if TYPE_CHECKING:
    from tests.team import Team

FILE = """\
version: 2
include: models/*.yaml
models:
  by-recipe: {versions: {1: {train: wind}}, stages: {}}
  by-gate: {gates: {Production: [{python: "checks.wind:is_calm"}]}, stages: {}}
  by-rows: {evaluation: {data: rows/holdout.csv, target: y}, stages: {}}
  by-rows-elsewhere: {evaluation: {data: "https://example.org/rows.csv", target: y}, stages: {}}
  by-nothing: {stages: {}}
"""
INCLUDED = (
    "models: {included: {evaluation: {data: ./rows/x/../holdout.csv, target: y}, stages: {}}}\n"
)


@pytest.fixture
def base(team: Team) -> str:
    """A commit with all that models name, and with more."""
    files = {"models.yaml": FILE, "models/a.yaml": INCLUDED}
    names = ("training/wind.py", "training/data/x.csv", "checks/wind.py", "rows/holdout.csv")
    files |= dict.fromkeys((*names, "checks.py", "rows/other.csv", "tool.py"), "")
    for name, text in files.items():
        (team.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (team.folder / name).write_text(text)
    git(team, "init", "--quiet")
    git(team, "add", "--all")
    return commit(team, "Start", day=1)


@pytest.mark.parametrize(
    ("changed", "models"),
    [
        ("training/wind.py", {"by-recipe"}),
        ("training/data/x.csv", {"by-recipe"}),
        ("checks/wind.py", {"by-gate"}),
        ("checks.py", {"by-gate"}),
        ("rows/holdout.csv", {"by-rows", "included"}),
        ("rows/other.csv", set()),
        ("tool.py", set()),
        ("models/a.yaml", set()),
    ],
)
def test_a_file_concerns_the_models_that_name_it(
    team: Team, base: str, changed: str, models: set[str]
) -> None:
    """Changed, removed or moved, in the work tree or in a commit since."""
    found = named(load(team.file), place(team.file))
    path = team.folder / changed
    assert found.models(differing(team.file, base)) == set()
    with path.open("a") as file:
        file.write("# new\n")
    assert found.models(differing(team.file, base)) == models
    git(team, "checkout", "--quiet", changed)
    git(team, "mv", changed, "moved")
    assert found.models(differing(team.file, base)) == models
    commit(team, "Move", day=2)
    assert found.models(differing(team.file, base)) == models
    assert found.models(differing(team.file, base, "HEAD")) == models
    assert any(map(found.has, differing(team.file, base))) is bool(models)
