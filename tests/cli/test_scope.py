"""`plan --changed-since`: what a branch changes is planned, and nothing else is read."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlgitops.cli.scope import declared
from mlgitops.errors import EXIT_PENDING
from mlgitops.file.texts import read
from tests.history.test_stays import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.proxy import Proxy
    from tests.team import Ran, Team

STAGES = "stages: {Production: 1}"


def declaring(names: list[str], stages: str = STAGES, **other: str) -> str:
    """A models.yaml with these models; some with another entry."""
    lines = (f"  {name}: {{{other.get(name, stages)}}}\n" for name in names)
    return "owner: acme/farm\nmodels:\n" + "".join(lines)


NAMES = ["churn", "solar", "wind"]


@pytest.fixture
def three(team: Team) -> Team:
    """Three models with two versions each, declared on main and applied."""
    for name in NAMES:
        team.versions(2, name)
    team.write(declaring(NAMES))
    commit(team, "Declare them", day=1)
    team.ok("apply")
    return team


def planned(team: Team, *arguments: str, since: str = "HEAD") -> Ran:
    """A plan of what changed since a commit, as JSON."""
    options = ("--changed-since", since, "--quick", "--format", "json")
    return team.run("plan", *options, *arguments)


def changes(ran: Ran) -> list[tuple[str, int | None, int | None]]:
    """Model, old and new version of each change."""
    return [(one["model"], one["old"], one["new"]) for one in ran.document["changes"]]


def test_a_report_says_that_its_commit_has_another_file(three: Team) -> None:
    """So nobody takes the plan of a file that is not committed for that of a commit."""
    commit_line = "commit `" + git(three, "rev-parse", "HEAD")[:12]
    clean = three.ok("plan", "--quick", "--format", "markdown").out
    assert commit_line in clean
    assert "not as committed" not in clean
    three.write(declaring(NAMES, wind="stages: {Production: 2}"))
    changed = three.ok("plan", "--quick", "--format", "markdown").out
    assert commit_line in changed
    assert "models.yaml not as committed" in changed


def test_what_changed_is_planned_and_nothing_else(three: Team) -> None:
    """Drift of another model is not looked for; the report says what the plan is about."""
    three.client.set_registered_model_alias("solar", "production", "2")
    three.write(declaring(NAMES, wind="stages: {Production: 2}"))
    ran = planned(three)
    assert changes(ran) == [("wind", 1, 2)]
    head = git(three, "rev-parse", "HEAD")
    said = {"models": ["wind"], "why": f"changed since HEAD ({head[:7]})", "commit": head}
    assert ran.document["scope"] == said
    assert ran.document["stages"] == 3
    assert {model for model, _, _ in changes(three.ok("plan", "--quick", "--format", "json"))} == {
        "solar",
        "wind",
    }
    line = f"Scope: 1 model changed since HEAD ({head[:7]})."
    assert line in three.ok("plan", "--quick", "--changed-since", "HEAD").out
    reports = ("--report", "plan.md", "--report", "plan.html")
    three.ok("plan", "--quick", "--changed-since", "HEAD", *reports)
    assert "Scope: 1 model changed since HEAD" in (three.folder / "plan.md").read_text()
    assert line in (three.folder / "plan.html").read_text()


def test_comments_order_and_style_change_nothing(three: Team) -> None:
    """The plan says so, and succeeds also where pending changes are an exit code."""
    three.write(
        "# by team\nmodels:\n  wind:\n    stages:\n      Production: 1  # since May\n"
        "  churn: {stages: {Production: 1}}\n\n  'solar': {stages: {Production: 1}}\n"
        "owner: acme/farm\n"
    )
    ran = three.ok("plan", "--changed-since", "HEAD", "--exit-code")
    assert "No changes in scope; 3 stages managed." in ran.out
    assert "Scope: 0 models changed since HEAD" in ran.out


def test_an_entry_that_was_removed_is_in_scope(three: Team) -> None:
    """Its stages are to be emptied, and the guard looks at that."""
    three.write(declaring(["churn", "solar"]))
    ran = planned(three)
    assert changes(ran) == [("wind", 1, None)]
    assert ran.code == 3
    assert "empties-production" in ran.err


def test_an_entry_whose_model_is_gone_from_both(three: Team) -> None:
    """There is nothing to do, and that is no error."""
    three.client.delete_registered_model("wind")
    three.write(declaring(["churn", "solar"]))
    ran = planned(three)
    assert (ran.code, changes(ran), ran.document["scope"]["models"]) == (0, [], ["wind"])


def test_names_are_names(team: Team) -> None:
    """A name with a star in it is no pattern."""
    for name in ("a*", "ab"):
        team.versions(2, name)
    team.write("owner: o\nmodels:\n  'a*': {stages: {}}\n  ab: {stages: {Production: 1}}\n")
    commit(team, "Declare them", day=1)
    team.write(team.file.read_text().replace("stages: {}", "stages: {Production: 2}"))
    assert changes(planned(team)) == [("a*", None, 2)]


def test_a_new_entry_whose_version_does_not_exist(three: Team) -> None:
    """It is refused as in any plan."""
    three.write(declaring([*NAMES, "tidal"]))
    ran = planned(three)
    assert (ran.code, ran.document["scope"]["models"]) == (3, ["tidal"])


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("stages: [Staging, Production, Shadow]", "stages"),
        ("freeze: {reason: audit, until: 2030-01-01}", "freeze"),
        ("version: 2", "version"),
        ("recipes: other", "recipes"),
    ],
)
def test_a_key_for_all_models_means_a_full_plan(three: Team, line: str, key: str) -> None:
    """Which key it was is told."""
    three.client.set_registered_model_alias("solar", "production", "2")
    three.write(f"{declaring(NAMES)}{line}\n")
    ran = planned(three)
    assert changes(ran) == [("solar", 2, 1)]
    assert ran.document["scope"]["models"] is None
    assert ran.document["scope"]["why"].startswith(f"{key} changed since HEAD (")
    out = three.run("plan", "--quick", "--changed-since", "HEAD").out
    assert f"Scope: all models, because {key} changed since HEAD (" in out


def test_what_main_got_meanwhile_is_not_the_branchs(three: Team) -> None:
    """The file is compared with the commit at which the branch left, as in a pull request."""
    git(three, "checkout", "--quiet", "-b", "topic")
    three.write(declaring(NAMES, wind="stages: {Production: 2}"))
    commit(three, "Promote wind", day=2)
    git(three, "checkout", "--quiet", "-")
    three.write(declaring(NAMES, solar="stages: {Production: 2}"))
    commit(three, "Promote solar", day=3)
    main = git(three, "rev-parse", "--abbrev-ref", "HEAD")
    git(three, "checkout", "--quiet", "topic")
    assert changes(planned(three, since=main)) == [("wind", 1, 2)]


def test_a_file_that_was_not_there_means_all(three: Team) -> None:
    """So does one that was not valid, as nobody knows what it meant."""
    git(three, "rm", "--quiet", "--cached", "models.yaml")
    git(three, "commit", "--quiet", "--message", "Remove it")
    assert planned(three).document["scope"]["why"].startswith("models.yaml is new since HEAD (")
    three.write("models: {wind: {stages: {Production: one}}}\n")
    commit(three, "Break it", day=2)
    three.write(declaring(NAMES))
    found = planned(three).document["scope"]
    assert found["models"] is None
    assert found["why"].endswith(" is not valid")


def test_a_commit_that_cannot_be_compared_with(three: Team, tmp_path: Path) -> None:
    """Each cause is named: unknown, nothing in common, a shallow clone."""
    ran = planned(three, since="v9")
    assert ran.code == 1
    assert "error: git knows no commit 'v9'\n" in ran.err
    three.write(declaring([*NAMES, "tidal"]))
    commit(three, "More", day=2)
    first = git(three, "rev-parse", "HEAD~1")
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", f"file://{three.folder}", shallow], check=True
    )
    ran = planned(three, "--file", str(shallow / "models.yaml"), since=first)
    assert f"git knows no commit '{first}'; this clone is shallow: run `git fetch" in ran.err
    git(three, "checkout", "--quiet", "--orphan", "other")
    git(three, "commit", "--quiet", "--message", "Begin anew")
    assert "have no commit in common\n" in planned(three, since=first).err
    git(three, "update-ref", "-d", "HEAD")
    assert "git knows no commit 'HEAD'\n" in planned(three).err


def test_outside_of_a_repository(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git's own reason, and what to do."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(team.folder.parent))
    team.write(declaring(NAMES))
    ran = planned(team)
    assert (ran.code, "not a git repository" in ran.err) == (1, True)


def test_models_beside_it_are_an_error(three: Team) -> None:
    """They would be two answers to one question."""
    ran = planned(three, "wind")
    assert (ran.code, "name none beside it" in ran.err) == (64, True)


def test_guards_count_the_stages_of_all_models(team: Team) -> None:
    """The share of a scoped plan is that of the full one: many, or not."""
    names = [f"model-{n}" for n in range(12)]
    for name in names:
        team.versions(2, name)
    team.write(declaring(names))
    commit(team, "Declare them", day=1)
    team.ok("apply", "--allow", "many-changes")
    for count, code in ((3, 0), (4, 3)):
        moved = dict.fromkeys(names[:count], "stages: {Production: 2}")
        team.write(declaring(names, **moved))
        ran = planned(team)
        assert (ran.code, len(changes(ran))) == (code, count)
        assert ran.document["stages"] == 12
    assert "4 of 12 stages would change" in ran.err


def test_a_saved_plan_is_applied_as_far_as_it_went(three: Team) -> None:
    """What it was not about is left alone, and makes it not out of date."""
    three.client.set_registered_model_alias("solar", "production", "2")
    three.write(declaring(NAMES, wind="stages: {Production: 2}"))
    three.ok("plan", "--quick", "--changed-since", "HEAD", "--out", "plan.json")
    ran = three.ok("apply", "--plan", "plan.json")
    assert "Scope: 1 model planned in plan.json." in ran.out
    assert [three.aliases(name)["production"] for name in NAMES] == [1, 2, 2]
    ran = three.run("apply", "--plan", "plan.json")
    assert (ran.code, "no longer pending: wind Production 1 → 2" in ran.err) == (3, True)
    three.write(declaring(NAMES, wind="stages: {Production: 1}"))
    assert "models.yaml has changed" in three.run("apply", "--plan", "plan.json").err


def test_a_saved_plan_about_nothing_applies_nothing(three: Team) -> None:
    """Drift elsewhere stays for an apply of all."""
    three.client.set_registered_model_alias("solar", "production", "2")
    three.ok("plan", "--changed-since", "HEAD", "--out", "plan.json")
    three.ok("apply", "--plan", "plan.json")
    assert three.aliases("solar") == {"production": 2}
    assert three.run("plan", "--quick", "--exit-code").code == EXIT_PENDING


def test_beside_a_base_only_what_is_under_review_decides(three: Team) -> None:
    """As a pull request plans: what was refused before is told, and refuses nothing."""
    three.write(declaring(NAMES, wind="stages: {Production: 9}"))
    commit(three, "Ask for what is not there", day=2)
    three.write(
        declaring(
            NAMES,
            solar="stages: {Production: 2}",
            wind="stages: {Staging: 1, Production: 9}",
        )
    )
    ran = planned(three, "--base", "HEAD")
    assert ran.code == 0
    assert {
        (one["model"], one["stage"], one["pending_before"]) for one in ran.document["changes"]
    } == {
        ("solar", "Production", False),
        ("wind", "Staging", False),
        ("wind", "Production", True),
    }


ONE = [
    "registered-models/get",
    "model-versions/search",
    "registered-models/search",  # for applies that are under way
]


@pytest.mark.xdist_group("server")
@pytest.mark.parametrize("count", [2, 40])
def test_requests_do_not_grow_with_the_models_declared(
    remote: Team, proxied: Proxy, count: int
) -> None:
    """One changed entry costs the requests of one model; none costs none."""
    names = [f"model-{n}" for n in range(count)]
    for name in names:
        remote.client.create_registered_model(name)
    remote.versions(2, "wind")
    remote.write(declaring([*names, "wind"], stages="stages: {}", wind=STAGES))
    commit(remote, "Declare them", day=1)
    remote.ok("apply", "wind")
    proxied.reset()
    remote.ok("plan", "--quick", "--changed-since", "HEAD")
    assert proxied.seen == []

    remote.write(remote.file.read_text().replace("wind: {stages", "wind: {description: x, stages"))
    remote.ok("plan", "--quick", "--changed-since", "HEAD")
    assert [path.removeprefix("/api/2.0/mlflow/") for _, path in proxied.seen] == ONE

    proxied.reset()
    remote.write(declaring([*names], stages="stages: {}"))
    remote.run("plan", "--quick", "--changed-since", "HEAD")
    assert [path.removeprefix("/api/2.0/mlflow/") for _, path in proxied.seen][:3] == ONE


MAIN = "owner: acme/farm\nversion: 2\ninclude: teams/*.yaml\n"


def spread(team: Team, files: dict[str, str], main: str = MAIN) -> None:
    """Write a models.yaml that includes files of teams, and no others."""
    team.write(main)
    shutil.rmtree(team.folder / "teams", ignore_errors=True)
    for name, text in files.items():
        path = team.folder / f"teams/{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def entries(**stages: int) -> str:
    """A team's file: each model with a version in Production."""
    lines = (f"  {name}: {{stages: {{Production: {one}}}}}\n" for name, one in stages.items())
    return "models:\n" + "".join(lines)


