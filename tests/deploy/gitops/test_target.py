"""Deployments to a repository: what is planned, committed and read back; images are given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from mlgitops.core.deployments import GitopsRepository
from mlgitops.deploy import images
from mlgitops.deploy.gitops.local import Local
from mlgitops.deploy.gitops.target import GitopsTarget, Proposal
from mlgitops.deploy.images import Image
from mlgitops.deploy.values import Action, Outcome, Served, State, Step, Wanted
from mlgitops.errors import ImageError
from mlgitops.file.load import source
from mlgitops.image.spec import BuildOptions

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.core.desired import Desired
    from mlgitops.core.registry import RegistryReader
    from tests.deploy.gitops.conftest import Origin

COMMIT = "c0ffee" + "0" * 34
TEXT = """\
version: 2
owner: github.com/acme/farm-models
images: registry.example.org/ml
stages: [Staging, Production]
deployments:
  farm:
    kind: gitops
    repository: REPOSITORY
    path: models
    namespace: models
    stages: [Production]
    replicas: 2
models:
  wind: {stages: {Production: 3}}
  sun: {stages: {Production: 5}}
"""


def image_of(model: str, version: int) -> Image:
    """The image of a version."""
    digest = f"sha256:{version:064x}"
    return Image(
        reference=f"registry.example.org/ml/{model}@{digest}",
        version=version,
        digest=digest,
        labels={"mlgitops.digest": f"sha256:{version + 100:064x}"},
    )


@dataclass
class Team:
    """A team's models.yaml and registry, and what it deploys to.

    Attributes:
        unbuilt: versions of which there is no image yet; `broken`: whose image cannot be built.
    """

    origin: Origin
    text: str = ""
    unbuilt: set[int] = field(default_factory=set)
    broken: set[int] = field(default_factory=set)
    opened: list[Proposal] = field(default_factory=list)
    made: Any = None

    def __post_init__(self) -> None:
        self.text = TEXT.replace("REPOSITORY", self.origin.address)

    @property
    def desired(self) -> Desired:
        """What models.yaml says."""
        return source(self.text, "models.yaml").desired

    def wanted(self, **versions: int | None) -> list[Wanted]:
        """Versions that Production is to serve."""
        stamp = {"commit": COMMIT, "pull_request": "12", "actor": "ada"}
        return [
            Wanted(model=model, stage="Production", version=version, **stamp)
            for model, version in versions.items()
        ]

    def target(self, name: str = "farm", **also: Any) -> Any:
        """The target of its deployment."""
        desired = self.desired
        registry = cast("RegistryReader", None)  # images are this team's own
        made = Local if also else GitopsTarget
        also = also or {"opener": self._open}
        options = BuildOptions(repository=desired.images)
        return made(desired.deployments[name], desired, registry, options, **also)

    def deploy(self, **versions: int | None) -> list[Outcome]:
        """Make it so."""
        return list(self.target().make(self.wanted(**versions), lambda _: None))

    def plan(self, **versions: int | None) -> list[Step]:
        """What would be done."""
        return list(self.target().plan(self.wanted(**versions)))

    def _open(self, proposal: Proposal) -> str:
        self.opened.append(proposal)
        return "https://github.com/acme/farm-deploy/pull/7"


@pytest.fixture
def team(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A team; where a registry of images would be asked, its images are given."""
    made = Team(origin=origin)

    def known(_: object, model: str, version: int, *__: object) -> Image | None:
        return None if version in made.unbuilt else image_of(model, version)

    def reference(_: object, model: str, version: int, *__: object) -> Image:
        if version in made.broken:
            raise ImageError("it cannot be built")
        return image_of(model, version)

    monkeypatch.setattr(images, "known", known)
    monkeypatch.setattr(images, "reference", reference)
    return made


