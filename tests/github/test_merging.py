"""The pull request of a deployment's branch."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mlgitops.deploy.gitops.repository import TOKEN
from mlgitops.deploy.gitops.target import Proposal
from mlgitops.github import merging
from tests.github.fake import REPOSITORY

if TYPE_CHECKING:
    from tests.github import fake
    from tests.team import Team

PROPOSAL = Proposal(
    repository=f"git@github.com:{REPOSITORY}.git",
    branch="mlgitops/deploy/farm-1",
    base="main",
    title="Serve version 3 as wind Production",
    text="Mlgitops-Deployment: farm",
)


@pytest.mark.parametrize("token", ["GITHUB_TOKEN", TOKEN])
def test_it_is_opened_once_and_then_updated(
    hub: fake.GitHub, job: Team, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """In the repository that is deployed to, whichever the job is of, by the token that pushes."""
    del job
    given = os.environ["GITHUB_TOKEN"]
    monkeypatch.setenv("GITHUB_TOKEN", "of-another-repository")
    monkeypatch.setenv(token, given)
    first = merging.ask(PROPOSAL)
    again = merging.ask(replace(PROPOSAL, title="Serve version 4 as wind Production"))
    assert first == again != ""
    (pull,) = hub.pulls
    assert pull["title"] == "Serve version 4 as wind Production"
    assert pull["head"] == PROPOSAL.branch


def test_no_other_host_is_asked(
    hub: fake.GitHub, job: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor GitHub without a token."""
    del job
    assert merging.ask(replace(PROPOSAL, repository="https://git.example.org/acme/x")) == ""
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.delenv("GH_TOKEN", raising=False)
    assert merging.ask(PROPOSAL) == ""
    assert hub.requests == []
