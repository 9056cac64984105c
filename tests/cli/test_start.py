"""Starting: a file from a registry, a registry from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core.diff import diff
from mlgitops.core.held import Held, HeldModel
from mlgitops.file.importing import imported
from mlgitops.file.load import load, loads
from tests.history.test_stays import commit

if TYPE_CHECKING:
    from tests.team import Team

ALIASES = st.sampled_from(
    ["production", "staging", "shadow", "Champion", "champion", "production-eu"]
)
HELD = st.builds(
    HeldModel,
    name=st.sampled_from(["wind", "solar", "Wind", "a b", "x" * 201]),
    aliases=st.dictionaries(ALIASES, st.integers(1, 3)),
    classic=st.dictionaries(st.sampled_from(["Production", "Staging"]), st.integers(1, 3)),
)


@given(models=st.lists(HELD, max_size=4, unique_by=lambda model: model.name))
def test_importing_then_planning_is_empty(models: list[HeldModel]) -> None:
    """Whatever a registry holds, its file is valid and asks for nothing; the rest is reported."""
    actual = Held(models={model.name: model for model in models})
    made = imported(actual)
    desired = loads(made.text, "models.yaml")
    assert desired.version == 2
    assert desired.stages == made.declared
    assert diff(desired, actual).changes == ()
    for model in models:
        if model.name not in desired.models:
            assert any(repr(model.name) in line for line in made.left_out)
            continue
        listed = {stage.alias for stage in desired.models[model.name].stages}
        clashing = {one.lower() for one, _ in model.clashes}
        assert model.stages.keys() - listed == clashing
        assert all(any(alias in line.lower() for line in made.left_out) for alias in clashing)


def test_import_from_a_registry(team: Team) -> None:
    """The file is what aliases and classic stages say; the first plan is empty, nothing moves."""
    team.versions(3)
    team.version("solar")
    team.client.set_registered_model_alias("wind", "champion", "3")
    team.client.set_registered_model_alias("wind", "production", "2")
    team.move_by_hand(2, "Production")
    team.move_by_hand(1, "Staging")

    ran = team.ok("import")

    assert "left out" not in ran.err
    assert team.file.read_text().endswith(
        "\nversion: 2\nstages: [Staging, Production, {name: champion, production: true}]\n"
        "models:\n  solar:\n    stages: {}\n  wind:\n    stages:\n      Staging: 1\n"
        "      Production: 2\n      champion: 3\n"
    )
    assert team.run("plan", "--exit-code").code == 0
    assert team.ok("validate").code == 0
    assert team.tag(2, "Production") is None


@pytest.mark.parametrize(
    ("aliases", "expected"),
    [
        ((), "stages: [Staging, Production]"),
        (("production",), "stages: [Staging, Production]"),
        (("champion", "challenger"), "stages: [challenger, {name: champion, production: true}]"),
        (("shadow", "Prod", "on"), "stages: ['on', shadow, {name: Prod, production: true}]"),
        (("blue", "green"), "stages: [blue, green]"),
        (
            tuple(f"eu-{n}-champion" for n in range(9)),
            "  eu-6-champion, eu-7-champion, eu-8-champion]",
        ),
    ],
)
def test_import_declares_what_it_found(team: Team, aliases: tuple[str, ...], expected: str) -> None:
    """Those whose name says that they serve as production; if none does, it says so."""
    team.versions(1)
    for alias in aliases:
        team.client.set_registered_model_alias("wind", alias, "1")
    ran = team.ok("import")
    assert expected in team.file.read_text(encoding="utf-8").splitlines()
    guarded = "roduction" in expected
    assert ("declares no stage as production" in ran.err) == (not guarded)
    assert team.run("plan", "--exit-code").code == 0


def test_import_does_not_overwrite(team: Team) -> None:
    """A file that is there stays, unless --force is given."""
    team.stages(Production=1)
    before = team.file.read_text()
    ran = team.run("import")
    assert (ran.code, team.file.read_text()) == (1, before)
    assert "models.yaml already exists" in ran.err
    team.ok("import", "--force")
    assert team.file.read_text() != before


@pytest.fixture
def _sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes train on the synthetic sample, wherever the real data are."""
    monkeypatch.delenv("WINDFARM_DATA", raising=False)


rehearsed = pytest.mark.usefixtures("_sample")
SMALL = """\
models:
  power-forecasting-model:
    versions:
      1: {train: power_forecasting, params: {estimator: linear}}
      2: {train: power_forecasting, params: {estimator: linear, features: [wind_speed_08]}}
    gates:
      Production:
        - {metric: test_r2, min: 0.5}
        - {promoted_from: Staging}
    stages: {Staging: 2, Production: 1}
"""