def test_what_stages_hold_is_committed(team: Team, origin: Origin) -> None:
    """A file for each, images by digest, and trailers that say by which commit and pull request."""
    outcomes = team.deploy(wind=3, sun=5)
    assert [(one.step.action, one.error) for one in outcomes] == [(Action.CREATE, "")] * 2
    assert origin.files() == [
        "README.md",
        "models/kustomization.yaml",
        "models/sun-production.yaml",
        "models/wind-production.yaml",
    ]
    things = list(yaml.safe_load_all(origin.text("models/wind-production.yaml")))
    assert {one["kind"] for one in things} >= {"Deployment", "Service", "PodDisruptionBudget"}
    found = [one for one in things if one["kind"] == "Deployment"]
    (container,) = found[0]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == image_of("wind", 3).reference
    assert {one["metadata"]["namespace"] for one in things} == {"models"}
    said = origin.log(form="%(trailers:only)").splitlines()
    assert said[:4] == [
        "Mlgitops-Deployment: farm",
        "Mlgitops-Owner: github.com/acme/farm-models",
        f"Mlgitops-Commit: {COMMIT}",
        "Mlgitops-Pull-Request: github.com/acme/farm-models#12",
    ]


def test_a_second_deploy_commits_nothing(team: Team, origin: Origin) -> None:
    """As apply: nothing for what is as it should be."""
    team.deploy(wind=3, sun=5)
    head = origin.head()
    assert [one.step.action for one in team.deploy(wind=3, sun=5)] == [Action.NOTHING] * 2
    assert not any(step.pending for step in team.plan(wind=3, sun=5))
    assert origin.head() == head


def test_a_plan_pushes_nothing(team: Team, origin: Origin) -> None:
    """It says what would be committed, also for versions whose image is not built yet."""
    head = origin.head()
    team.unbuilt = {4}
    assert [step.action for step in team.plan(wind=3, sun=5)] == [Action.CREATE] * 2
    team.deploy(wind=3, sun=5)
    before = origin.head()
    wind, sun = team.plan(wind=4, sun=None)
    assert (wind.action, wind.old, wind.new) == (Action.REPLACE, "3", "4")
    assert wind.details == ("image: to be built and pushed",)
    assert (sun.action, sun.old, sun.new) == (Action.WITHDRAW, "5", "")
    team.text = team.text.replace("replicas: 2", "replicas: 3")
    (change, _) = team.plan(wind=3, sun=5)
    assert change.action is Action.CHANGE
    assert "Deployment wind-production.spec.replicas: 2 → 3" in change.details
    assert origin.head() == before != head


def test_what_is_not_wanted_any_more_is_pruned(team: Team, origin: Origin) -> None:
    """A stage that was emptied, and a model that the deployment does not list any more."""
    team.deploy(wind=3, sun=5)
    (sun,) = [one for one in team.deploy(wind=3, sun=None) if one.step.model == "sun"]
    assert sun.step.action is Action.WITHDRAW
    assert "models/sun-production.yaml" not in origin.files()
    team.text = team.text.replace("stages: [Production]\n", "stages: []\n")
    (wind,) = team.deploy()
    assert (wind.step.action, wind.step.old) == (Action.PRUNE, "3")
    assert origin.files() == ["README.md", "models/kustomization.yaml"]


def test_a_stage_that_nobody_can_tell_of_keeps_its_file(team: Team, origin: Origin) -> None:
    """It is listed, but not wanted: its registry did not say. The same if its image fails."""
    team.deploy(wind=3, sun=5)
    team.broken = {4}
    (wind,) = team.deploy(wind=4)
    assert "it cannot be built" in wind.error
    assert wind.exit_code == 4
    listed = yaml.safe_load(origin.text("models/kustomization.yaml"))["resources"]
    assert listed == ["sun-production.yaml", "wind-production.yaml"]
    assert "models/sun-production.yaml" in origin.files()


def test_what_is_served_is_read_back(team: Team) -> None:
    """From the branch, which is all that is known without `wait`."""
    team.deploy(wind=3, sun=5)
    served = {one.model: one for one in team.target().served()}
    assert (served["wind"].version, served["wind"].state) == ("3", State.SERVING)
    assert served["wind"].image == image_of("wind", 3).reference
    assert served["wind"].digest == image_of("wind", 3).payload
    assert served["wind"].commit == COMMIT
    assert "wait" in served["sun"].note


def test_two_deployments_do_not_share_a_folder(team: Team) -> None:
    """The second is told whose it is; nothing is written."""
    team.deploy(wind=3)
    team.text = team.text.replace("  farm:\n", "  other:\n")
    (outcome,) = list(team.target("other").make(team.wanted(wind=3), lambda _: None))
    assert "is in the way" in outcome.error


