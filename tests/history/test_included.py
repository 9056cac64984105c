"""Many teams' files: what moves between them is the same models with the same history."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from mlgitops.core.scope import changed_keys, changed_models
from mlgitops.file.load import load
from mlgitops.history.revisions import revisions_of
from mlgitops.history.stays import Stay, timeline
from mlgitops.system import git

TEAMS = 200
MAIN = "version: 2\nowner: windy/farm\ninclude: teams/**/*.yaml\n"
PLACES = st.integers(0, TEAMS - 1)


@settings(max_examples=5)
@given(moves=st.lists(st.dictionaries(PLACES, PLACES, min_size=1), min_size=1, max_size=3))
def test_moving_models_between_two_hundred_files(moves: list[dict[int, int]]) -> None:
    """Whatever moves where, also all out of a file: each stay began when the stage was declared."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "models.yaml"
        file.write_text(MAIN)
        git.run(file, "init", "--quiet", "--initial-branch=main")
        homes = {model: model for model in range(TEAMS)}
        write(file, homes)
        before = commit(file)
        stays, declared = history(file), load(file)
        assert len(stays) == TEAMS
        for moved in moves:
            homes |= moved
            write(file, homes)
            commit(file)
            now = load(file)
            assert (changed_keys(declared, now), changed_models(declared, now)) == ((), ())
        assert history(file) == stays
        assert {stay.commit for stay in stays} == {before}


def write(file: Path, homes: dict[int, int]) -> None:
    """Give each model to its team's file; a team without models has none."""
    shutil.rmtree(file.parent / "teams", ignore_errors=True)
    for team in sorted(set(homes.values())):
        path = file.parent / f"teams/{team % 7}/{team}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        own = (model for model, home in homes.items() if home == team)
        text = "".join(f"  m{one}: {{stages: {{Production: {one + 1}}}}}\n" for one in own)
        path.write_text(f"models:\n{text}")


def commit(file: Path) -> str:
    """Commit all files; returns the commit."""
    git.run(file, "add", "--all")
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    git.run(file, *who, "commit", "--quiet", "--allow-empty", "--message", "Move models")
    return git.run(file, "rev-parse", "HEAD")


def history(file: Path) -> tuple[Stay, ...]:
    """Who held which stage since when, by git's record alone."""
    return timeline(revisions_of(file), None)