@rehearsed
def test_rebuild(team: Team) -> None:
    """An empty registry gets every version and stage; a second time it is refused."""
    team.write(SMALL)
    team.ok("rebuild")
    assert team.aliases("power-forecasting-model") == {"staging": 2, "production": 1}
    stamp = team.tag(1, "Production", "power-forecasting-model")
    assert stamp is not None
    assert team.client.get_run(stamp["record"]).info.status == "FINISHED"
    assert team.run("plan", "--exit-code").code == 0
    ran = team.run("rebuild")
    assert ran.code == 1
    assert "has power-forecasting-model already" in ran.err


@pytest.mark.thorough
@rehearsed
def test_rebuild_of_another_revision(team: Team) -> None:
    """What a commit says is rebuilt, whatever the file says now; no file means nothing to do."""
    team.write("models: {}\n")
    first = commit(team, "Start", day=1)
    team.write(SMALL)
    commit(team, "Add a model", day=2)
    team.file.write_text("models: [broken")
    team.ok("rebuild", "--revision", first)
    assert team.client.search_registered_models() == []
    team.ok("rebuild", "--revision", "HEAD")
    assert team.aliases("power-forecasting-model") == {"staging": 2, "production": 1}
    assert "nothing to rebuild" in team.ok("rebuild", "--revision", "HEAD", "-f", "no.yaml").out
    ran = team.run("rebuild", "--revision", "--upload-pack=x")
    assert ran.code == 1
    assert "git rev-parse" in ran.err


@rehearsed
def test_rebuild_for_a_plan(team: Team) -> None:
    """--planned trains what the plan compares; other versions have their number and no model.

    The plan is the one that a full rebuild gives, and the recipe of what was not trained is known.
    """
    third = "      3: {train: power_forecasting, params: {estimator: linear, seed: 3}}\n"
    text = SMALL.replace("    gates:\n", third + "    gates:\n").replace("Staging: 2", "Staging: 3")
    text = text.replace("        - {promoted_from: Staging}\n", "")
    team.write(text)
    commit(team, "Start", day=1)
    team.write(text.replace("Production: 1", "Production: 2"))
    team.ok("rebuild", "--revision", "HEAD", "--planned")
    versions = team.client.search_model_versions("name='power-forecasting-model'")
    assert {int(v.version): bool(v.run_id) for v in versions} == {1: True, 2: True, 3: False}
    assert team.aliases("power-forecasting-model") == {"staging": 3, "production": 1}
    told = team.ok("plan", "--format", "markdown").out
    assert "| power-forecasting-model | Production | 1 → 2 | 1 passed |" in told
    assert "| test\\_mae | " in told
    team.ok("train")
    assert len(team.client.search_model_versions("name='power-forecasting-model'")) == 3


@pytest.mark.thorough
@rehearsed
def test_rebuild_of_a_revision_from_before_stages_were_declared(team: Team) -> None:
    """The commit that declares a team's own stage can be rehearsed from the one before it."""
    text = SMALL.replace("Staging", "shadow")
    team.write(text)
    first = commit(team, "Start", day=1)
    assert "stage 'shadow' is not declared" in team.run("rebuild", "--revision", first).err
    team.write(f"version: 2\nstages: [shadow, Production]\n{text}")
    team.ok("rebuild", "--revision", first)
    assert team.aliases("power-forecasting-model") == {"shadow": 2, "production": 1}


def test_rebuild_needs_recipes(team: Team) -> None:
    """A stage whose version has no recipe is named, with its line, before anything is trained."""
    team.write(SMALL.replace("Staging: 2", "Staging: 3"))
    ran = team.run("rebuild")
    assert ran.code == 1
    assert "models.yaml:10" in ran.err
    assert "version 3 has no recipe" in ran.err
    assert team.client.search_registered_models() == []


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_rebuild_in_every_format(team: Team, form: str) -> None:
    """An empty file is rebuilt into an empty registry in every format."""
    team.write("models: {}\n")
    team.ok("rebuild", "--format", form)


def test_the_repository_itself_can_be_imported(team: Team) -> None:
    """What models.yaml of this repository declares, once in a registry, imports to the same."""
    source = Path(__file__).resolve().parents[2] / "models.yaml"
    wanted = load(source)
    for model in wanted.models.values():
        team.versions(max(model.versions), model.name)
    pairs = {m.name: {s.name: s.version for s in m.stages} for m in wanted.models.values()}
    body = "".join(
        f"  {name}: {{stages: {str(s).replace(chr(39), '')}}}\n" for name, s in pairs.items()
    )
    team.write(f"models:\n{body}")
    team.ok("apply")
    team.ok("import", "--output", "imported.yaml")
    again = load(team.folder / "imported.yaml")
    assert {m.name: {s.name: s.version for s in m.stages} for m in again.models.values()} == pairs
