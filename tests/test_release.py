"""What is released says the same version everywhere, and one job alone can publish it."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import yaml
from packaging.version import Version

import mlgitops

ROOT = Path(__file__).resolve().parents[1]
_SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_changelog_tells_of_this_version() -> None:
    """Each version has its day and what changed; newest first, after what is not released."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    if headings[0] == "[Unreleased]":
        del headings[0]
    found = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", head) for head in headings]
    versions = [(Version(one[1]), one[2]) for one in found if one]
    assert len(versions) == len(headings)
    assert str(versions[0][0]) == mlgitops.__version__
    assert all(newer[0] > older[0] and newer[1] >= older[1] for newer, older in pairwise(versions))
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= _SECTIONS


def test_one_job_can_publish_and_runs_nothing_of_this_repository() -> None:
    """Its steps are actions of others, in an environment of its own; other jobs read."""
    text = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    publish = jobs.pop("publish")
    assert publish["permissions"] == {"id-token": "write", "attestations": "write"}
    assert publish["environment"] == "pypi"
    used = [step["uses"].partition("@")[0] for step in publish["steps"]]
    assert used == [
        "actions/download-artifact",
        "actions/attest-build-provenance",
        "pypa/gh-action-pypi-publish",
    ]
    assert [job["permissions"] for job in jobs.values()] == [{"contents": "read"}]
    assert "secrets." not in text
