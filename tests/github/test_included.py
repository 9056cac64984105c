"""Files that models.yaml includes, in all that talks to GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.core.guards import Shown
from mlgitops.core.plan import Plan
from mlgitops.file.load import load
from mlgitops.github.propose import Rules, propose, propose_new
from mlgitops.proposal import planfile
from mlgitops.registry.connect import connect
from tests.github.test_changes import decided
from tests.github.test_verdicts import MEASURED, zipped
from tests.history.test_stays import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.github import fake
    from tests.team import Team

MAIN = "version: 2\nowner: windy/farm\ninclude: models/*.yaml\n"
WIND = """\
# the wind team's
models:
  wind:
    stages: {Staging: 2, Production: 1} # since May
    promote: {Staging: newest}
"""
SUN = "models:\n  sun: {stages: {Production: 1}}\n"
FILES = {"models.yaml": MAIN, "models/wind.yaml": WIND, "models/sun.yaml": SUN}
PROMOTED = WIND.replace("Production: 1", "Production: 2")


def write(job: Team, files: dict[str, str]) -> None:
    """Write files of the checkout."""
    for name, text in files.items():
        path = job.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def teams(job: Team, hub: fake.GitHub) -> Team:
    """A job in a checkout of main, whose models.yaml includes two teams' files."""
    write(job, FILES)
    hub.git.push("main", **FILES)
    return job


def files(hub: fake.GitHub, branch: str) -> dict[str, str]:
    """What a branch has otherwise than main."""
    before = hub.git.files("main")
    return {path: text for path, text in hub.git.files(branch).items() if before[path] != text}


def test_a_proposal_changes_the_file_that_has_the_model(teams: Team, hub: fake.GitHub) -> None:
    """One number of it; asked for again, the pull request is as it was."""
    opened = propose("wind", "Production", 2)
    assert opened.what == "opened"
    assert files(hub, "mlgitops/propose/wind/production") == {"models/wind.yaml": PROMOTED}
    assert propose("wind", "Production", 2).what == "open"
    hub.git.push("main", **{"models/sun.yaml": SUN + "# brighter\n"})
    assert propose("wind", "Production", 2, reason="better").what == "updated"
    assert files(hub, "mlgitops/propose/wind/production") == {"models/wind.yaml": PROMOTED}
    assert teams.run("propose", "wnd", "Production", "2").code == 64


def test_rules_of_included_files_propose(teams: Team, hub: fake.GitHub) -> None:
    """What a rule chose is written into the file of the rule."""
    teams.versions(3, "wind")
    told: list[str] = []
    propose_new(connect(teams.uri), Rules(), told.append, told.append)
    assert told == ["wind Staging: version 3: https://github.test/p/1 is opened"]
    text = WIND.replace("Staging: 2", "Staging: 3")
    assert files(hub, "mlgitops/propose/wind/staging") == {"models/wind.yaml": text}


def proposed(job: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch, **files: str) -> Any:
    """What becomes of a checkout of main in a run on a pull request that has these files."""
    monkeypatch.setenv("GITHUB_SHA", hub.git.commit(hub.git.tree(files), "Propose"))
    return job.run("github", "proposed")


