"""Pull requests that propose versions: through GitHub's API, with what a real registry holds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, cast

import pytest

from mlgitops.core.promotion import Rule
from mlgitops.core.stamp import Author, make
from mlgitops.errors import GitHubError, GitHubPushedError, MlgitopsError, UsageError
from mlgitops.github.elsewhere import api_of, connect
from mlgitops.github.propose import Rules, propose, propose_new
from mlgitops.github.proposed import branch_of
from mlgitops.registry.connect import connect as open_registry
from tests.github.fake import REPOSITORY, TOKEN
from tests.team import Team

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.github.proposing import Opened
    from mlgitops.registry.registry import MlflowRegistry
    from tests.github import fake

FILE = """\
version: 2 # of the form
owner: windy/farm
models:
  MODEL:
    gates:
      Production:
        - {metric: test_mae, max_regression: 2%}
        - {max_artifact_size: 50MB}
        - {promoted_from: Staging}
    stages: {Staging: 1, Production: 1}
    promote: RULES
"""
RULES = "{Staging: newest}"


@dataclass(kw_only=True)
class Hosted:
    """A team's repository on GitHub, and one model of its own in a registry that tests share.

    Attributes:
        told: what the last `new` said, one line after the other.
        warned: of what it warned.
    """

    hub: fake.GitHub
    registry: MlflowRegistry
    team: Team
    model: str
    text: str = ""
    told: str = ""
    warned: list[str] = field(default_factory=list)

    def merge(self, text: str) -> None:
        """Let the default branch declare something."""
        self.text = text
        self.hub.git.push("main", models__yaml=text, README__md="x")

    def declare(self, old: str, new: str) -> None:
        """Change a text of models.yaml in the default branch."""
        self.merge(self.text.replace(old, new))

    def version(self, **metrics: float) -> int:
        """Register a version."""
        return self.team.version(self.model, metrics=metrics)

    def move(self, stage: str, version: int) -> None:
        """Let a stage hold a version, as an apply does it."""
        alias, held = stage.lower(), self.registry.model(self.model)
        assert held is not None
        newest = held.newest_stamp(alias)
        stamp = make(
            move=(newest[1].move if newest else 0) + 1,
            version=version,
            previous=held.stages.get(alias),
            author=Author(commit="abc", actor="ada"),
            now=datetime.now(UTC),
            registry="",
            owner="windy/farm",
        )
        self.registry.stamp(self.model, version, held.carried_by(version) | {alias: stamp})
        self.registry.set_alias(self.model, alias, version)

    def propose(self, stage: str, version: int | None, **more: str) -> Opened:
        """Ask for a version."""
        return propose(self.model, stage, version, reader=self.registry, **more)

    def new(self, **rules: Any) -> str:
        """Propose by rules; what was said, without the model's name."""
        told: list[str] = []
        self.warned.clear()
        try:
            propose_new(self.registry, Rules(**rules), told.append, self.warned.append)
        finally:
            self.told = "\n".join(told).replace(f"{self.model} ", "")
        return self.told

    @property
    def pulls(self) -> list[tuple[str, str]]:
        """The title, without the model's name, and the state of every pull request."""
        return [(p["title"].replace(f"{self.model} ", ""), p["state"]) for p in self.hub.pulls]

    def branch(self, stage: str = "Staging") -> str:
        """The branch of a stage."""
        return f"mlgitops/propose/{self.model}/{stage.lower()}"

    def written(self, stage: str = "Staging") -> str:
        """The lines of models.yaml that the proposal for a stage writes."""
        before = self.text.splitlines()
        after = self.hub.git.files(self.branch(stage))["models.yaml"].splitlines()
        return "\n".join(line.strip() for line in after if line not in before)


