"""What the demo chooses to promote; tests/stack plays it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.cli import run
from mlgitops.errors import DemoError
from mlgitops.file.load import loads
from mlgitops.scaffold import render
from mlgitops.scaffold.answers import Answers
from mlgitops.scaffold.play import Demo, process, promotion_of, summary

if TYPE_CHECKING:
    from pathlib import Path

RECIPES = (
    "versions: {1: {train: a, params: {}}, 2: {train: a, params: {}}, 3: {train: a, params: {}}}"
)


def chosen(model: str) -> tuple[str, int, int]:
    """Stage, old and new version of the promotion for one model."""
    found = promotion_of(loads(f"version: 2\nmodels: {{m: {{{model}}}}}\n", "models.yaml"))
    return found.stage.name, found.old, found.new


def test_the_example_can_be_promoted() -> None:
    """What `init` writes without a registry is enough for the demo."""
    found = promotion_of(loads(render.team(Answers())["models.yaml"], "models.yaml"))
    assert (found.model, found.old, found.new) == ("example-model", 1, 2)


def test_what_another_stage_holds_comes_first() -> None:
    """A version that was staged is likelier to pass its gates than another."""
    staged = f"{RECIPES}, stages: {{Staging: 3, Production: 1}}"
    assert chosen(staged) == ("Production", 1, 3)
    assert chosen(f"{RECIPES}, stages: {{Production: 1}}") == ("Production", 1, 2)


@pytest.mark.parametrize(
    "model",
    [
        "stages: {Production: 1}",
        f"{RECIPES}, stages: {{Staging: 1}}",
        f"{RECIPES}, stages: {{Production: 4}}",
        "versions: {1: {train: a, params: {}}}, stages: {Production: 1}",
    ],
)
def test_where_there_is_nothing_to_promote(model: str) -> None:
    """An imported file has no recipes: the demo says where it can run."""
    with pytest.raises(DemoError, match="in an empty folder"):
        chosen(model)


@pytest.mark.parametrize("own", [True, False])
def test_it_ends_with_the_address_of_the_site(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, own: bool
) -> None:
    """And with the command that serves it: from the history that the demo has made."""
    state = tmp_path / ".mlgitops"
    demo = Demo(root=tmp_path, state=state, run=run, url="sqlite:///a.db", served=process)
    demo.scratch.mkdir(parents=True)
    for folder in (demo.scratch, *([tmp_path] if own else [])):
        (folder / "models.yaml").write_text("version: 2\nmodels: {m: {stages: {}}}\n")
    (state / "site").mkdir()
    (state / "site" / "index.html").touch()
    summary(demo)
    said = capsys.readouterr().out
    assert f"the status site       {(state / 'site' / 'index.html').as_uri()}\n" in said
    assert "mlflow ui --backend-store-uri sqlite:///a.db\n" in said
    serving = "mlgitops site .mlgitops/site --serve --file .mlgitops/scratch/models.yaml"
    assert f"  {serving}: the site with its search\n" in said
    assert ("  mlgitops init\n" in said) == (not own)


def test_a_step_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """A verb's own error is in the log; a step prints a line and nothing else."""
    state = tmp_path / ".mlgitops"
    demo = Demo(root=tmp_path, state=state, run=run, url="sqlite:///a.db", served=process)
    demo.scratch.mkdir(parents=True)
    with pytest.raises(DemoError) as raised, demo.step("Apply"):
        demo.mlgitops("validate")
    first, *_, last = str(raised.value).splitlines()
    assert first == f"mlgitops validate ended with exit code 1; the end of {demo.log}:"
    assert "models.yaml" in last
