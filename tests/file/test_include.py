"""`include`: several files are one models.yaml, for every check and every verb that edits."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import DesiredStateError
from mlgitops.file.load import load, loads, of_revision
from mlgitops.file.texts import read
from mlgitops.history.revisions import texts_at
from tests.history.test_stays import commit, git

if TYPE_CHECKING:
    from tests.team import Team

MAIN = """\
version: 2
owner: windy/farm
include: models/*.yaml
"""
WIND = """\
# the wind team's
models:
  wind:
    stages:
      Staging: 2 # on trial
      Production: 1
"""
SUN = """\
models:
  sun: {stages: {Staging: 1, Production: null}}
"""


def write(team: Team, **files: str) -> None:
    """Write files by path; `__` is a slash, and `.yaml` follows."""
    for name, text in files.items():
        path = team.folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def teams(team: Team) -> Team:
    """Two teams, each with a file of its own."""
    write(team, models=MAIN, models__wind=WIND, models__sun=SUN)
    return team


def test_files_are_one(teams: Team) -> None:
    """Models come from all files, each with its place; those of models.yaml first."""
    write(teams, models=f"{MAIN}models:\n  z: {{stages: {{}}}}\n")
    found = load(teams.file).models
    assert list(found) == ["z", "sun", "wind"]
    assert str(found["wind"].where).endswith("models/wind.yaml:3:3")
    assert "3 models, 4 stages" in teams.ok("validate").out


@pytest.mark.parametrize("said", ["models/**/*.yaml", "[models/*.yaml, models/a/?.yaml]"])
def test_patterns(teams: Team, said: str) -> None:
    """** is folders of any depth; names that begin with a dot are left out."""
    write(teams, models=MAIN.replace("models/*.yaml", said))
    write(teams, models__a__b=SUN.replace("sun", "deep"))
    write(teams, **{"models__.draft": "not: [", "models__.x__y": "not: ["})
    assert set(load(teams.file).models) == {"sun", "wind", "deep"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("other/*.yaml", "models.yaml:3:1: 'other/*.yaml' matches no file"),
        ("[models/*.yaml, x.yaml]", "models.yaml:3:26: 'x.yaml' matches no file"),
        ("../*.yaml", "leads out of the folder of models.yaml"),
        ("/etc/*.yaml", "leads out of the folder of models.yaml"),
        ("models/*", "must end in .yaml or .yml"),
        ("models/**.yaml", "** must stand alone"),
        ("models/**/a/**/*.yaml", "has ** more than once"),
        (".github/*.yml", "begins with a dot"),
        ("'models/[ab].yaml'", "with *, ? and ** alone"),
        ("'*.yaml'", "includes this very file"),
        ("1", "must be a path such as models/*.yaml"),
    ],
)
def test_patterns_that_are_errors(teams: Team, said: str, told: str) -> None:
    """Each is told with its place in models.yaml."""
    write(teams, models=MAIN.replace("models/*.yaml", said))
    ran = teams.run("validate")
    assert ran.code == 1
    assert told in ran.err
    assert "models.yaml:3:" in ran.err
    assert ran.err.count("error: ") == 1


@pytest.mark.parametrize("inside", [True, False])
def test_links_are_errors(teams: Team, inside: bool) -> None:
    """A file or a folder that is a link, wherever it leads: git's trees have no text of it."""
    leads = "models/sun.yaml" if inside else "../outside.yaml"
    (teams.folder / "models/x.yaml").symlink_to(teams.folder / leads)
    told = teams.run("validate").err
    assert "models/x.yaml is a link that leads" in told
    assert ("out of the folder" in told) is not inside
    (teams.folder / "models/x.yaml").unlink()
    (teams.folder / "models").rename(teams.folder / "there")
    (teams.folder / "models").symlink_to(teams.folder / "there")
    assert "models is a link that leads" in teams.run("validate").err


def test_all_problems_of_all_files_are_one_list(teams: Team) -> None:
    """Each names its file and line, in the order of files, and says what to do."""
    write(teams, models__a="stages: [X]\ninclude: y\nsize: 1\nmodels: {}\n")
    write(teams, models__b="models:\n  wind: {stages: {Stagin: 1}}\n")
    write(teams, models__c="models: [")
    first = teams.run("validate").err.splitlines()
    assert [line.partition("models/")[2].partition(" ")[0] for line in first] == [
        "a.yaml:1:1:",
        "a.yaml:2:1:",
        "a.yaml:3:1:",
        "c.yaml:2:1:",
    ]
    assert "'stages' belongs in the file that includes this one" in first[0]
    assert "unknown key 'size'; allowed keys: models, prompts" in first[2]
    (teams.folder / "models/a.yaml").unlink()
    (teams.folder / "models/c.yaml").unlink()
    told = teams.run("validate").err
    assert "models/b.yaml:2:19: wind Stagin: stage 'Stagin' is not declared" in told
    assert "models/wind.yaml:3:3: wind: 'wind' is in models/b.yaml in line 2, too" in told