@pytest.fixture(scope="module")
def shared(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A registry for all tests of this file; each has its own model."""
    folder = tmp_path_factory.mktemp("shared")
    shutil.copy(migrated, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    return Team(folder=folder, uri=uri, capsys=cast("Any", None))


@pytest.fixture(scope="module")
def registry(shared: Team) -> MlflowRegistry:
    """What the engine reads it with."""
    return open_registry(shared.uri)


_NUMBERS = count(1)


@pytest.fixture
def hosted(
    hub: fake.GitHub,
    job: Team,  # noqa: ARG001 - where the commands run
    shared: Team,
    registry: MlflowRegistry,
) -> Hosted:
    """Version 1 is in both stages; 2 is the newest."""
    made = Hosted(hub=hub, registry=registry, team=shared, model=f"wind-{next(_NUMBERS)}")
    made.merge(FILE.replace("RULES", RULES).replace("MODEL", made.model))
    made.version(test_mae=2.0)
    for stage in ("Staging", "Production"):
        made.move(stage, 1)
    made.version(test_mae=1.5)
    return made


def test_a_version_is_proposed_without_a_clone(hosted: Hosted) -> None:
    """One number changes; the commit has the reason, the text has the comparison."""
    opened = hosted.propose("production", 2, reason="trained on\nnew data @ada")
    assert (opened.url, opened.what) == ("https://github.test/p/1", "opened")
    assert hosted.pulls == [("Put 2 into Production", "open")]
    assert hosted.written("Production") == "stages: {Staging: 1, Production: 2}"
    git = hosted.hub.git
    commit = git.commits[git.heads[hosted.branch("Production")]]
    said = f"Put {hosted.model} 2 into Production\n\nReason: trained on new data @ada\n"
    assert commit["message"].startswith(said)
    assert [parent["sha"] for parent in commit["parents"]] == [git.heads["main"]]
    body = hosted.hub.pulls[0]["body"]
    assert "**Reason:** trained on new data \\@&#8203;ada" in body
    assert "test\\_mae" in body
    assert "The check of this pull request also judges: max\\_artifact\\_size 50MB" in body
    assert "it was never in Staging" in body


def test_a_proposal_is_made_once(hosted: Hosted) -> None:
    """The second changes nothing; another reason or version updates the same pull request."""
    hosted.propose("Staging", 2)
    before = len(hosted.hub.writes)
    assert hosted.propose("Staging", 2).what == "open"
    assert len(hosted.hub.writes) == before
    assert hosted.propose("Staging", 2, reason="x").what == "updated"
    assert len(hosted.hub.pulls) == 1


def test_what_cannot_be_proposed(hosted: Hosted) -> None:
    """A version or stage that does not exist, and what is declared already: nothing is written."""
    for stage, version, said in (
        ("Staging", 7, "has no version 7"),
        ("Stagin", 2, "did you mean 'Staging'?"),
        ("Staging", 1, "main already declares this"),
    ):
        with pytest.raises(MlgitopsError, match=said):
            hosted.propose(stage, version)
    with pytest.raises(MlgitopsError, match="has no branch 'dev'"):
        hosted.propose("Staging", 2, base="dev")
    assert hosted.hub.writes == []


def test_a_stage_is_emptied_where_no_registry_is_named(
    hosted: Hosted, job: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command; there is nothing to compare, so the check of the pull request does it."""
    monkeypatch.chdir(job.folder)
    ran = job.ok("propose", hosted.model, "Production", "none", "--state", "nowhere")
    assert ran.out == "https://github.test/p/1 is opened\n"
    assert hosted.written("Production") == "stages: {Staging: 1, Production: null}"
    (pull,) = hosted.hub.pulls
    assert pull["title"] == f"Empty Production of {hosted.model}"
    assert "The check of this pull request compares the versions" in pull["body"]


def test_the_command_proposes_what_is_new(hosted: Hosted, job: Team) -> None:
    """By the rules of models.yaml, or by one of its own; what does not fit together is an error."""
    uri = ("--registry", hosted.team.uri)
    ran = job.ok("propose", "--new", "wind*", *uri)
    assert f"{hosted.model} Staging: version 2: https://github.test/p/1 is opened" in ran.out
    ran = job.ok("propose", "--new", "--stage", "production", "--by", "from=Staging", *uri)
    assert f"{hosted.model} Production: no newer version by the rule 'from Staging'" in ran.out
    for arguments, said in (
        (("wind", "Staging"), "pass MODEL STAGE VERSION"),
        (("wind", "Staging", "x"), "'x' is not a version"),
        (("--new", "--by", "newest=1", "--stage", "Staging"), "--by newest=1: pass newest, from"),
        (("--new", "--by", "tag=a"), "--by goes with --stage"),
        (("--new", "--by", "metric=x", "--stage", "Staging"), "no standard says which way 'x'"),
        (("--new", "--reason", "x"), "--reason goes with MODEL STAGE VERSION"),
        (("--new", "solar"), "has no model 'solar'"),
    ):
        ran = job.run("propose", *arguments, *uri)
        assert ran.code == 64
        assert said in ran.err


def test_a_new_version_is_proposed_once(hosted: Hosted) -> None:
    """And updated in place by a newer one, and closed when it was overtaken."""
    assert "Staging: version 2: https://github.test/p/1 is opened" in hosted.new()
    before = len(hosted.hub.writes)
    assert "is open" in hosted.new()
    assert len(hosted.hub.writes) == before

    hosted.version(test_mae=1.0)
    assert "version 3: https://github.test/p/1 is updated" in hosted.new()
    assert hosted.pulls == [("Put 3 into Staging", "open")]
    assert hosted.written() == "stages: {Staging: 3, Production: 1}"

    hosted.declare("Staging: 1", "Staging: 3")
    assert hosted.new() == "Staging: closed https://github.test/p/1: Staging is at 3 now."
    assert hosted.pulls == [("Put 3 into Staging", "closed")]
    assert hosted.branch() not in hosted.hub.git.heads
    (comment,) = hosted.hub.comments
    assert comment["body"] == f"{hosted.model} Staging is at 3 now."


def test_a_change_of_the_base_is_kept(hosted: Hosted) -> None:
    """The proposal is made anew on what models.yaml says by then."""
    hosted.new()
    hosted.declare("# of the form", "# of this form")
    assert "is updated" in hosted.new()
    files = hosted.hub.git.files(hosted.branch())
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
    hosted.version()
    assert "version 3: https://github.test/p/2 is opened" in hosted.new()
    hosted.hub.pulls[1]["state"] = "closed"
    assert hosted.propose("Staging", 3).url == "https://github.test/p/3"


def test_a_version_that_was_rolled_back_is_not_proposed_again(hosted: Hosted) -> None:
    """Its stamp tells that the stage has held it, whoever proposed it then."""
    for version in (2, 1):
        hosted.move("Staging", version)
    assert "no newer version by the rule 'newest'" in hosted.new()
    assert hosted.pulls == []


def test_commits_of_people_are_not_overwritten(hosted: Hosted) -> None:
    """Neither by a rule nor by somebody who asks; the log says what to do."""
    hosted.new()
    branch = hosted.branch()
    mine = hosted.hub.git.push(branch, "My own change", README__md="mine")
    hosted.version()
    said = f"somebody else pushed to the branch {branch}"
    assert said in hosted.new()
    with pytest.raises(GitHubPushedError, match=said):
        hosted.propose("Staging", 3)
    hosted.declare("Staging: 1", "Staging: 3")
    assert said in hosted.new()  # nor is it closed
    assert hosted.hub.git.heads[branch] == mine
    assert [state for _, state in hosted.pulls] == ["open"]


def test_what_people_ask_for_is_left_to_them(hosted: Hosted) -> None:
    """A rule changes no pull request that somebody asked for, but closes it once it is done."""
    hosted.version()
    hosted.propose("Staging", 2)
    assert "p/1, which somebody asked for, is open, and is left alone" in hosted.new()
    hosted.declare("Staging: 1", "Staging: 2")
    assert "closed https://github.test/p/1" in hosted.new()
    assert "version 3: https://github.test/p/2 is opened" in hosted.new()


def test_a_candidate_that_is_taken_back(hosted: Hosted) -> None:
    """The pull request is closed with why; what mlgitops closed may be proposed again."""
    hosted.declare(RULES, "{Staging: {alias: candidate}}")
    hosted.team.client.set_registered_model_alias(hosted.model, "candidate", "2")
    hosted.new()
    hosted.team.client.delete_registered_model_alias(hosted.model, "candidate")
    said = "Version 2 is not proposed any more: no newer version by the rule 'alias candidate'."
    assert said in hosted.new()
    hosted.team.client.set_registered_model_alias(hosted.model, "candidate", "2")
    assert "version 2: https://github.test/p/2 is opened" in hosted.new()


def test_the_best_version_by_a_metric(hosted: Hosted) -> None:
    """It must be better than that of the stage."""
    hosted.version(test_mae=1.9)
    ran = hosted.new(stage="Production", rule=Rule(metric="test_mae"))
    assert "Production: version 2 has to wait: promoted_from Staging" in ran
    hosted.declare("        - {promoted_from: Staging}\n", "")
    ran = hosted.new(stage="Production", rule=Rule(metric="test_mae"))
    assert "Production: version 2: https://github.test/p/2 is opened" in ran
    assert hosted.written("Production") == "stages: {Staging: 1, Production: 2}"


def test_production_follows_once_staging_has_it(hosted: Hosted) -> None:
    """GitHub's auto-merge is switched on where the file says so, and nowhere else."""
    hosted.declare(RULES, "{Staging: newest, Production: {from: Staging, merge: auto}}")
    assert "no newer version by the rule 'from Staging'" in hosted.new()
    hosted.declare("Staging: 1", "Staging: 2")
    assert "Staging does not hold what models.yaml declares" in hosted.new()
    hosted.move("Staging", 2)
    hosted.hub.about = {"allow_merge_commit": False}
    assert "Production: version 2: https://github.test/p/2 is opened" in hosted.new()
    first, second = hosted.hub.pulls
    assert first.get("auto_merge") is None
    assert second["auto_merge"] == {"merge_method": "squash"}


def test_a_refused_auto_merge_is_one_warning(hosted: Hosted) -> None:
    """The pull request is there all the same, and waits for people."""
    hosted.hub.no_auto_merge = "Pull request Auto merge is not allowed for this repository"
    hosted.declare(RULES, "{Staging: {merge: auto}}")
    hosted.new()
    assert hosted.warned == [
        "GitHub does not merge https://github.test/p/1 by itself: "
        "Pull request Auto merge is not allowed for this repository"
    ]
    assert hosted.pulls == [("Put 2 into Staging", "open")]


def test_one_failure_does_not_stop_the_others(hosted: Hosted) -> None:
    """Each is told with its stage; models are chosen by pattern."""
    solar = "  solar:\n    stages: {Staging: null}\n    promote: {Staging: newest}\n"
    hosted.merge(hosted.text + solar)
    hosted.team.version("solar")
    hosted.new()
    hosted.version()
    hosted.team.version("solar")
    hosted.hub.denied.append(f"GET /git/commits/{hosted.hub.git.heads[hosted.branch()]}")
    with pytest.raises(GitHubError, match=f"{hosted.model} Staging: GitHub denied GET"):
        hosted.new()
    assert hosted.told == "solar Staging: version 2: https://github.test/p/2 is updated"
    assert (
        hosted.new(models=("sol*",)) == "solar Staging: version 2: https://github.test/p/2 is open"
    )


def test_a_branch_for_each_stage() -> None:
    """Readable, without what git does not take, and never the same for two."""
    assert branch_of("wind", "Staging") == "mlgitops/propose/wind/staging"
    odd = {branch_of(name, "Staging") for name in ("a b", "a.b", "a-b", "a..b", "ä", "..", "a~b")}
    assert len(odd) == 7
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-/_") for name in odd)


@pytest.mark.parametrize(
    ("server", "api"),
    [
        ("https://github.com", "https://api.github.com"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://git.acme.org", "https://git.acme.org/api/v3"),
    ],
)
def test_where_the_api_is(server: str, api: str) -> None:
    """As GitHub documents it for its own server, data regions and Enterprise Server."""
    assert api_of(server) == api
    found = connect("a/b", {"GH_TOKEN": "t", "GITHUB_SERVER_URL": server})
    assert found.page == f"{server}/a/b"


def test_without_a_repository_or_a_token() -> None:
    """One line says what to set."""
    with pytest.raises(UsageError, match="pass --repository OWNER/NAME"):
        connect("https://github.com/a/b", {"GH_TOKEN": TOKEN})
    with pytest.raises(UsageError, match="set GITHUB_TOKEN"):
        connect(REPOSITORY, {})
