"""Answers of GitHub that are no success, each as docs.github.com/rest documents it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import (
    GitHubDeniedError,
    GitHubError,
    GitHubFaultError,
    GitHubLimitedError,
    GitHubLoginError,
    GitHubRejectedError,
    GitHubUnseenError,
)
from mlgitops.github.refusals import pause
from mlgitops.system.http import Answer
from tests.github.fake import Reply
from tests.github.test_api import github

if TYPE_CHECKING:
    from tests.github import fake

PULL = "GET /pulls/1"
PRIMARY = "API rate limit exceeded for user ID 1."
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes."


def refused(hub: fake.GitHub, *replies: Reply) -> GitHubError:
    """What a read ends with that is answered so."""
    hub.replies[PULL] = list(replies)
    with pytest.raises(GitHubError) as caught:
        github(hub).pull_request(1)
    return caught.value


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_repository_that_was_renamed(hub: fake.GitHub, status: int) -> None:
    """Reads and writes go where GitHub redirects to, with their method and body."""
    hub.renamed = status
    client = github(hub)
    opened = client.open_pull_request(head="topic", base="main", title="Promote", text="why")
    (made,) = hub.pulls
    assert opened["html_url"] == made["html_url"]
    assert (made["title"], made["body"]) == ("Promote", "why")
    client.open_pull_request(head="topic", base="main", title="Promote again", text="why")
    assert [pull["title"] for pull in hub.pulls] == ["Promote again"]


def test_a_redirect_that_takes_no_write(hub: fake.GitHub) -> None:
    """303 asks for a GET, which would pass for a write that succeeded: it is an error."""
    there = {"Location": f"{hub.base}/repos/windy/farm/issues"}
    hub.replies["POST /issues"] = [Reply(status=303, message="See other", headers=there)]
    with pytest.raises(GitHubError, match="POST /repos/windy/farm/issues: it is redirected"):
        github(hub).open_issue("m", "label", "title", "text")
    assert hub.issues == []


def test_the_token_is_not_redirected_to_another_host(hub: fake.GitHub) -> None:
    """Neither with a read nor with a write."""
    elsewhere = {"Location": hub.base.replace("127.0.0.1", "localhost") + "/stored/1"}
    for route, ask in (
        (PULL, lambda: github(hub).pull_request(1)),
        ("POST /issues", lambda: github(hub).open_issue("m", "label", "title", "text")),
    ):
        hub.replies[route] = [Reply(status=307, message="", headers=elsewhere)]
        with pytest.raises(GitHubError, match="another host"):
            ask()


def test_a_rate_limit_that_ends_soon(hub: fake.GitHub) -> None:
    """Both sorts are waited for, by read and by write, and the call succeeds."""
    over = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()))}
    hub.replies = {
        "GET /pulls": [Reply(status=403, message=PRIMARY, headers=over)],
        "POST /pulls": [Reply(status=429, message=SECONDARY, headers={"Retry-After": "0"})],
    }
    github(hub).open_pull_request(head="topic", base="main", title="T", text="")
    assert len(hub.pulls) == 1
    assert hub.requests.count("POST /pulls") == 2


def test_a_rate_limit_that_lasts(hub: fake.GitHub) -> None:
    """It is an error of its own at once, which says until when; no grant is asked for."""
    over = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3000)}
    for status, message, headers in (
        (403, PRIMARY, over),
        (429, PRIMARY, over),
        (403, SECONDARY, {"Retry-After": "3600"}),
    ):
        error = refused(hub, Reply(status=status, message=message, headers=headers))
        assert isinstance(error, GitHubLimitedError)
        assert "start again after" in str(error)
        assert "permissions" not in str(error)
        hub.requests.clear()


@pytest.mark.parametrize(
    ("status", "message", "headers", "seconds"),
    [
        (403, SECONDARY, {}, 60.0),
        (429, "Too many requests", {}, 60.0),
        (403, SECONDARY, {"Retry-After": "7", "X-RateLimit-Remaining": "0"}, 7.0),
        (403, PRIMARY, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1030"}, 30.0),
        (403, PRIMARY, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "990"}, 0.0),
        (403, PRIMARY, {"X-RateLimit-Remaining": "0"}, 60.0),
        (403, "Resource not accessible by integration", {"X-RateLimit-Remaining": "9"}, None),
        (404, "Not Found", {"X-RateLimit-Remaining": "0"}, None),
    ],
)
def test_how_long_a_limit_lasts(
    status: int, message: str, headers: dict[str, str], seconds: float | None
) -> None:
    """GitHub's order: Retry-After, then the reset of a limit that is used up, else a minute."""
    body = b'{"message": "%s"}' % message.encode()
    assert pause(Answer(status=status, headers=headers, body=body), 1000.0) == seconds


def test_missing_grants(hub: fake.GitHub) -> None:
    """The error says which grant is missing, as a workflow or the form of a token has it."""
    said = "Resource not accessible by integration"
    for headers, expected in (
        (
            {"X-Accepted-GitHub-Permissions": "pull_requests=write,contents=read; issues=write"},
            "add `pull-requests: write`, `contents: read` or `issues: write` to the job's",
        ),
        ({}, "add the missing grant to the job's `permissions` or to the token"),
        (
            {"X-OAuth-Scopes": "read:org", "X-Accepted-OAuth-Scopes": "repo"},
            "the token has the scopes read:org and needs repo",
        ),
        (
            {"X-GitHub-SSO": "required; url=https://github.com/orgs/a/sso?authorization_request=Z"},
            "authorize the token for the organization's single sign-on",
        ),
    ):
        error = refused(hub, Reply(status=403, message=said, headers=headers))
        assert type(error) is GitHubDeniedError
        assert expected in str(error)
        assert "authorization_request" not in str(error)


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        (Reply(status=401, message="Bad credentials"), GitHubLoginError, "expired or revoked"),
        (Reply(status=404, message="Not Found"), GitHubUnseenError, r"denied GET .*\(404\)"),
        (Reply(status=410, message="Issues are disabled"), GitHubError, "with 410: Issues are"),
        (Reply(status=451, message="Repository access blocked"), GitHubError, "with 451"),
        (
            Reply(
                status=422,
                message="Validation Failed",
                errors=[
                    {"resource": "PullRequest", "code": "custom", "message": "No commits"},
                    {"resource": "PullRequest", "field": "head", "code": "invalid"},
                ],
            ),
            GitHubRejectedError,
            "Validation Failed: No commits, PullRequest head invalid",
        ),
        (Reply(status=304, message=""), GitHubError, "with 304: no message"),
    ],
)
def test_other_refusals(hub: fake.GitHub, reply: Reply, kind: type[GitHubError], text: str) -> None:
    """Each cause is an error of its own class, with what GitHub says."""
    hub.replies[PULL] = [reply]
    with pytest.raises(kind, match=text):
        github(hub).pull_request(1)
    assert hub.requests == [PULL]


def test_faults_of_github(hub: fake.GitHub) -> None:
    """A read is repeated; a write is not, as it may have happened. What stays is an error."""
    hub.add_pull({"head": "topic"})
    hub.replies = {PULL: [Reply(status=502, message="Server Error")]}
    assert github(hub).pull_request(1)["number"] == 1
    hub.replies = {"POST /issues": [Reply(status=500, message="Server Error")] * 2}
    with pytest.raises(GitHubFaultError, match=r"failed at POST .* \(500\): Server Error"):
        github(hub).open_issue("m", "label", "title", "text")
    assert hub.issues == []
