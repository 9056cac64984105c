"""What a repository keeps of how it was made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import ScaffoldError
from mlgitops.scaffold import kept, render
from mlgitops.scaffold.answers import Answers, GitHub

if TYPE_CHECKING:
    from pathlib import Path

ANSWERS = Answers(github=GitHub.SERVER)
KEPT = kept.Kept(version="1.2.3", answers=ANSWERS, files=render.github(ANSWERS))


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    """Version, answers and every file; what was kept before is gone."""
    kept.write(tmp_path, KEPT)
    assert kept.read(tmp_path) == KEPT
    fewer = replace(KEPT, version="1.3.0", files={"a/.b": "c\n"})
    kept.write(tmp_path, fewer)
    assert kept.read(tmp_path) == fewer


def test_copies_are_not_taken_for_workflows(tmp_path: Path) -> None:
    """Renovate takes any path with .github/workflows/ for one, and would change the copy too."""
    kept.write(tmp_path, KEPT)
    assert (tmp_path / ".github/mlgitops/base/dot_github/workflows/plan.yml").is_file()
    assert len(list(tmp_path.rglob(".github"))) == 1


def test_where_nothing_is_kept(tmp_path: Path) -> None:
    """A repository that `init` did not make keeps nothing."""
    assert kept.read(tmp_path) is None


@pytest.mark.parametrize(
    "text", ["[]", "engine: lock", "mlgitops: 1\nengine: none", "mlgitops: 1\nnew: 1", "{"]
)
def test_other_forms_are_refused(tmp_path: Path, text: str) -> None:
    """A newer engine, or somebody, wrote something else."""
    kept.write(tmp_path, KEPT)
    (tmp_path / ".github/mlgitops/answers.yaml").write_text(text)
    with pytest.raises(ScaffoldError, match=r"answers\.yaml: not what `mlgitops init` wrote"):
        kept.read(tmp_path)
