"""Which labels of a pull request count: those that somebody else set after the last push."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import GitHubError
from mlgitops.github.labels import approvers
from tests.github.fake import AFTER, AUTHOR, MEMBERS_TOKEN, PUSHED
from tests.github.test_verbs import event, variables

if TYPE_CHECKING:
    from tests.github import fake
    from tests.team import Team

FREEZE = "mlgitops/allow-freeze"
BEFORE, LATER = "2026-11-23T11:00:00Z", "2026-11-23T13:00:00Z"


@pytest.fixture
def plan(job: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A run of Plan on pull request 12, which was pushed once."""
    hub.add_pull({}, number=12)
    hub.add_push(12)
    event(job, monkeypatch)
    return job


def test_what_a_reviewer_set_after_the_last_push_counts(plan: Team, hub: fake.GitHub) -> None:
    """Other labels are left out, whatever their names: they allow nothing."""
    for name in (FREEZE, "bug", "mlgitops/allow-freeze@rita,mlgitops/allow-takeover"):
        hub.add_label(12, name)
    assert "counts: rita set it" in plan.ok("github", "labels").out
    assert variables(plan, "GITHUB_OUTPUT")["labels"] == f"{FREEZE}@rita"


def test_without_a_label_nothing_is_asked(plan: Team, hub: fake.GitHub) -> None:
    """The pull request itself is one request."""
    assert "allows anything" in plan.ok("github", "labels").out
    assert hub.requests == ["GET /pulls/12"]


@pytest.mark.parametrize(
    ("by", "at", "kind", "why"),
    [
        (AUTHOR, AFTER, "User", "ada set it and opened the pull request"),
        (AUTHOR.upper(), AFTER, "User", "ADA set it and opened the pull request"),
        ("rita", BEFORE, "User", "rita set it before the last push"),
        ("rita", PUSHED, "User", "rita set it before the last push"),
        ("rita", "soon", "User", "GitHub does not say who set it, and when"),
        ("", AFTER, "User", "GitHub does not say who set it, and when"),
        ("github-actions[bot]", AFTER, "Bot", "github-actions[bot], which is no person, set it"),
        ("mona", AFTER, "User", "mona set it and pushed last"),
    ],
    ids=["author", "case", "before", "same-second", "no-time", "ghost", "bot", "pusher"],
)
def test_a_label_that_does_not_count(
    plan: Team, hub: fake.GitHub, by: str, at: str, kind: str, why: str
) -> None:
    """One line says who set it, and why it does not count; nothing reaches the plan."""
    hub.activity.clear()
    hub.add_push(12, by="mona")
    hub.add_label(12, FREEZE, by=by, at=at, kind=kind)
    ran = plan.ok("github", "labels")
    assert f"warning: the label {FREEZE} does not count: {why}" in ran.err
    assert variables(plan, "GITHUB_OUTPUT")["labels"] == ""


def test_a_label_that_was_set_again(plan: Team, hub: fake.GitHub) -> None:
    """The last one to set it is asked about, not the first; one that nobody set counts for none."""
    hub.add_label(12, FREEZE, by="rita", at=AFTER)
    hub.add_event(12, "unlabeled", AUTHOR, LATER, label={"name": FREEZE})
    ran = plan.ok("github", "labels")
    assert "GitHub does not say who set it" in ran.err
    hub.add_event(12, "labeled", AUTHOR, LATER, label={"name": FREEZE})
    assert "ada set it and opened" in plan.ok("github", "labels").err


def test_commits_tell_no_time(plan: Team, hub: fake.GitHub) -> None:
    """A push after the label undoes it, whatever date its commits have."""
    hub.add_label(12, FREEZE, at=AFTER)
    hub.add_event(12, "committed", AUTHOR, BEFORE)
    hub.add_push(12, at=LATER)
    assert "before the last push" in plan.ok("github", "labels").err


