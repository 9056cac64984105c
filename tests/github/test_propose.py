"""Pull requests that propose versions: through GitHub's API, with what a real registry holds."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, cast

import pytest

from mlgitops.cli import run
from mlgitops.errors import UsageError
from mlgitops.github.elsewhere import connect
from mlgitops.github.proposed import branch_of
from tests.github.fake import REPOSITORY, TOKEN
from tests.team import Team

if TYPE_CHECKING:
    from pathlib import Path

    from tests.github import fake

FILE = """\
version: 2 # of the form
owner: windy/farm
models:
  wind:
    gates:
      Production:
        - {metric: test_mae, max_regression: 2%}
        - {max_artifact_size: 50MB}
        - {promoted_from: Staging}
    stages: {Staging: 1, Production: 1}
    promote: RULES
"""
RULES = "{Staging: newest}"


class Hosted:
    """A team's repository on GitHub, and its registry."""

    def __init__(self, job: Team, hub: fake.GitHub) -> None:
        self.job, self.hub = job, hub
        self.merge(FILE.replace("RULES", RULES))

    def merge(self, text: str) -> None:
        """Let the default branch declare something, and apply it."""
        self.hub.git.push("main", models__yaml=text, README__md="x")
        self.job.file.write_text(text)

    def declare(self, old: str, new: str) -> None:
        """Change a text of models.yaml in the default branch."""
        self.merge(self.job.file.read_text().replace(old, new))

    @property
    def pulls(self) -> list[tuple[str, str]]:
        """The title and state of every pull request."""
        return [(pull["title"], pull["state"]) for pull in self.hub.pulls]

    def proposed(self, number: int = 1) -> str:
        """The difference of models.yaml that a pull request makes: the lines that it writes."""
        head = self.hub.pull(number)["head"]["ref"]
        before, after = (self.hub.git.files(b)["models.yaml"].splitlines() for b in ("main", head))
        return "\n".join(line.strip() for line in after if line not in before)

    def new(self, *arguments: str) -> str:
        """Propose by rules; what was said."""
        return self.job.ok("propose", "--new", *arguments).out


