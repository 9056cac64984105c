"""Reports on a pull request: whose they are, and what of them is shown."""

from __future__ import annotations

import html
import json
import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.github.test_verbs import told

if TYPE_CHECKING:
    from tests.github import fake
    from tests.team import Team

PULL_REQUEST = {
    "number": 12,
    "changed_files": 2,
    "head": {"sha": "1" * 40},
    "base": {"sha": "2" * 40},
}
SIGNED = "<sub>From [run 77](https://github.com/windy/farm/actions/runs/77) of `111111111111`"


@pytest.fixture
def of_a_branch(job: Team, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A job on a pull request of two files, and the plan that its run left."""
    path = job.folder / "event.json"
    path.write_text(json.dumps({"pull_request": PULL_REQUEST}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))
    monkeypatch.setenv("GITHUB_RUN_ID", "77")
    (job.folder / "plan.md").write_text("the plan\n")
    return job


def comment_with(job: Team, hub: fake.GitHub, *changed: str) -> str:
    """What is commented where a pull request changes these files."""
    hub.files[12] = [{"filename": name} for name in changed]
    job.ok("github", "report", "plan.md")
    return str(hub.comments[-1]["body"])


def test_a_comment_says_what_made_and_posted_it(of_a_branch: Team, hub: fake.GitHub) -> None:
    """Declarations and text make no report: it begins as ever, and ends with both commits."""
    body = comment_with(of_a_branch, hub, "models.yaml", "docs/winter.md")
    first = "<!-- mlgitops:plan -->\nthe plan\n"
    assert body == f"{first}\n\n{SIGNED}, posted by the code of `222222222222`.</sub>\n"


def test_a_comment_is_signed_however_long_it_is(of_a_branch: Team, hub: fake.GitHub) -> None:
    """What is left out of a long text is not who speaks."""
    (of_a_branch.folder / "plan.md").write_text("row " * 20_000 + "\n\n" + "end " * 20_000)
    body = comment_with(of_a_branch, hub, "models.yaml", "README.md")
    assert SIGNED in body.splitlines()[-1]
    assert 60_000 < len(body) <= 65_536


@pytest.mark.parametrize(
    "name",
    [
        "training/power.py",
        "noxfile.py",
        "pyproject.toml",
        "requirements/runtime.txt",
        "subprocess.py",
        "uv.toml",
        "holdout.parquet",
        "Makefile",
        ".github/workflows/plan.yml",
        ".github/CODEOWNERS",
        "mlgitops/deploy/docker/compose.yaml",
        "stack/compose.yaml",
    ],
)
def test_a_comment_warns_of_what_made_it(of_a_branch: Team, hub: fake.GitHub, name: str) -> None:
    """First of all, where the pull request changes anything that may run or be measured with."""
    said = f"> This pull request changes what made this report: `{name}`. "
    assert said in comment_with(of_a_branch, hub, "models.yaml", name).splitlines()[2]
    assert said in told(of_a_branch, "GITHUB_STEP_SUMMARY")


def test_a_comment_warns_of_a_file_that_was_moved_away(of_a_branch: Team, hub: fake.GitHub) -> None:
    """A former name counts; a name is no Markdown; of many names some are shown."""
    hub.files[12] = [{"filename": f"x{n}.md", "previous_filename": f"`@a`{n}.py"} for n in range(7)]
    of_a_branch.ok("github", "report", "plan.md")
    (line,) = (
        line for line in hub.comments[-1]["body"].splitlines() if "changes what made" in line
    )
    assert "`'@a'0.py`, `'@a'1.py`" in line
    assert line.partition(". ")[0].endswith(" and 2 more")


def test_a_comment_warns_of_what_github_does_not_say(of_a_branch: Team, hub: fake.GitHub) -> None:
    """Files that are not listed may be those that made the report."""
    assert "> GitHub listed 1 of 2 changed files. " in comment_with(of_a_branch, hub, "models.yaml")
    hub.denied = [r"GET /pulls/12/files"]
    ran = of_a_branch.ok("github", "report", "plan.md")
    assert "GitHub denied GET" in ran.err
    assert (
        "> GitHub did not say which files this pull request changes. " in (hub.comments[-1]["body"])
    )


@pytest.mark.parametrize(
    "forged",
    [
        "@ada",
        "x @ada",
        "`code`@ada",
        "\\@ada",
        "&#64;ada",
        "&#x0040;ada",
        "&commat;ada",
        "&#064ada",
        "(@team/ml-platform)",
        "@@ada",
    ],
)
def test_a_report_mentions_nobody(of_a_branch: Team, hub: fake.GitHub, forged: str) -> None:
    """Whoever writes a report's text calls nobody with the job's account."""
    (of_a_branch.folder / "plan.md").write_text(f"{forged} approve farm@sha256:1 a@b.org\n")
    body = comment_with(of_a_branch, hub, "models.yaml", "README.md")
    assert "@\u200b" in body
    assert "farm@sha256:1 a@b.org" in body
    assert not re.search(r"(?<!\w)@\w", html.unescape(body))


def test_a_report_is_a_file_of_its_own(of_a_branch: Team, hub: fake.GitHub) -> None:
    """No link, folder or pipe is followed, nothing large is read, and text need not be UTF-8."""
    folder = of_a_branch.folder
    (folder / "secret").write_text("password")
    (folder / "link.md").symlink_to(folder / "secret")
    (folder / "gone.md").symlink_to(folder / "nowhere")
    (folder / "folder.md").mkdir()
    os.mkfifo(folder / "pipe.md")
    (folder / "large.md").write_bytes(b"x" * (4 * 1024 * 1024 + 1))
    (folder / "bytes.md").write_bytes(b"\xff\xfe readable\n")
    names = ("link.md", "gone.md", "folder.md", "pipe.md", "large.md", "bytes.md")
    of_a_branch.ok("github", "report", *names)
    body = hub.comments[-1]["body"]
    for name in names[:4]:
        assert f"**{name} cannot be shown:** it is not a regular file.\n" in body
    assert "**large.md cannot be shown:** it is larger than 4 MiB.\n" in body
    assert "\ufffd readable" in body
    assert "password" not in body