@pytest.fixture
def teams(team: Team) -> Team:
    """Three models in two files, applied."""
    for name in NAMES:
        team.versions(2, name)
    spread(team, {"a": entries(churn=1, solar=1), "b": entries(wind=1)})
    git(team, "init", "--quiet")
    git(team, "add", "models.yaml", "teams")
    commit(team, "Declare them", day=1)
    team.ok("apply")
    return team


def test_of_included_files_the_entries_count(teams: Team) -> None:
    """One that moved is as it was; one that changed as well counts, as does a removed file's."""
    spread(teams, {"c": entries(wind=1, churn=1, solar=1)})
    assert planned(teams).document["scope"]["models"] == []
    spread(teams, {"b": entries(churn=1, wind=1), "d": entries(solar=2)})
    assert changes(planned(teams)) == [("solar", 1, 2)]
    spread(teams, {"a": entries(churn=1, solar=1)})
    ran = planned(teams)
    assert (ran.code, changes(ran)) == (3, [("wind", 1, None)])


def test_another_pattern_means_all(teams: Team) -> None:
    """It is a key of the file, whatever it names."""
    files = {"a": entries(churn=1, solar=1), "b": entries(wind=1)}
    for pattern in ("[teams/*.yaml]", "teams/**/*.yaml"):
        spread(teams, files, MAIN.replace("teams/*.yaml", pattern))
        found = planned(teams).document["scope"]
        assert (found["models"] is None) is (pattern[0] != "[")
    assert found["why"].startswith("include changed since HEAD (")