@pytest.fixture(scope="module")
def filled(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a registry: version 1 is in both stages, 2 is the newest."""
    folder = tmp_path_factory.mktemp("filled")
    database = folder / ".mlgitops" / "mlflow.db"
    database.parent.mkdir()
    shutil.copy(migrated, database)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        team = Team(folder=folder, uri=f"sqlite:///{database}", capsys=cast("Any", None))
        team.write(FILE.replace("RULES", RULES))
        team.version(metrics={"test_mae": 2.0})
        assert run(["apply"]) == 0
        team.version(metrics={"test_mae": 1.5})
    return database


@pytest.fixture
def hosted(filled: Path, job: Team, hub: fake.GitHub) -> Hosted:
    """A repository with models.yaml, and a registry of its own that is as `filled` is."""
    shutil.copy(filled, job.folder / ".mlgitops" / "mlflow.db")
    return Hosted(job, hub)


def test_a_version_is_proposed_without_a_clone(hosted: Hosted) -> None:
    """One number changes; the commit has the reason, the text has the comparison."""
    ran = hosted.job.ok(
        "propose", "wind", "production", "2", "--reason", "trained on\nnew data @ada"
    )
    assert ran.out == "https://github.test/p/1 is opened\n"
    (pull,) = hosted.hub.pulls
    assert hosted.proposed() == "stages: {Staging: 1, Production: 2}"
    commit = hosted.hub.git.commits[hosted.hub.git.heads["mlgitops/propose/wind/production"]]
    assert commit["message"].startswith(
        "Put wind 2 into Production\n\nReason: trained on new data @ada\n"
    )
    assert [parent["sha"] for parent in commit["parents"]] == [hosted.hub.git.heads["main"]]
    body = pull["body"]
    assert "**Reason:** trained on new data \\@&#8203;ada" in body
    assert "test\\_mae" in body
    assert "The check of this pull request also judges: max\\_artifact\\_size 50MB" in body
    assert "it was never in Staging" in body


def test_a_proposal_is_made_once(hosted: Hosted) -> None:
    """The second changes nothing; another reason or version updates the same pull request."""
    ask = ("propose", "wind", "Staging", "2")
    hosted.job.ok(*ask)
    before = len(hosted.hub.writes)
    assert hosted.job.ok(*ask).out == "https://github.test/p/1 is open\n"
    assert len(hosted.hub.writes) == before
    assert hosted.job.ok(*ask, "--reason", "x").out == "https://github.test/p/1 is updated\n"
    assert len(hosted.hub.pulls) == 1


def test_what_cannot_be_proposed(hosted: Hosted) -> None:
    """A version or stage that does not exist, and what is declared already: nothing is written."""
    for arguments, said in (
        (("wind", "Staging", "7"), "wind has no version 7"),
        (("wind", "Stagin", "2"), "did you mean 'Staging'?"),
        (("wnd", "Staging", "2"), "did you mean 'wind'?"),
        (("wind", "Staging", "1"), "main already declares this"),
        (("wind", "Staging"), "pass MODEL STAGE VERSION"),
        (("wind", "Staging", "2", "--base", "dev"), "no branch 'dev'"),
    ):
        ran = hosted.job.run("propose", *arguments)
        assert ran.code in {1, 64}
        assert said in ran.err
    assert hosted.hub.writes == []


def test_a_stage_is_emptied_where_no_registry_is_named(hosted: Hosted) -> None:
    """Without one there is nothing to compare: the check of the pull request does it."""
    hosted.job.ok("propose", "wind", "Production", "none", "--state", "nowhere")
    assert hosted.proposed() == "stages: {Staging: 1, Production: null}"
    (pull,) = hosted.hub.pulls
    assert pull["title"] == "Empty Production of wind"
    assert "The check of this pull request compares the versions" in pull["body"]


def test_a_new_version_is_proposed_once(hosted: Hosted) -> None:
    """And updated in place by a newer one, and closed when it was overtaken."""
    assert "wind Staging: version 2: https://github.test/p/1 is opened" in hosted.new()
    before = len(hosted.hub.writes)
    assert "is open" in hosted.new()
    assert len(hosted.hub.writes) == before

    hosted.job.version(metrics={"test_mae": 1.0})
    assert "version 3: https://github.test/p/1 is updated" in hosted.new()
    assert hosted.pulls == [("Put wind 3 into Staging", "open")]
    assert hosted.proposed() == "stages: {Staging: 3, Production: 1}"

    hosted.declare("Staging: 1", "Staging: 3")
    assert "closed https://github.test/p/1: Staging of wind is at 3 now." in hosted.new()
    assert hosted.pulls == [("Put wind 3 into Staging", "closed")]
    assert "mlgitops/propose/wind/staging" not in hosted.hub.git.heads
    assert [comment["body"] for comment in hosted.hub.comments] == ["Staging of wind is at 3 now."]


def test_a_change_of_the_base_is_kept(hosted: Hosted) -> None:
    """The proposal is made anew on what models.yaml says by then."""
    hosted.new()
    hosted.declare("# of the form", "# of this form")
    assert "is updated" in hosted.new()
    files = hosted.hub.git.files("mlgitops/propose/wind/staging")
    assert "# of this form" in files["models.yaml"]
    hosted.hub.git.push("main", README__md="another")
    before = len(hosted.hub.writes)
    hosted.new()
    assert len(hosted.hub.writes) == before


def test_a_version_that_was_turned_down_is_not_proposed_again(hosted: Hosted) -> None:
    """By a rule, that is; a newer one is, and people may ask for anything."""
    hosted.new()
    hosted.hub.pulls[0]["state"] = "closed"
    assert "version 2 was proposed before, and is not again" in hosted.new()
    hosted.job.version()
    assert "version 3: https://github.test/p/2 is opened" in hosted.new()
    hosted.hub.pulls[1]["state"] = "closed"
    assert "p/3 is opened" in hosted.job.ok("propose", "wind", "Staging", "3").out


def test_a_version_that_was_rolled_back_is_not_proposed_again(hosted: Hosted) -> None:
    """Its stamp tells that the stage has held it, whoever proposed it then."""
    for version in (2, 1):
        hosted.declare(f"Staging: {3 - version}", f"Staging: {version}")
        hosted.job.ok("apply")
    assert "no newer version by the rule 'newest'" in hosted.new()
    assert hosted.pulls == []


def test_commits_of_people_are_not_overwritten(hosted: Hosted) -> None:
    """Neither by a rule nor by somebody who asks; the log says what to do."""
    hosted.new()
    branch = "mlgitops/propose/wind/staging"
    mine = hosted.hub.git.push(branch, "My own change", README__md="mine")
    hosted.job.version()
    for arguments in (("--new",), ("wind", "Staging", "3")):
        ran = hosted.job.run("propose", *arguments)
        assert ran.code == 1
        assert f"somebody else pushed to the branch {branch}" in ran.err
    hosted.declare("Staging: 1", "Staging: 3")
    assert hosted.job.run("propose", "--new").code == 1
    assert hosted.hub.git.heads[branch] == mine
    assert [state for _, state in hosted.pulls] == ["open"]


def test_what_people_ask_for_is_left_to_them(hosted: Hosted) -> None:
    """A rule changes no pull request that somebody asked for, but closes it once it is done."""
    hosted.job.version()
    hosted.job.ok("propose", "wind", "Staging", "2")
    assert "p/1, which somebody asked for, is open, and is left alone" in hosted.new()
    hosted.declare("Staging: 1", "Staging: 2")
    assert "closed https://github.test/p/1" in hosted.new()
    assert "version 3: https://github.test/p/2 is opened" in hosted.new()


def test_a_candidate_that_is_taken_back(hosted: Hosted) -> None:
    """The pull request is closed with why; what mlgitops closed may be proposed again."""
    hosted.declare(RULES, "{Staging: {alias: candidate}}")
    hosted.job.client.set_registered_model_alias("wind", "candidate", "2")
    hosted.new()
    hosted.job.client.delete_registered_model_alias("wind", "candidate")
    said = "Version 2 is not proposed any more: no newer version by the rule 'alias candidate'."
    assert said in hosted.new()
    hosted.job.client.set_registered_model_alias("wind", "candidate", "2")
    assert "version 2: https://github.test/p/2 is opened" in hosted.new()


def test_the_best_version_by_a_metric(hosted: Hosted) -> None:
    """It must be better than that of the stage."""
    hosted.job.version(metrics={"test_mae": 1.9})
    ran = hosted.new("--stage", "Production", "--by", "metric=test_mae")
    assert "wind Production: version 2 has to wait: promoted_from Staging" in ran
    hosted.declare("        - {promoted_from: Staging}\n", "")
    ran = hosted.new("--stage", "Production", "--by", "metric=test_mae")
    assert "wind Production: version 2: https://github.test/p/2 is opened" in ran


def test_production_follows_once_staging_has_it(hosted: Hosted) -> None:
    """GitHub's auto-merge is switched on where the file says so, and nowhere else."""
    hosted.declare(RULES, "{Staging: newest, Production: {from: Staging, merge: auto}}")
    assert "no newer version by the rule 'from Staging'" in hosted.new()
    hosted.declare("Staging: 1", "Staging: 2")
    assert "Staging does not hold what models.yaml declares" in hosted.new()
    hosted.job.ok("apply")
    hosted.hub.about = {"allow_merge_commit": False}
    assert "wind Production: version 2: https://github.test/p/2 is opened" in hosted.new()
    first, second = hosted.hub.pulls
    assert first.get("auto_merge") is None
    assert second["auto_merge"] == {"merge_method": "squash"}


def test_a_refused_auto_merge_is_one_warning(hosted: Hosted) -> None:
    """The pull request is there all the same, and waits for people."""
    hosted.hub.no_auto_merge = "Pull request Auto merge is not allowed for this repository"
    hosted.declare(RULES, "{Staging: {merge: auto}}")
    ran = hosted.job.ok("propose", "--new")
    assert ran.err.count("warning: ") == 1
    assert ran.err.endswith(
        "warning: GitHub does not merge https://github.test/p/1 by itself: "
        "Pull request Auto merge is not allowed for this repository\n"
    )
    assert hosted.pulls == [("Put wind 2 into Staging", "open")]


def test_one_failure_does_not_stop_the_others(hosted: Hosted) -> None:
    """Each is told with its stage; models are chosen by pattern."""
    text = hosted.job.file.read_text()
    solar = "  solar:\n    stages: {Staging: null}\n    promote: {Staging: newest}\n"
    hosted.merge(text + solar)
    hosted.job.version("solar")
    hosted.new()
    hosted.job.version()
    hosted.job.version("solar")
    hosted.hub.git.push("mlgitops/propose/wind/staging", README__md="mine")
    ran = hosted.job.run("propose", "--new")
    assert ran.code == 1
    assert "wind Staging: somebody else pushed" in ran.err
    assert "solar Staging: version 2: https://github.test/p/2 is updated" in ran.out
    assert "wind" not in hosted.new("sol*")


def test_a_branch_for_each_stage() -> None:
    """Readable, without what git does not take, and never the same for two."""
    assert branch_of("wind", "Staging") == "mlgitops/propose/wind/staging"
    odd = {branch_of(name, "Staging") for name in ("a b", "a.b", "a-b", "a..b", "ä", "..", "a~b")}
    assert len(odd) == 7
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-/_") for name in odd)


@pytest.mark.parametrize(
    ("given", "api"),
    [
        ({}, "https://api.github.com"),
        ({"GITHUB_SERVER_URL": "https://acme.ghe.com"}, "https://api.acme.ghe.com"),
        ({"GITHUB_SERVER_URL": "https://git.acme.org"}, "https://git.acme.org/api/v3"),
    ],
)
def test_where_the_api_is(given: dict[str, str], api: str) -> None:
    """As GitHub documents it for its own server, data regions and Enterprise Server."""
    assert connect("a/b", {"GH_TOKEN": "t", **given}).page.endswith("/a/b")
    from mlgitops.github import elsewhere

    assert elsewhere._api(given.get("GITHUB_SERVER_URL", "https://github.com")) == api  # noqa: SLF001


def test_without_a_repository_or_a_token() -> None:
    """One line says what to set."""
    with pytest.raises(UsageError, match="pass --repository OWNER/NAME"):
        connect("https://github.com/a/b", {"GH_TOKEN": TOKEN})
    with pytest.raises(UsageError, match="set GITHUB_TOKEN"):
        connect(REPOSITORY, {})
