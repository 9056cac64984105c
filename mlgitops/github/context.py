"""What GitHub Actions tells a job: variables and the event's payload, as one value.

Protocol: docs.github.com, "Store information in variables" and "Webhook events and payloads".
What people write there (titles, branches, labels) is data: nothing of it reaches a shell.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from mlgitops.errors import GitHubError
from mlgitops.github.labels import APPROVERS, approvers
from mlgitops.system import files
from mlgitops.words import brief, from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.github.labels import Approvers


_MAX_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class _Label:
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _PullRequest:
    number: int | None = None
    labels: tuple[_Label, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Commit:
    id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Event:
    """What of an event's payload is read, and of which type that is."""

    after: str | None = None
    commits: tuple[_Commit, ...] | None = None
    pull_request: _PullRequest | None = None


_FORM = TypeAdapter(_Event)


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """The run of a workflow.

    Attributes:
        api: the address of the REST API.
        graphql: the address of the GraphQL API.
        server: the address of the pages, for links.
        repository: OWNER/NAME.
        token: what the API is called with; None where the job has none.
        event: the payload of the event that started the run.
        sha: the commit that the run is about.
        branch: the name of the branch that the run is on.
        actor: who started it.
        run: the run's number in links.
        login: the account that writes comments and issues with the token.
        summary: the file of the job summary.
        approvers: whose labels may allow something; None if anybody's may.
        members_token: what GitHub is asked with for the members of teams; None for `token`.
    """

    api: str
    graphql: str
    server: str
    repository: str
    token: str | None = field(repr=False)
    event: Mapping[str, Any]
    sha: str
    branch: str
    actor: str
    run: str
    login: str
    summary: Path | None
    approvers: Approvers | None = None
    members_token: str | None = field(default=None, repr=False)

    @property
    def run_url(self) -> str:
        """The page of the run."""
        return f"{self.server}/{self.repository}/actions/runs/{self.run}"

    @property
    def artifacts_url(self) -> str | None:
        """Where the artifacts of the run are; None where there is no run."""
        return f"{self.run_url}#artifacts" if self.run else None

    @property
    def pull_request(self) -> int | None:
        """The number of the pull request that the event is about."""
        found = self.event.get("pull_request")
        number = found.get("number") if isinstance(found, dict) else None
        return number if isinstance(number, int) else None


def pushed(context: Context) -> frozenset[str]:
    """The commits that the person who started the run pushed."""
    event = context.event
    listed = [commit for commit in event.get("commits") or () if isinstance(commit, dict)]
    return frozenset(
        str(sha) for sha in (event.get("after"), *(c.get("id") for c in listed)) if sha
    )


def read(environment: Mapping[str, str] | None = None) -> Context:
    """The context of this process.

    Raises:
        GitHubError: this is not a job of GitHub Actions, or its event or the list of approvers
            cannot be read.
    """
    given = os.environ if environment is None else environment
    if not given.get("GITHUB_REPOSITORY"):
        raise GitHubError(
            "GITHUB_REPOSITORY is not set; `mlgitops github` runs only in GitHub Actions. "
            "Elsewhere, use `mlgitops status` and `mlgitops plan`"
        )
    api = given.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
    return Context(
        api=api,
        # on Enterprise Server: /api/v3 and /api/graphql
        graphql=given.get("GITHUB_GRAPHQL_URL") or f"{api.removesuffix('/v3')}/graphql",
        server=given.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/"),
        repository=given["GITHUB_REPOSITORY"],
        token=given.get("GITHUB_TOKEN") or None,
        event=_event(given.get("GITHUB_EVENT_PATH")),
        sha=given.get("GITHUB_SHA", ""),
        branch=given.get("GITHUB_REF_NAME", ""),
        actor=given.get("GITHUB_ACTOR", ""),
        run=given.get("GITHUB_RUN_ID", ""),
        login=given.get("MLGITOPS_GITHUB_LOGIN", "github-actions[bot]"),
        summary=Path(given["GITHUB_STEP_SUMMARY"]) if given.get("GITHUB_STEP_SUMMARY") else None,
        approvers=approvers(given.get(APPROVERS, "")),
        members_token=given.get("MLGITOPS_APPROVERS_TOKEN") or None,
    )


def _event(path: str | None) -> Mapping[str, Any]:
    if not path:
        return {}
    try:
        text = files.read_bytes(Path(path), limit=_MAX_BYTES)
        _FORM.validate_json(text, strict=True)
        return dict(from_json(text))
    except OSError as error:
        why = error.strerror
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        why = ": ".join((".".join(map(str, first["loc"])) or "it", str(first["msg"])))
    except ValueError as error:
        why = str(error)
    raise GitHubError(f"cannot read the event in GITHUB_EVENT_PATH: {brief(why, 300)}")