MODELS = st.dictionaries(
    st.sampled_from([f"m{n}" for n in range(6)]), st.tuples(st.integers(1, 2), st.integers(0, 2))
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=MODELS, now=MODELS)
def test_what_is_in_scope_does_not_depend_on_files(
    team: Team, before: dict[str, tuple[int, int]], now: dict[str, tuple[int, int]]
) -> None:
    """New, changed and removed entries, wherever they were and are."""
    for told in (before, now):
        homes: dict[str, dict[str, int]] = {"empty": {}}
        for name, (version, home) in told.items():
            homes.setdefault(f"team{home}", {})[name] = version
        empty = "models: {}\n"
        spread(team, {h: entries(**held) if held else empty for h, held in homes.items()})
        if told is before:
            git(team, "init", "--quiet")
            git(team, "add", "--all", "models.yaml", "teams")
            git(team, "commit", "--quiet", "--allow-empty", "--message", "Declare them")
    found = declared(read(team.file), team.file, base=None, since="HEAD", models=()).scope
    assert found is not None
    assert found.models is not None
    said = ({name: version for name, (version, _) in told.items()} for told in (before, now))
    old, new = said
    assert {*found.models} == {n for n in old | new if old.get(n) != new.get(n)}
    assert len(found.models) == len({*found.models})


def test_models_whose_files_changed_are_planned(three: Team) -> None:
    """Code of their gates, their recipes, their held-out rows: what is pending is judged anew."""
    gated = declaring(NAMES, wind="gates: {Production: [{python: 'checks.calm:judge'}]}, " + STAGES)
    three.write(gated)
    code = three.folder / "checks/calm.py"
    code.parent.mkdir()
    code.write_text("def judge(case):\n    return 'stormy'\n")
    git(three, "add", "models.yaml", "checks")
    commit(three, "Gate it", day=2)
    three.client.set_registered_model_alias("wind", "production", "2")
    three.client.set_registered_model_alias("solar", "production", "2")
    assert changes(planned(three)) == []
    code.write_text("def judge(case):\n    return None\n")
    ran = planned(three)
    assert changes(ran) == [("wind", 2, 1)]
    head = git(three, "rev-parse", "HEAD")[:7]
    why = f"whose entries, or files that they name, changed since HEAD ({head})"
    assert ran.document["scope"]["why"] == why
    three.write(gated.replace("churn: {", "churn: {description: x, "))
    assert planned(three).document["scope"]["models"] == ["churn", "wind"]
