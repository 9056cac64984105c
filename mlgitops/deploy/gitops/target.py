"""A repository that Flux or Argo CD applies, as a place where stages are served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlgitops.core.deployments import GitopsRepository
from mlgitops.deploy import failures
from mlgitops.deploy.gitops import folder, having, message, repository, single
from mlgitops.deploy.gitops.wait import Reading
from mlgitops.deploy.values import Action, Outcome, Served, State, Step
from mlgitops.errors import GitError, MlgitopsError
from mlgitops.errors.deploying import GitopsPushedError
from mlgitops.system import addresses

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mlgitops.core.deployments import DesiredDeployment
    from mlgitops.core.desired import Desired
    from mlgitops.core.registry import RegistryReader
    from mlgitops.deploy.gitops.repository import Clone, Published
    from mlgitops.deploy.gitops.wait import Report
    from mlgitops.deploy.values import Wanted
    from mlgitops.image.spec import BuildOptions

# opens or updates the pull request of a branch; its address
Opener = Callable[["Proposal"], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A branch whose merge is to be asked for.

    Attributes:
        repository: as git takes it, without secrets.
        branch: what is to be merged, into `base`.
    """

    repository: str
    branch: str
    base: str
    title: str
    text: str


class GitopsTarget:
    """A deployment of kind `gitops`: commits to a repository, and waits for who applies it."""

    def __init__(
        self,
        deployment: DesiredDeployment,
        desired: Desired,
        registry: RegistryReader,
        image: BuildOptions,
        *,
        opener: Opener | None = None,
    ) -> None:
        """Of a declared deployment.

        Args:
            deployment: the one.
            desired: models.yaml, whose owner is known.
            registry: of models.
            image: how images are built, and where they are.
            opener: opens pull requests; without one, the branch is told instead.
        """
        assert isinstance(deployment.place, GitopsRepository), "of kind gitops"
        self._place, self._shown = deployment.place, repository.shown(deployment.place)
        self._it, self._registry, self._image, self._opener = deployment, registry, image, opener
        made = single.Single if deployment.place.field else folder.Folder
        self._form: single.Single | folder.Folder = made(deployment, desired, self._shown)

    def served(self) -> Sequence[Served]:
        """What the branch says, and what the engine says of it, where it may be asked."""
        with repository.opened(self._place) as clone:
            try:
                head = clone.bring()
            except GitError as error:
                raise failures.unreachable(self._shown, str(error)) from error
            found = self._form.served(clone.inside)
            if not self._place.engine:
                note = "as the branch says; `wait` would tell whether it is applied"
                return [replace(one, note=one.note or note) for one in found]
            report = Reading(self._place.engine).report()
            return [_reported(one, report, clone, head) for one in found]

    def plan(self, wanted: Sequence[Wanted]) -> Sequence[Step]:
        """What `make` would commit; nothing is pushed or built."""
        found = having.known(self._registry, wanted, self._image)
        with repository.opened(self._place) as clone:
            try:
                clone.bring()
            except GitError as error:
                raise failures.unreachable(self._shown, str(error)) from error
            return self._form.change(clone.inside, wanted, found).steps

    def make(self, wanted: Sequence[Wanted], say: Callable[[str], None]) -> Iterator[Outcome]:
        """Commit it, and wait for the engine where it may be asked."""
        found = having.built(self._registry, wanted, self._image, say)
        steps: Sequence[Step] = ()

        def change(inside: Path) -> str:
            nonlocal steps
            changed = self._form.change(inside, wanted, found)
            steps = changed.steps
            changed.write()
            return message.of(self._it.name, self._form.owner, steps, wanted)

        failure: MlgitopsError | None = None
        remark = ""
        with repository.opened(self._place) as clone:
            say(f"committing to {self._shown}")
            try:
                done, url = self._published(clone, change)
                self._applied(clone, done, say)
            except MlgitopsError as error:
                failure = _reason(error, self._shown)
            else:
                remark = self._remark(done, url)
        steps = steps or self._all(wanted)
        changes = any(step.action is not Action.NOTHING for step in steps)
        for step in steps:
            changed = step.action is not Action.NOTHING
            if step.trouble:
                yield failures.untold(step)
            elif failure and (changed or not changes):
                yield failures.failed(step, failure, step.old)
            else:
                yield Outcome(step=step, remark=remark if changed else "")

    def _published(self, clone: Clone, change: Callable[[Path], str]) -> tuple[Published, str]:
        """What became of the change, and the address of its pull request."""
        if not self._place.pull_request:
            return repository.publish(clone, change), ""
        branch = message.branch(self._it.name, self._form.owner)
        said = ""

        def telling(inside: Path) -> str:
            nonlocal said
            said = change(inside)
            return said

        done = repository.propose(clone, telling, branch)
        if not done.changed or not self._opener:
            return done, ""
        title, _, text = said.partition("\n")
        proposal = Proposal(
            repository=addresses.without_secrets(self._place.repository),
            branch=branch,
            base=self._place.branch,
            title=title,
            text=text.strip(),
        )
        return done, self._opener(proposal)

    def _applied(self, clone: Clone, done: Published, say: Callable[[str], None]) -> None:
        """Wait until the engine has applied what is on its branch."""
        if not self._place.engine or (self._place.pull_request and done.changed):
            return
        reading = Reading(self._place.engine)
        say(f"waiting for {reading}")
        word = reading.request()
        reading.until(lambda other: clone.alike(done.commit, other), say, word=word)

    def _remark(self, done: Published, url: str) -> str:
        if not done.changed:
            return ""
        if not self._place.pull_request:
            what = "applied" if self._place.engine else "pushed; whoever applies it does the rest"
            return f"commit {done.commit[:12]} is {what}"
        branch = message.branch(self._it.name, self._form.owner)
        return f"merge {url or f'the branch {branch}'}; nothing changes before"

    def _all(self, wanted: Sequence[Wanted]) -> list[Step]:
        return [one.step(Action.NOTHING, self._it.name, self._shown) for one in wanted]


def _reason(error: MlgitopsError, place: str) -> MlgitopsError:
    """A failure of git as one of a place; any other as it is."""
    if isinstance(error, GitopsPushedError):
        return error
    return failures.unreachable(place, str(error)) if isinstance(error, GitError) else error


def _reported(one: Served, report: Report, clone: Clone, head: str) -> Served:
    """What the branch says, with what the engine says of it."""
    if report.applied and clone.alike(head, report.applied):
        failure = report.failure
        if report.healthy or (failure is None and report.commit == report.applied):
            return one
        return replace(one, state=State.DEGRADED, note=str(failure or report.doing))
    failure = report.failure if report.commit and clone.alike(head, report.commit) else None
    at = f"{report.engine} is at {report.applied[:12] or 'nothing'}"
    said = str(failure) if failure else report.doing
    return replace(one, state=State.REPLACING, note=f"{at}: {said}" if said else at)
