"""The open pull requests that the site shows: those that change what models.yaml declares."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.github.proposed import branch_of
from mlgitops.github.waiting import repository_of
from tests.github.fake import TOKEN
from tests.history.test_stays import commit, git

if TYPE_CHECKING:
    from tests.github import fake
    from tests.team import Team


def proposed(job: Team) -> list[dict[str, Any]]:
    """What the site says that people proposed."""
    needs = json.loads((job.folder / "public" / "needs.json").read_text())
    return [need for need in needs if need["kind"] == "proposed"]


@pytest.fixture
def declared(job: Team) -> Team:
    """A job of a team with one model."""
    job.versions(2)
    job.stages(Staging=2, Production=1)
    job.ok("apply", "--allow", "unmanaged")
    return job


def test_the_front_page_lists_them(declared: Team, hub: fake.GitHub) -> None:
    """By model and stage those of mlgitops, by their files those of people; no other, no closed."""
    head = branch_of("wind", "Production")
    hub.add_pull({"title": "Put wind 2 into <Production>", "head": head})
    hub.add_pull({"title": "Describe the model", "head": "words"})
    hub.add_pull({"title": "Tidy up", "head": "tidy"})
    hub.add_pull({"title": "Put wind 1 into Staging", "head": branch_of("wind", "Staging")})
    hub.pulls[-1]["state"] = "closed"
    hub.files = {2: [{"filename": "models.yaml"}], 3: [{"filename": "README.md"}]}
    declared.ok("site", "public")
    assert [(one["model"], one["stage"], one["said"]) for one in proposed(declared)] == [
        ("wind", "Production", "Put wind 2 into <Production>, by ada"),
        (None, "", "Describe the model, by ada"),
    ]
    page = (declared.folder / "public" / "index.html").read_text()
    assert re.search(
        r'proposed</span> <a href="models/wind.html">wind Production</a>: '
        r'Put wind 2 into &lt;Production&gt;, by ada <a href="https://github.test/p/1">#1</a>',
        page,
    )
    assert (
        '<a href="https://github.test/p/1">#1</a>'
        in (declared.folder / "public" / "models" / "wind.html").read_text()
    )
    assert hub.writes == []


def test_a_fork_is_known_by_its_files(declared: Team, hub: fake.GitHub) -> None:
    """Its branch may have any name, and tells nothing."""
    head = branch_of("wind", "Production")
    hub.add_pull({"title": "Mine", "head": head, "repository": "mallory/farm"})
    declared.ok("site", "public")
    assert proposed(declared) == []


def test_a_page_is_made_without_an_answer(declared: Team, hub: fake.GitHub) -> None:
    """Where the token may not see pull requests, a warning says what the site lacks."""
    hub.denied = ["GET /pulls"]
    ran = declared.ok("site", "public")
    assert "the site does not show open pull requests" in ran.err
    assert (declared.folder / "public" / "index.html").exists()


def test_no_token_goes_to_another_host(team: Team) -> None:
    """Outside of a job, a token is for GitHub: no other host of git is asked."""
    team.stages(Production=1)
    commit(team, "Start", day=1)
    git(team, "remote", "add", "origin", "git@gitlab.com:acme/farm.git")
    given = {"GH_TOKEN": TOKEN}
    assert repository_of(team.file, given) is None
    git(team, "remote", "set-url", "origin", "git@github.com:acme/farm.git")
    found = repository_of(team.file, given)
    assert found is not None
    assert found.page == "https://github.com/acme/farm"
    assert repository_of(team.file, {}) is None
