"""The calls of GitHub's API, against a server that keeps what it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import GitHubDeniedError, GitHubError
from mlgitops.github import context
from mlgitops.github.api import GitHub
from mlgitops.github.deployments import Record
from tests.github.fake import REPOSITORY, TOKEN

if TYPE_CHECKING:
    from tests.github import fake

MARKER = "<!-- mlgitops:plan -->"
LABEL = "mlgitops-drift"


def github(hub: fake.GitHub, token: str = TOKEN) -> GitHub:
    """A client of the fake."""
    environment = {
        "GITHUB_API_URL": hub.base,
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_TOKEN": token,
        "GITHUB_RUN_ID": "77",
    }
    return GitHub(context.read(environment))


def test_one_comment(hub: fake.GitHub) -> None:
    """The second report replaces the first, on whichever page it is; there is never a second."""
    hub.page = 2
    for number in range(5):
        hub.add_comment(12, f"talk {number}", login="ada")
    first = github(hub).comment(12, MARKER, "plan one")
    for number in range(5):
        hub.add_comment(12, f"more talk {number}", login="ada")
    second = github(hub).comment(12, MARKER, "plan two")
    assert first == second
    assert [c["body"] for c in hub.comments if MARKER in c["body"]] == [f"{MARKER}\nplan two"]


def test_comments_of_others(hub: fake.GitHub) -> None:
    """Neither somebody else's comment with the marker nor one that quotes it is touched."""
    hub.add_comment(12, f"{MARKER}\nnot the plan", login="mallory")
    hub.add_comment(12, f"> {MARKER}\nquoted")
    hub.add_comment(12, f"{MARKER} and more\nof another workflow")
    github(hub).comment(12, MARKER, "the plan")
    assert [comment["body"] for comment in hub.comments] == [
        f"{MARKER}\nnot the plan",
        f"> {MARKER}\nquoted",
        f"{MARKER} and more\nof another workflow",
        f"{MARKER}\nthe plan",
    ]


def test_a_long_comment_is_cut(hub: fake.GitHub) -> None:
    """What is too long for GitHub loses whole sections from its end, never its beginning."""
    sections = "".join(f"\n### model {i}\n\n{'row ' * 500}" for i in range(60))
    github(hub).comment(12, MARKER, f"summary{sections}")
    (comment,) = hub.comments
    assert comment["body"].startswith(f"{MARKER}\nsummary\n\n### model 0")
    assert "shortened" in (last := comment["body"].splitlines()[-1])
    assert f"/{REPOSITORY}/actions/runs/77#artifacts)" in last
    assert 60_000 < len(comment["body"]) <= 65_536


def test_one_issue(hub: fake.GitHub) -> None:
    """Drift that stays is one issue, updated only when it changes; it closes with a last word."""
    hub.add_issue({"title": "x", "body": f"{MARKER}\nfaked", "labels": [LABEL]}, login="mallory")
    client = github(hub)
    urls = {client.open_issue(MARKER, LABEL, "Drift", "one stage") for _ in range(2)}
    assert len(hub.writes) == 1
    urls.add(client.open_issue(MARKER, LABEL, "Drift", "two stages"))
    assert len(urls) == 1
    assert [issue["body"] for issue in hub.issues[1:]] == [f"{MARKER}\ntwo stages"]
    assert client.close_issue(MARKER, LABEL, "as declared again") in urls
    assert hub.issues[1]["state"] == "closed"
    assert hub.comments[0]["body"] == "as declared again"
    assert client.close_issue(MARKER, LABEL, "again") is None
    assert hub.issues[0]["state"] == "open"


def test_the_pull_request_of_a_commit(hub: fake.GitHub) -> None:
    """The merged pull request tells who merged it; one that is only open does not count."""
    still_open = hub.add_pull({"head": "b"})
    merged = hub.add_pull({"head": "a"}, merged_at="2026-11-23", merged_by={"login": "grace"})
    hub.commits["abc"] = [still_open["number"], merged["number"]]
    found = github(hub).pull_request_of("abc")
    assert found is not None
    assert (found["number"], found["merged_by"]["login"]) == (2, "grace")
    assert github(hub).pull_request_of("def") is None


def test_one_pull_request_for_a_branch(hub: fake.GitHub) -> None:
    """A second run updates the pull request that is open."""
    for text in ("first", "second"):
        github(hub).open_pull_request(head="mlgitops/x", base="main", title="T", text=text)
    (pull,) = hub.pulls
    assert pull["body"] == "second"


@pytest.mark.parametrize("succeeded", [True, False])
def test_a_deployment(hub: fake.GitHub, succeeded: bool) -> None:
    """A deployment carries its commit and gets a status that links to the run."""
    record = Record(
        environment="m Production",
        description="d" * 200,
        succeeded=succeeded,
        production=True,
        payload={"version": 2},
    )
    github(hub).record_deployment(record, "abc")
    (made,), (status,) = hub.deployments, hub.statuses
    assert (made["ref"], made["environment"], len(made["description"])) == (
        "abc",
        "m Production",
        140,
    )
    assert status["state"] == ("success" if succeeded else "failure")
    assert status["log_url"].endswith("/windy/farm/actions/runs/77")


def test_a_token_without_a_grant(hub: fake.GitHub) -> None:
    """What the token may not do is said with the call, and without the token."""
    hub.denied = [r"POST /issues/12/comments"]
    with pytest.raises(GitHubDeniedError, match=r"POST .*comments.*not accessible") as caught:
        github(hub).comment(12, MARKER, "plan")
    assert TOKEN not in str(caught.value)
    with pytest.raises(GitHubDeniedError, match="401"):
        github(hub, token="wrong").comment(12, MARKER, "plan")


def test_the_token_stays_with_its_server(hub: fake.GitHub) -> None:
    """A page link to another server is not followed."""
    hub.page = 1
    for number in range(3):
        hub.add_comment(12, f"talk {number}", login="ada")
    client = github(hub)
    hub.base = "http://elsewhere.invalid"
    client.comment(12, MARKER, "plan")
    assert hub.requests == ["GET /issues/12/comments", "POST /issues/12/comments"]


def test_github_is_gone() -> None:
    """An address where nobody answers is one error that names the call."""
    environment = {"GITHUB_API_URL": "http://127.0.0.1:9", "GITHUB_REPOSITORY": REPOSITORY}
    with pytest.raises(GitHubError, match="did not answer GET"):
        GitHub(context.read(environment)).pull_request_of("abc")


def test_outside_of_github() -> None:
    """Elsewhere than in a workflow, the message says which verb to use."""
    with pytest.raises(
        GitHubError, match=r"runs only in GitHub Actions\. Elsewhere, use `mlgitops status`"
    ):
        context.read({})