def test_a_pull_request_is_asked_for(team: Team, origin: Origin) -> None:
    """On a branch of its own, always the same; nothing changes before it is merged."""
    team.text = team.text.replace("path: models", "path: models\n    pull_request: true")
    (outcome,) = team.deploy(wind=3)
    assert "merge https://github.com/acme/farm-deploy/pull/7" in outcome.remark
    (proposal,) = team.opened
    assert proposal.base == "main"
    assert proposal.title == "Serve version 3 as wind Production"
    assert "Mlgitops-Pull-Request" in proposal.text
    assert origin.files() == ["README.md"]
    assert "models/wind-production.yaml" in origin.files(proposal.branch)
    (again,) = team.deploy(wind=4)
    assert again.step.new == "4"
    assert team.opened[1].branch == proposal.branch
    origin.git("fetch", "--quiet", "origin")
    origin.git("merge", "--quiet", "--no-edit", f"origin/{proposal.branch}")
    origin.git("push", "--quiet", "origin", "HEAD:main")
    (done,) = team.deploy(wind=4)
    assert (done.step.action, done.remark) == (Action.NOTHING, "")
    assert origin.head(proposal.branch) == ""


def test_only_the_digest_is_written_into_a_teams_file(team: Team, origin: Origin) -> None:
    """With its comments; for one stage of one model."""
    values = "# ours\nimage:\n  digest:   # by mlgitops\n  pullPolicy: Always\n"
    origin.push("models/values.yaml", values)
    chosen = "models: [wind]\n    set: {file: values.yaml, path: image.digest}"
    team.text = team.text.replace("path: models\n", f"path: models\n    {chosen}\n")
    (step,) = team.plan(wind=3)
    digest = image_of("wind", 3).digest
    assert step.action is Action.CREATE
    assert step.details == (f"values.yaml image.digest: empty → {digest}",)
    (outcome,) = team.deploy(wind=3)
    assert outcome.error == ""
    edited = values.replace("digest:", f"digest: {digest}")
    assert origin.text("models/values.yaml") == edited
    assert origin.files() == ["README.md", "models/values.yaml"]
    (again,) = team.deploy(wind=3)
    assert again.step.action is Action.NOTHING
    (emptied,) = team.deploy(wind=None)
    assert "the stage is empty" in emptied.error
    assert origin.text("models/values.yaml") == edited


def test_a_repository_that_does_not_answer(team: Team) -> None:
    """Each stage has the same reason, and what serves is left as it is."""
    team.text = team.text.replace(team.origin.address, "https://127.0.0.1:1/farm-deploy")
    outcomes = team.deploy(wind=3, sun=5)
    assert [one.exit_code for one in outcomes] == [4, 4]
    assert all("does not answer" in one.error for one in outcomes)


def test_a_deployment_is_rendered_to_a_folder(team: Team, tmp_path: Path) -> None:
    """The same bytes as those of the repository; a second time nothing is to do."""
    team.deploy(wind=3, sun=5)
    out = tmp_path / "out" / "models"
    made = team.target(out=out)
    assert [step.action for step in made.plan(team.wanted(wind=3, sun=5))] == [Action.CREATE] * 2
    list(made.make(team.wanted(wind=3, sun=5), lambda _: None))
    for path in out.iterdir():
        assert path.read_text(encoding="utf-8") == team.origin.text(f"models/{path.name}")
    again = list(made.make(team.wanted(wind=3, sun=5), lambda _: None))
    assert [one.step.action for one in again] == [Action.NOTHING] * 2
    found: list[Served] = made.served()
    assert {one.version for one in found} == {"3", "5"}


def test_an_address_with_a_login_is_not_shown(team: Team) -> None:
    """Neither in places nor in what is told of failures."""
    (deployment,) = team.desired.deployments.values()
    assert isinstance(deployment.place, GitopsRepository)
    place = replace(deployment.place, repository="https://ada@127.0.0.1:1/x?token=s3cret")
    named = replace(deployment, place=place)
    registry = cast("RegistryReader", None)
    made = GitopsTarget(named, team.desired, registry, BuildOptions())
    (outcome,) = made.make(team.wanted(wind=3), lambda _: None)
    assert outcome.step.place == "https://127.0.0.1:1/x"