def test_what_a_pull_request_includes_lies_in_the_checkout_of_the_base(
    teams: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed, added by another pattern, and removed; nothing else of it."""
    head = {
        "models.yaml": MAIN.replace("models/*.yaml", "[models/*.yaml, rain/**/*.yaml]"),
        "models/wind.yaml": PROMOTED,
        "rain/a/b.yaml": SUN.replace("sun", "rain"),
        "training/evil.py": "x",
    }
    assert proposed(teams, hub, monkeypatch, **head).code == 0
    assert set(load(teams.file).models) == {"wind", "rain"}
    assert (teams.folder / "models/wind.yaml").read_text() == PROMOTED
    assert not (teams.folder / "models/sun.yaml").exists()
    assert not (teams.folder / "training").exists()


@pytest.mark.parametrize(
    ("include", "extra", "told"),
    [
        ("'*/*.yaml'", "checks/limits.yaml", "checks/limits.yaml is in the base branch, which"),
        ("x/*.yaml", "x/y.yaml", "x/y.yaml is in the base branch, which does not include it"),
        ("'*.yaml'", "other.yaml", "includes this very file"),
        ("../*.yaml", "other.yaml", "leads out of the folder of models.yaml"),
        ("models/../../x.yaml", "other.yaml", "leads out of the folder of models.yaml"),
        ("/etc/*.yaml", "other.yaml", "leads out of the folder of models.yaml"),
        (".github/*.yaml", ".github/x.yaml", "begins with a dot"),
        ("[models/*.yaml, link.yaml]", "link.yaml", "link.yaml is a link, or no text"),
        ("none/*.yaml", "other.yaml", "'none/*.yaml' matches no file"),
        ("out/*.yaml", "out/new.yaml", "out is in the base branch, which"),
        ("file/*.yaml", "file/new.yaml", "file is in the base branch, which"),
    ],
)
def test_what_a_pull_request_cannot_include(
    teams: Team,
    hub: fake.GitHub,
    monkeypatch: pytest.MonkeyPatch,
    include: str,
    extra: str,
    told: str,
) -> None:
    """Settings of the base's code, what leads out, links: refused, and nothing is written."""
    write(teams, {"checks/limits.yaml": "limits: 1\n", "file": "a file\n"})
    (teams.folder / "x").mkdir()
    (teams.folder / "x/y.yaml").symlink_to(teams.folder / "checks/limits.yaml")
    outside = teams.folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    (teams.folder / "out").symlink_to(outside)
    before = {path: path.read_bytes() for path in teams.folder.rglob("*.yaml")}
    hub.git.links.add("link.yaml")
    head = {**FILES, "models.yaml": MAIN.replace("models/*.yaml", include), extra: SUN}
    ran = proposed(teams, hub, monkeypatch, **head)
    assert ran.code == 1
    assert told in ran.err
    assert {path: path.read_bytes() for path in teams.folder.rglob("*.yaml")} == before
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("listed", [1, 300])
@pytest.mark.parametrize("truncated", [False, True])
def test_a_run_that_an_included_file_overtook(
    teams: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch, listed: int, truncated: bool
) -> None:
    """Where GitHub does not list all that changed, trees tell; what is unknown is refused."""
    sha = hub.git.heads["main"]
    monkeypatch.setenv("GITHUB_SHA", sha)
    hub.newer[sha] = [{"filename": "README.md"}] * listed
    hub.git.push("main", **{"docs/x.yaml": "x"})
    hub.git.truncated = truncated
    teams.versions(2, "wind")
    teams.versions(1, "sun")
    ran = teams.run("github", "author")
    unknown = truncated and listed == 300
    assert (ran.code, "is unknown; start a new run on main" in ran.err) == (int(unknown), unknown)

    hub.git.push("main", **{"models/wind.yaml": PROMOTED})
    if listed < 300:
        hub.newer[sha].append({"filename": "models/wind.yaml"})
    ran = teams.run("github", "author")
    assert ran.code == 1
    assert ("main has a newer models.yaml than this run" in ran.err) is not unknown


def test_a_job_is_told_of_changes_of_included_files(
    teams: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed, moved, removed, and no longer included: models.yaml and those are what changed."""
    git(teams, "init", "--quiet")
    git(teams, "add", "--all")
    base = commit(teams, "Start", day=1)
    moved = {"models/sun.yaml": SUN + WIND.partition("models:\n")[2], "models/wind.yaml": ""}
    for number, changed in enumerate(
        (
            {"models/wind.yaml": PROMOTED},
            moved,
            {"models/sun.yaml": ""},
            {"models.yaml": MAIN.replace("*", "wind"), "models/sun.yaml": SUN + "# off\n"},
        )
    ):
        git(teams, "reset", "--quiet", "--hard", base)
        write(teams, changed)
        for path in (path for path, text in changed.items() if not text):
            (teams.folder / path).unlink()
        git(teams, "add", "--all", "models", "models.yaml")
        commit(teams, "Edit", day=2 + number)
        assert decided(teams, monkeypatch, {"before": base}) == {"models"}
    write(teams, {"other/x.yaml": "x"})
    git(teams, "add", "other")
    commit(teams, "Add what is not included", day=8)
    assert decided(teams, monkeypatch, {"before": base}) == {"models", "other"}


def test_a_pull_request_has_the_edit_of_an_included_file(
    teams: Team, hub: fake.GitHub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """That file alone is pushed."""
    hub.git.heads.clear()  # pushed is to another repository here
    origin = tmp_path_factory.mktemp("origin") / "origin.git"
    git(teams, "init", "--quiet", "--initial-branch=main")
    git(teams, "init", "--quiet", "--bare", str(origin))
    git(teams, "remote", "add", "origin", str(origin))
    git(teams, "add", "--all")
    commit(teams, "Start", day=1)
    (teams.folder / "models/draft.txt").write_text("x")
    teams.ok("promote", "wind", "Production", "2")
    teams.ok("github", "pull-request", "mlgitops/r", "--title", "Promote wind")
    assert [pull["head"] for pull in hub.pulls] == ["mlgitops/r"]
    shown = git(teams, "--git-dir", str(origin), "show", "--format=", "--name-only", "mlgitops/r")
    assert shown == "models/wind.yaml"


@pytest.mark.parametrize(
    ("since", "counts"), [("models/wind.yaml", True), ("checks/limits.yaml", False)]
)
def test_what_a_check_measured_counts_while_only_included_files_changed(
    teams: Team, hub: fake.GitHub, tmp_path: Path, since: str, counts: bool
) -> None:
    """Their rules are compared; settings that a gate reads are not."""
    gated = WIND.replace("    stages", "    gates: {Production: [{max_latency: 20ms}]}\n    stages")
    write(teams, {"models/wind.yaml": gated})
    teams.versions(2, "wind")
    planfile.write(
        tmp_path / "plan.json",
        Shown(plan=Plan(registry="r", models=(), stages=1), fingerprint="f"),
        [MEASURED],
    )
    hub.add_pull({"head": "topic"}, number=12, merged_at="now", changed_files=1)
    hub.commits["abc"] = [12]
    hub.files[12] = [{"filename": "models/wind.yaml"}]
    hub.newer["head12"] = [{"filename": since}]
    hub.add_run(12, zipped(("plan.json", (tmp_path / "plan.json").read_bytes())))
    ran = teams.ok("github", "verdicts", "--out", "checked.json")
    assert ("the check of pull request #12 measured 1 verdict" in ran.out) is counts
    assert (f"main has changed since what measures: {since}" in ran.err) is not counts
