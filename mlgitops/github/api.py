"""The calls of GitHub's REST API that the loop makes (docs.github.com/rest, version 2022-11-28)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlgitops.core.stamp import Author
from mlgitops.errors import (
    GitHubDeniedError,
    GitHubError,
    GitHubRejectedError,
    GitHubTruncatedError,
)
from mlgitops.github import since
from mlgitops.github.body import LIMIT, fitted
from mlgitops.github.files import Files
from mlgitops.github.labels import APPROVERS, Facts, allowing, judged, login
from mlgitops.github.rest import PAGE, decoded, entries
from mlgitops.system import secrets
from mlgitops.words import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlgitops.github.deployments import Record
    from mlgitops.github.labels import Label

_RAW = {"Accept": "application/vnd.github.raw+json"}  # of files beyond 1 MB, too
MOST_COMPARED = 300  # files that GitHub lists of a comparison of commits
_DESCRIPTION = 140  # characters; GitHub's limit
_APPROVED = "APPROVED"
_DECISIONS = {_APPROVED, "CHANGES_REQUESTED", "DISMISSED"}  # a comment takes none of them back


class GitHub(Files):
    """One repository on GitHub, with the token of the run."""

    def comment(self, number: int, marker: str, text: str, signature: str = "") -> str:
        """Write the one comment of a pull request that begins with a marker; returns its URL.

        A comment of somebody else that holds the marker is left alone. A signature ends the
        comment, however much of the text is left out. The report of a plan also says what is
        different from the one that it replaces.

        Raises:
            GitHubError: it could not be written.
        """
        comments = self._pages(f"/issues/{number}/comments")
        before = next((found for found in comments if self._is_mine(found, marker)), None)
        said = since.told(str(before["body"]), text) if before else text
        body = self._fitted(f"{marker}\n{said}", LIMIT - len(signature)) + signature
        if before:
            made = self._json("PATCH", f"/issues/comments/{before['id']}", {"body": body})
        else:
            made = self._json("POST", f"/issues/{number}/comments", {"body": body})
        return str(made["html_url"])

    def issue_text(self, marker: str, label: str) -> str:
        """The text of the open issue that begins with a marker; empty if none is open."""
        found = self._issue(marker, label)
        return str(found["body"]) if found else ""

    def open_issue(self, marker: str, label: str, title: str, text: str) -> str:
        """Open the one issue that begins with a marker, or update it; returns its URL."""
        body = {"title": title, "body": self._fitted(f"{marker}\n{text}")}
        found = self._issue(marker, label)
        if found is None:
            return str(self._json("POST", "/issues", {**body, "labels": [label]})["html_url"])
        if (found["title"], found["body"]) != (body["title"], body["body"]):
            self._json("PATCH", f"/issues/{found['number']}", body)
        return str(found["html_url"])

    def close_issue(self, marker: str, label: str, text: str) -> str | None:
        """Close that issue with a last comment; returns its URL, None if none is open."""
        found = self._issue(marker, label)
        if found is None:
            return None
        self._json("POST", f"/issues/{found['number']}/comments", {"body": self._fitted(text)})
        change = {"state": "closed", "state_reason": "completed"}
        self._json("PATCH", f"/issues/{found['number']}", change)
        return str(found["html_url"])

    def pull_request_of(self, sha: str) -> Mapping[str, Any] | None:
        """The pull request by which a commit came into this branch; None if it came without."""
        branch = self._context.branch
        for found in self._pages(f"/commits/{sha}/pulls"):
            into = (found.get("base") or {}).get("ref")
            if found.get("merged_at") and (not branch or into == branch):
                return self.pull_request(found["number"])
        return None

    def pull_request(self, number: int) -> Mapping[str, Any]:
        """A pull request."""
        found: Mapping[str, Any] = self._json("GET", f"/pulls/{number}")
        return found

    def labels(self, pull: Mapping[str, Any]) -> tuple[Label, ...]:
        """The labels of a pull request that allow something, with whether they count."""
        if not allowing(pull):
            return ()
        return judged(
            Facts(
                pull=pull,
                events=tuple(self.events(pull["number"])),
                activity=tuple(self._activity(pull)),
                reviews=tuple(self._pages(f"/pulls/{pull['number']}/reviews")),
            ),
            self._disapproved,
        )

    def _activity(self, pull: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The moves of a pull request's branch; nothing where the token cannot see them."""
        head = pull.get("head") or {}
        repository, ref = (head.get("repo") or {}).get("full_name"), f"refs/heads/{head.get('ref')}"
        if repository:  # a fork may be gone
            with suppress(GitHubDeniedError):
                yield from self._pages(f"/repos/{repository}/activity", ref=ref)

    def _disapproved(self, who: str) -> str:
        """Why somebody is no approver; empty if they are, or if anybody is."""
        listed = self._context.approvers
        if listed is None or who.lower() in listed.people:
            return ""
        context = self._context
        asking = GitHub(replace(context, token=context.members_token or context.token))
        for team in listed.teams:
            if asking._is_member(who, *team):
                return ""
        hint = (
            ", as far as the token can see; MLGITOPS_APPROVERS_TOKEN must be able to read the "
            "members of teams"
            if listed.teams
            else ""
        )
        return f"{who}, who set it, is not among {APPROVERS}{hint}"

    def _is_member(self, who: str, organization: str, team: str) -> bool:
        """Whether somebody is in a team; no, too, where the token cannot see that."""
        path = f"/orgs/{organization}/teams/{team}/memberships/{quote(who, safe='')}"
        try:
            return bool(self._json("GET", path).get("state") == "active")
        except GitHubDeniedError:
            return False

    def author_of(self, sha: str, tell: Callable[[Label], None]) -> Author | None:
        """Who merged a commit into this branch, with which pull request; None if it came without.

        `tell` is told of each label that allows something, whether it counts or not.

        Protocol: docs.github.com, "List reviews for a pull request": in their order in time, of
        which the last one of a person that is not a mere comment counts.
        """
        merged = self.pull_request_of(sha)
        if merged is None:
            return None
        states = {}
        for review in self._pages(f"/pulls/{merged['number']}/reviews"):
            if review.get("state") in _DECISIONS:
                states[login(review.get("user"))] = review["state"]
        labels = self.labels(merged)
        for label in labels:
            tell(label)
        return Author(
            commit=sha,
            actor=login(merged.get("merged_by")) or self._context.actor,
            pull_request=str(merged["number"]),
            approvers=tuple(sorted(one for one, said in states.items() if said == _APPROVED)),
            labels=frozenset(label.known for label in labels if not label.why_not),
        )

    def changed_files(self, number: int) -> list[dict[str, Any]]:
        """The files that a pull request changes.

        Protocol: docs.github.com, "List pull requests files": up to 3,000.
        """
        return list(self._pages(f"/pulls/{number}/files"))

    def is_superseded(self, sha: str, declares: Callable[[str], bool]) -> bool:
        """Whether this branch has a newer commit that changed a file that declares stages.

        Raises:
            GitHubError: GitHub does not tell.
        """
        branch = self._context.branch
        found = entries(self._json("GET", f"/compare/{sha}...{branch}"), "files")
        both = (one.get(key) for one in found for key in ("filename", "previous_filename"))
        if any(isinstance(name, str) and declares(name) for name in both):
            return True
        return len(found) >= MOST_COMPARED and self._differ(sha, branch, declares)

    def _differ(self, sha: str, branch: str, declares: Callable[[str], bool]) -> bool:
        """Whether two commits have other files that declare stages, by their whole trees."""
        try:
            before, after = (
                {path: blob for path, blob in self._tree(commit, "") if declares(path)}
                for commit in (sha, quote(branch, safe=""))
            )
        except GitHubTruncatedError as error:
            raise GitHubError(
                f"{branch} has changed {MOST_COMPARED} files or more since this run, and GitHub "
                "does not list all files of so large a repository: whether models.yaml changed "
                f"since is unknown; start a new run on {branch}"
            ) from error
        return before != after

    def changed_since(self, sha: str) -> list[dict[str, Any]]:
        """The files that this run's commit has otherwise than where a commit left its history.

        Protocol: docs.github.com, "Compare two commits": up to `MOST_COMPARED` files.
        """
        found = self._json("GET", f"/compare/{sha}...{self._context.sha}")
        return entries(found, "files")

    def events(self, number: int) -> list[dict[str, Any]]:
        """What happened to a pull request, the first event first."""
        return list(self._pages(f"/issues/{number}/events"))

    def pull_requests_from(self, branch: str) -> list[dict[str, Any]]:
        """All pull requests of a branch of this repository, open or not, into whatever branch."""
        owner = self._context.repository.partition("/")[0]
        return list(self._pages("/pulls", head=f"{owner}:{branch}", state="all"))

    def runs(self, workflow: str, sha: str) -> list[dict[str, Any]]:
        """The last 100 ended runs of a workflow on pull requests with a head, the newest first."""
        query = {"event": "pull_request", "head_sha": sha, "status": "completed"}
        url = self._url(f"/actions/workflows/{workflow}/runs")
        found = self._request("GET", url, query={**query, "per_page": PAGE})
        return entries(decoded(found), "workflow_runs")

    def artifacts(self, run: int) -> list[dict[str, Any]]:
        """What a run keeps: up to 100 artifacts."""
        url = self._url(f"/actions/runs/{run}/artifacts")
        return entries(decoded(self._request("GET", url, query={"per_page": PAGE})), "artifacts")

    def artifact(self, number: int) -> bytes:
        """The zip of an artifact."""
        url = self._url(f"/actions/artifacts/{number}/zip")
        return self._request("GET", url, http=self._stored).body

    def open_pull_requests(self, base: str) -> Iterator[dict[str, Any]]:
        """The pull requests that are open into a branch, the newest first, page by page.

        Protocol: docs.github.com, "List pull requests".
        """
        yield from self._pages("/pulls", base=base, state="open")

    def open_pull_request(
        self, *, head: str, base: str, title: str, text: str
    ) -> Mapping[str, Any]:
        """Open a pull request from a branch, or update the one that is open."""
        owner = self._context.repository.partition("/")[0]
        found = next(self._pages("/pulls", head=f"{owner}:{head}", base=base, state="open"), None)
        body = {"title": title, "body": self._fitted(text)}
        made: Mapping[str, Any] = (
            self._json("PATCH", f"/pulls/{found['number']}", body)
            if found
            else self._json("POST", "/pulls", {**body, "head": head, "base": base})
        )
        return made

    def dispatch(self, event: str, payload: Mapping[str, object]) -> None:
        """Start the workflows of the default branch that wait for an event of this type.

        Protocol: docs.github.com, "Create a repository dispatch event": up to 10 values. The token
        needs the permission `contents: write`.
        """
        body = {"event_type": event, "client_payload": payload}
        self._request("POST", self._url("/dispatches"), json=body)

    def set_status(self, sha: str, context: str, state: str, text: str) -> None:
        """Set the status that a commit has of one context: pending, success or failure.

        Raises:
            GitHubError: it could not be set.
        """
        said = brief(secrets.hidden(text), _DESCRIPTION)
        body = {"state": state, "context": context, "description": said}
        self._json("POST", f"/statuses/{sha}", body)

    def deployments(self) -> Iterator[Mapping[str, Any]]:
        """The deployments of all environments, newest first, page by page as they are read."""
        yield from self._pages("/deployments")

    def record_deployment(self, record: Record, sha: str) -> None:
        """Record what an environment got, and how that went.

        Its commit is `sha` where the record names none, or one that GitHub does not have.

        Raises:
            GitHubError: it could not be recorded.
        """
        try:
            deployment = self._deploy(record, record.commit or sha)
        except GitHubRejectedError:
            deployment = self._deploy(record, sha)
        self._conclude(deployment, "success" if record.succeeded else "failure")

    def _deploy(self, record: Record, sha: str) -> Mapping[str, Any]:
        body = {
            "ref": sha,
            "environment": record.environment,
            "description": brief(secrets.hidden(record.description), _DESCRIPTION),
            "production_environment": record.production,
            "payload": record.payload,
            "auto_merge": False,
            "required_contexts": [],  # the checks have passed: this is after the merge
        }
        made: Mapping[str, Any] = self._json("POST", "/deployments", body)
        return made

    def conclude_deployment(self, deployment: Mapping[str, Any]) -> None:
        """Record that a deployment succeeded, unless it says how it went."""
        if not any(self._pages(f"/deployments/{deployment['id']}/statuses")):
            self._conclude(deployment, "success")

    def _conclude(self, deployment: Mapping[str, Any], state: str) -> None:
        self._json(
            "POST",
            f"/deployments/{deployment['id']}/statuses",
            {
                "state": state,
                "log_url": self._context.run_url,
                "description": deployment["description"],
            },
        )

    def _fitted(self, text: str, limit: int = LIMIT) -> str:
        return fitted(secrets.hidden(text), limit, run=self._context.artifacts_url)

    def _issue(self, marker: str, label: str) -> Mapping[str, Any] | None:
        for found in self._pages("/issues", labels=label, state="open"):
            if self._is_mine(found, marker) and "pull_request" not in found:
                return found
        return None

    def _is_mine(self, found: Mapping[str, Any], marker: str) -> bool:
        """Whether we wrote what has this marker as its first line; anybody can quote one."""
        first = str(found.get("body") or "").partition("\n")[0]
        return login(found.get("user")) == self._context.login and first.rstrip() == marker
