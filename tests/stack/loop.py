"""A repository on GitHub, as far as the loop goes: what its people do, and what that starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.act import Clone, Event, Ran
from tests.github.fake import READ_ONLY, TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.github import fake


@dataclass(kw_only=True)
class Repository(Clone):
    """A clone whose workflows talk to a stand-in for GitHub."""

    hub: fake.GitHub

    def pull_request(self, number: int, *, labels: tuple[str, ...] = (), fork: bool = False) -> Ran:
        """The plan for what is checked out, as the head of a pull request.

        A reviewer set the labels.
        """
        self._open(number, f"topic-{number}")
        self.hub.add_push(number)
        for label in labels:
            self.hub.add_label(number, label)
        self.hub.blobs[f"models.yaml?{self.head}"] = (self.work / "models.yaml").read_text()
        event = self.proposal(number, labels=labels, fork=fork)
        return self.run("pull_request", "plan", event, token=READ_ONLY if fork else TOKEN)

    def merge(self, branch: str, number: int, by: str, **variables: str) -> Ran:
        """Merge a pull request and apply, with these variables of the repository."""
        self.git("switch", "--quiet", "main")
        message = f"Merge pull request #{number} from {branch}\n\nEdit"
        self.git("merge", "--quiet", "--no-ff", "--message", message, branch, author=by)
        self._open(number, branch, merged_at="now", merged_by={"login": by})
        self.hub.commits[self.head] = [number]
        return self.push(**variables)

    def _open(self, number: int, branch: str, **more: object) -> None:
        self.hub.pulls = [pull for pull in self.hub.pulls if pull["number"] != number]
        self.hub.add_pull({"head": branch}, number=number, **more)

    def push(self, **variables: str) -> Ran:
        """Push main and apply it."""
        self.git("push", "--quiet", "origin", "main")
        payload = {"ref": "refs/heads/main", "after": self.head}
        return self.run("push", "apply", payload, variables=variables)

    def dispatch(self, workflow: str, **inputs: str) -> Ran:
        """Run a workflow by hand."""
        payload = {"ref": "refs/heads/main", "inputs": inputs}
        return self.run("workflow_dispatch", workflow, payload)

    def __post_init__(self) -> None:
        self.environment = {"GITHUB_API_URL": self.hub.base, **self.environment}

    def run(
        self,
        event: str,
        workflow: str,
        payload: Event,
        *,
        token: str = TOKEN,
        variables: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a workflow on an event, with a token that may write."""
        return super().run(event, workflow, payload, token=token, variables=variables)

    def pushed(self, branch: str) -> list[str]:
        """The changed lines of a branch at the origin, as a diff without context."""
        self.git("fetch", "--quiet", "origin", branch)
        shown = self.git("diff", "--unified=0", "main", "FETCH_HEAD").splitlines()
        return [line for line in shown if not line.startswith(("+++", "---"))]