def test_names_that_differ_in_case_only_are_found_across_files(teams: Team) -> None:
    """As are prompts of a model's name."""
    write(teams, models__x="models:\n  Sun: {stages: {}}\nprompts:\n  wind: {stages: {}}\n")
    told = teams.run("validate").err
    assert "differs from 'sun' only in case" in told
    assert "'wind' is in models/wind.yaml in line 3, too" in told or "in models/x.yaml" in told


def test_include_needs_form_2(teams: Team) -> None:
    """Form 1 stays as it was."""
    write(teams, models=MAIN.replace("version: 2\n", ""))
    assert "'include' needs form 2" in teams.run("validate").err


def test_anchors_are_those_of_one_file(teams: Team) -> None:
    """An alias to another file's anchor is an error of its file."""
    write(teams, models__sun="models:\n  sun: {stages: {Staging: *one}}\n")
    write(teams, models__a="models:\n  a: {stages: {Staging: &one 1}}\n")
    assert (
        "models/sun.yaml:2:27: not valid YAML: found undefined alias" in teams.run("validate").err
    )


def test_verbs_edit_the_file_that_has_the_model(teams: Team) -> None:
    """Every other byte of every file stays, comments included."""
    git(teams, "init", "--quiet")
    git(teams, "add", "--all")
    commit(teams, "Start", day=1)
    done = teams.ok("promote", "wind", "Production", "2")
    assert "models/wind.yaml: wind Production is now at 2" in done.out
    wind = teams.folder / "models/wind.yaml"
    assert wind.read_text() == WIND.replace("Production: 1", "Production: 2")
    git(teams, "add", "--all")
    commit(teams, "Promote", day=2)
    assert "already at 2" in teams.ok("promote", "wind", "production", "2").out
    assert "models/wind.yaml" in teams.ok("rollback", "wind", "Production").out
    assert wind.read_text() == WIND
    assert teams.file.read_text() == MAIN
    assert (teams.folder / "models/sun.yaml").read_text() == SUN
    assert teams.run("promote", "wnd", "Staging", "1").code == 64


def test_pins_are_written_into_each_file(teams: Team) -> None:
    """All stages of all files at once."""
    teams.versions(2, "wind")
    teams.versions(1, "sun")
    said = teams.ok("pin").out
    assert "models/wind.yaml: wind Production version 1 is now pinned" in said
    assert (teams.folder / "models/wind.yaml").read_text().count("sha256:") == 2
    assert (teams.folder / "models/sun.yaml").read_text().count("sha256:") == 1
    assert teams.file.read_text() == MAIN
    teams.ok("pin", "--check")


def test_a_moved_model_changes_nothing_in_the_registry(teams: Team) -> None:
    """The plan is empty, stamps and history stay, and the plan that was shown before is stale."""
    teams.versions(2, "wind")
    teams.versions(1, "sun")
    git(teams, "init", "--quiet")
    git(teams, "add", "--all", ":!.mlgitops")
    commit(teams, "Start", day=1)
    teams.ok("apply")
    before = teams.ok("history").out
    write(teams, models__sun=SUN + WIND.partition("models:\n")[2])
    (teams.folder / "models/wind.yaml").unlink()
    git(teams, "add", "--all", ":!.mlgitops")
    moved = commit(teams, "Move wind to the sun", day=2)
    teams.ok("plan", "--exit-code")
    assert teams.ok("history").out == before
    teams.ok("promote", "wind", "Production", "2")
    git(teams, "add", "--all", ":!.mlgitops")
    newest = commit(teams, "Promote", day=3)
    assert newest != moved
    teams.ok("apply")
    assert newest[:7] in teams.ok("history").out


def test_a_change_of_an_included_file_is_uncommitted_or_of_its_commit(teams: Team) -> None:
    """Stamps name the commit that changed the entry; a new file that is not added counts."""
    teams.versions(2, "wind")
    teams.versions(1, "sun")
    git(teams, "init", "--quiet")
    git(teams, "add", "--all", ":!.mlgitops", ":!models/wind.yaml")
    commit(teams, "Start", day=1)
    assert "is not committed" in teams.ok("apply").err