def test_a_branch_that_nobody_can_see(plan: Team, hub: fake.GitHub) -> None:
    """A review of the head, or the merge, shows that the push was over; else none counts."""
    hub.denied.append("GET /activity")
    hub.add_label(12, FREEZE, at=AFTER)
    assert "nothing shows that it was set after the last push" in plan.ok("github", "labels").err
    hub.reviews[12] = [{"commit_id": "other", "submitted_at": BEFORE}]
    assert "nothing shows" in plan.ok("github", "labels").err
    hub.reviews[12].append({"commit_id": "head12", "submitted_at": PUSHED})
    assert "counts: rita set it" in plan.ok("github", "labels").out
    hub.add_event(12, "head_ref_force_pushed", AUTHOR, LATER)
    assert "before the last push" in plan.ok("github", "labels").err


def test_a_label_after_the_merge(plan: Team, hub: fake.GitHub) -> None:
    """Nobody can push any more; a branch that is restored later is no push."""
    hub.activity.clear()
    hub.add_label(12, FREEZE, at=LATER)
    hub.pulls[0]["merged_at"] = AFTER
    assert "counts: rita set it" in plan.ok("github", "labels").out
    hub.add_push(12, at="2026-11-24T00:00:00Z")
    assert "counts: rita set it" in plan.ok("github", "labels").out


@pytest.mark.parametrize(
    ("listed", "counts"),
    [
        ("", True),
        ("@Rita", True),
        ("bob, rita", True),
        ("bob\n@carol", False),
        ("@acme/reviewers", True),
        ("bob @acme/reviewers", True),
        ("@acme/others", False),
        ("@acme/invited", False),
    ],
)
def test_approvers(
    plan: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch, listed: str, counts: bool
) -> None:
    """People and members of teams, as many as are listed; whoever is only invited is no member."""
    hub.teams = {"acme/reviewers": {"rita"}, "acme/others": {"bob"}, "acme/invited": {"rita?"}}
    hub.add_label(12, FREEZE)
    monkeypatch.setenv("MLGITOPS_APPROVERS", listed)
    monkeypatch.setenv("MLGITOPS_APPROVERS_TOKEN", MEMBERS_TOKEN)
    ran = plan.ok("github", "labels")
    assert (variables(plan, "GITHUB_OUTPUT")["labels"] == f"{FREEZE}@rita") == counts
    assert ("rita, who set it, is not among MLGITOPS_APPROVERS" in ran.err) != counts


def test_a_team_that_the_token_cannot_see(
    plan: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The label does not count, and the line says which token to give."""
    hub.teams = {"acme/reviewers": {"rita"}}
    hub.add_label(12, FREEZE)
    monkeypatch.setenv("MLGITOPS_APPROVERS", "@acme/reviewers")
    ran = plan.ok("github", "labels")
    assert "MLGITOPS_APPROVERS_TOKEN must be able to read the members of teams" in ran.err
    assert variables(plan, "GITHUB_OUTPUT")["labels"] == ""


@pytest.mark.parametrize("text", ["@acme/../x", "ada?x=1", "@", "a/b/c", "ada;bob"])
def test_approvers_that_are_none(text: str) -> None:
    """A list that cannot be read is an error, and not a list of nobody or of everybody."""
    with pytest.raises(GitHubError, match="MLGITOPS_APPROVERS holds"):
        approvers(text)


def test_apply_asks_as_well(job: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A label of the author's allows nothing; a reviewer's does, and is stamped and recorded."""
    job.versions(1)
    job.stages(Production=1)
    job.ok("apply")
    job.stages(Staging=1, Production=None)
    hub.add_pull({}, number=7, merged_at=PUSHED, merged_by={"login": "grace"})
    hub.commits["abc"] = [7]
    hub.add_label(7, "mlgitops/allow-empties-production", by=AUTHOR)
    assert "does not count: ada set it and opened" in job.ok("github", "author").err
    monkeypatch.setenv("MLGITOPS_AUTHORS", "authors.json")
    assert job.run("apply").code == 8

    hub.events[7] = []
    hub.add_label(7, "mlgitops/allow-empties-production", by="rita")
    job.ok("github", "author")
    ran = job.ok("apply", "--format", "json")

    (guard,) = ran.document["guards"]
    said = "the label mlgitops/allow-empties-production, set by rita"
    assert (guard["allowed"], guard["allowed_by"]) == (True, said)
    stamp = job.tag(1, "Production")
    assert stamp is not None
    assert stamp["allowed"] == "empties-production: label by rita"
    job.ok("history", "--export", "audit.json")
    assert said in (job.folder / "audit.json").read_text()
