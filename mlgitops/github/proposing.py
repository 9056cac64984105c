"""Open, update and close the pull requests that propose versions; no clone is needed.

There is one pull request for a model's stage. What people did with it holds: commits that they
pushed are not overwritten, and a version that they turned down is not proposed again by a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlgitops.core.stage import alias_of
from mlgitops.errors import GitHubError, GitHubPushedError, GitHubRejectedError, UsageError
from mlgitops.file import edit
from mlgitops.file.load import source
from mlgitops.file.part import cut
from mlgitops.github import proposed
from mlgitops.history.reasons import TRAILER
from mlgitops.report.markdown import escaped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.core.desired import Desired
    from mlgitops.file.load import Source
    from mlgitops.file.part import Part
    from mlgitops.github.proposed import Marked, Wanted
    from mlgitops.github.repository import Repository

Compare = Callable[["Desired", "Wanted"], str]
_METHODS = {  # the first that a repository allows; a merge commit leaves the reason in its commit
    "MERGE": "allow_merge_commit",
    "SQUASH": "allow_squash_merge",
    "REBASE": "allow_rebase_merge",
}
_LAST_LINES = (
    "To turn this version down, close the pull request: no rule proposes it again. Once somebody "
    "else pushes to its branch, mlgitops leaves both alone."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What GitHub has of one stage.

    Attributes:
        head: the commit of the stage's branch; None if there is no branch.
        pulls: all pull requests from the branch into the base, open or not.
    """

    branch: str
    head: str | None
    pulls: tuple[Mapping[str, Any], ...]

    @property
    def open(self) -> Mapping[str, Any] | None:
        """The pull request that is open."""
        return next((pull for pull in self.pulls if pull.get("state") == "open"), None)

    @property
    def url(self) -> str:
        """The address of the pull request that is open; empty if none is."""
        return str(self.open["html_url"]) if self.open else ""

    @property
    def proposes(self) -> Marked | None:
        """What the open pull request proposes."""
        return proposed.marked(self.open) if self.open else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """What became of a pull request: `opened`, `updated` or, if nothing was to do, `open`.

    Attributes:
        refusal: why GitHub does not merge it by itself although it was asked to.
    """

    url: str
    what: str
    refusal: str = ""


class Proposals:
    """The pull requests of one repository that propose versions, into one branch."""

    def __init__(self, repository: Repository, path: str, base: str = "") -> None:
        """Read the branches, and models.yaml as the base branch has it.

        Args:
            repository: on GitHub.
            path: of models.yaml in the repository.
            base: the branch to merge into; the default branch if empty.

        Raises:
            DesiredStateError: models.yaml is not valid there.
            GitHubError: it cannot be read.
        """
        self._repository, self._path = repository, path
        self._settings = repository.settings()
        self.base = base or str(self._settings["default_branch"])
        found = repository.heads(self.base).get(self.base)
        if found is None:
            raise GitHubError(f"the repository has no branch {self.base!r}; pass another --base")
        self._commit = found
        self._heads = repository.heads(proposed.PREFIX)
        self._texts = repository.declared(path, found)

    @cached_property
    def source(self) -> Source:
        """What models.yaml says in the base branch."""
        return source(self._texts, self._path)

    @property
    def desired(self) -> Desired:
        """What the base branch declares."""
        return self.source.desired

    def has_branch(self, model: str, stage: str) -> bool:
        """Whether there is a branch that proposes something for a stage."""
        return proposed.branch_of(model, stage) in self._heads

    def place(self, model: str, stage: str) -> Place:
        """What GitHub has of a stage."""
        branch = proposed.branch_of(model, stage)
        pulls = self._repository.pull_requests_from(branch)
        return Place(
            branch=branch,
            head=self._heads.get(branch),
            pulls=tuple(p for p in pulls if (p.get("base") or {}).get("ref") == self.base),
        )

    def propose(self, wanted: Wanted, place: Place, compare: Compare) -> Opened:
        """Open a pull request, or let the one that is open propose this version.

        Args:
            wanted: the version and its stage.
            place: what GitHub has of the stage.
            compare: tells what changes, from what models.yaml would declare.

        Raises:
            UsageError: there is no such model or stage, or it is declared so already.
            EditError: models.yaml cannot be edited in place.
            GitHubPushedError: people pushed to the branch.
            GitHubError: GitHub refuses.
        """
        part = self._edited(wanted)
        path, text = part.file, part.whole
        before, pull = self._head(place), place.open
        same = (
            pull is not None
            and before is not None
            and proposed.trailer(before, TRAILER) == wanted.said
            and self._repository.file(path, str(before["sha"])) == text
        )
        if not same:
            commit = self._repository.commit_file(path, text, wanted.message, self._commit)
            self._repository.point(place.branch, commit, exists=place.head is not None)
        told = place.proposes
        if same and pull and told and (told.version, told.asked) == (wanted.version, wanted.asked):
            return Opened(url=str(pull["html_url"]), what="open")
        said = [compare(source(self._texts.with_text(path, text), self._path).desired, wanted)]
        if self._is_pinned(wanted):
            said.append("The pin of the version before is removed with it.")
        body = _body(wanted, said)
        made = self._repository.open_pull_request(
            head=place.branch, base=self.base, title=wanted.title, text=body
        )
        return Opened(
            url=str(made["html_url"]),
            what="updated" if pull else "opened",
            refusal=self._merged_by_itself(made) if wanted.auto_merge else "",
        )

    def withdraw(self, place: Place, why: str) -> None:
        """Close the open pull request of a stage with a comment, and remove its branch.

        Raises:
            GitHubPushedError: people pushed to the branch.
            GitHubError: GitHub refuses.
        """
        pull = place.open
        if pull is None:
            return
        self._head(place)
        self._repository.close(pull, why, proposed.withdrawn(pull))
        if place.head:
            self._repository.remove(place.branch)

    def _edited(self, wanted: Wanted) -> Part:
        part = cut(self.source, edit.model_of(self.desired, wanted.model).name)
        edited = edit.set_version(part, wanted.model, wanted.stage, wanted.version)
        if edited.whole == part.whole:
            raise UsageError(
                f"{self.base} already declares this: {wanted.title}; there is nothing to propose"
            )
        return edited

    def _is_pinned(self, wanted: Wanted) -> bool:
        stage = self.desired.models[wanted.model].listed(alias_of(wanted.stage))
        return stage is not None and stage.digest is not None

    def _head(self, place: Place) -> Mapping[str, Any] | None:
        """The commit of a branch, which nobody else pushed to; None without a branch."""
        if place.head is None:
            return None
        found = self._repository.commit(place.head)
        if not proposed.is_untouched(found):
            raise GitHubPushedError(
                f"somebody else pushed to the branch {place.branch}, so it is left alone; merge or "
                "close its pull request and remove the branch"
            )
        return found

    def _merged_by_itself(self, pull: Mapping[str, Any]) -> str:
        """Ask GitHub to merge a pull request by itself; why it refuses, if it does."""
        if pull.get("auto_merge"):
            return ""
        allowed = (m for m, key in _METHODS.items() if self._settings.get(key, True))
        try:
            self._repository.enable_auto_merge(pull, next(allowed, "MERGE"))
        except GitHubRejectedError as error:
            return str(error)
        return ""


def _body(wanted: Wanted, said: Iterable[str]) -> str:
    reason = [f"**Reason:** {escaped(wanted.said)}"] if wanted.said else []
    return "\n\n".join([wanted.marker, *reason, *said, _LAST_LINES])