def test_a_plan_is_of_all_files(teams: Team) -> None:
    """After another file changed, `apply --plan` refuses."""
    teams.versions(2, "wind")
    teams.versions(1, "sun")
    teams.ok("plan", "--out", "plan.json")
    write(teams, models__sun=SUN + "# another day\n")
    ran = teams.run("apply", "--plan", "plan.json")
    assert ran.code == 3
    assert "models.yaml has changed" in ran.out + ran.err


def test_a_revision_is_read_from_its_own_tree(teams: Team) -> None:
    """Files that the work tree does not have any more, and none that it has since."""
    git(teams, "init", "--quiet")
    git(teams, "add", "--all")
    commit(teams, "Start", day=1)
    (teams.folder / "models/sun.yaml").unlink()
    write(teams, models__rain=SUN.replace("sun", "rain"))
    texts = texts_at(teams.file, "HEAD")
    assert texts is not None
    found = of_revision(texts, teams.file, "HEAD").models
    assert set(found) == {"wind", "sun"}
    assert found["sun"].where.file.endswith("models/sun.yaml of HEAD")


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_what_is_as_it_was_is_not_read_again(teams: Team, form: str) -> None:
    """Git needs not even have it; what differs is as it was in the commit."""
    git(teams, "init", "--quiet", f"--object-format={form}")
    git(teams, "add", "--all")
    commit(teams, "Start", day=1)
    write(teams, models__wind=WIND.replace("wind", "storm"))
    now = read(teams.file)
    asked = texts_at(teams.file, "HEAD")
    assert asked is not None
    found = subprocess.run(
        ["git", "-C", teams.folder, "rev-parse", "HEAD:models/sun.yaml"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()
    (teams.folder / ".git" / "objects" / found[:2] / found[2:]).unlink()
    texts = texts_at(teams.file, "HEAD", now)
    assert texts is not None
    assert texts.whole == asked.whole


def test_an_import_says_which_files_it_does_not_replace(teams: Team) -> None:
    """It writes one file; what that included stays, and is read no longer."""
    teams.versions(1, "sun")
    ran = teams.ok("import", "--force")
    assert (
        "models.yaml no longer includes models/sun.yaml, models/wind.yaml; remove them" in ran.err
    )
    assert (teams.folder / "models/sun.yaml").exists()
    assert list(load(teams.file).models) == ["sun"]


def test_a_time_is_asked_across_moves(teams: Team) -> None:
    """`history --at` knows what a model held before, while and after it was in another file."""
    git(teams, "init", "--quiet")
    git(teams, "add", "--all")
    commit(teams, "Start", day=1)
    write(teams, models__sun=SUN + WIND.partition("models:\n")[2], models__wind="models: {}\n")
    git(teams, "add", "--all")
    commit(teams, "Move wind to the sun", day=3)
    teams.ok("promote", "wind", "Production", "2")
    git(teams, "add", "--all")
    commit(teams, "Promote", day=5)
    for day, version in ((2, 1), (4, 1), (6, 2)):
        asked = ("--offline", "--at", f"2026-11-{day:02}", "--format", "json")
        stays = teams.ok("history", "wind", "Production", *asked).document["stays"]
        assert [stay["version"] for stay in stays] == [version]


def test_a_version_is_blocked_in_the_file_that_has_it(teams: Team) -> None:
    """And both stages that held it go back there."""
    git(teams, "init", "--quiet")
    git(teams, "add", "--all")
    commit(teams, "Start", day=1)
    teams.ok("promote", "wind", "Production", "2")
    git(teams, "add", "--all")
    commit(teams, "Promote", day=2)
    teams.ok("rollback", "wind", "Production", "--block", "--reason", "leaks")
    found = load(teams.file).models["wind"]
    assert {stage.name: stage.version for stage in found.stages} == {
        "Staging": None,
        "Production": 1,
    }
    assert list(found.blocked) == [2]
    assert teams.file.read_text() == MAIN
    assert (teams.folder / "models/sun.yaml").read_text() == SUN
    assert "blocked" in teams.run("promote", "wind", "Staging", "2").err


def test_models_yaml_cannot_include_itself_at_a_revision_either(teams: Team) -> None:
    """One error, and the same; its models are not said to be in two files."""
    main = MAIN.replace("models/*.yaml", "'*.yaml'")
    write(teams, models=f"{main}models:\n  z: {{stages: {{}}}}\n", x=SUN)
    git(teams, "init", "--quiet")
    git(teams, "add", "--all")
    commit(teams, "Start", day=1)
    texts = texts_at(teams.file, "HEAD")
    assert texts is not None
    for told in (read(teams.file), texts):
        assert [one.path for one in told.included] == ["x.yaml"]
        with pytest.raises(DesiredStateError) as caught:
            loads(told, str(teams.file))
        (problem,) = caught.value.problems
        assert problem.message == "includes this very file; name others"
