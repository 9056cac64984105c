"""Every file of the repository needs the approval of the right people."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pathspec
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PLATFORM, MODELS = "@your-org/ml-platform", "@your-org/data-science"


@pytest.fixture(scope="module")
def rules() -> list[tuple[pathspec.GitIgnoreSpec, str]]:
    """Patterns and owners, the one that counts first."""
    lines = (ROOT / ".github/CODEOWNERS").read_text(encoding="utf-8").splitlines()
    split = [line.split() for line in lines if line and not line.startswith("#")]
    # with these few forms, the patterns of .gitignore and of CODEOWNERS mean the same
    assert all(re.fullmatch(r"\*|/[\w./-]+", pattern) for pattern, *_ in split)
    found = [(pathspec.GitIgnoreSpec.from_lines([pattern]), owner) for pattern, owner in split]
    return found[::-1]


def owner(path: str, rules: list[tuple[pathspec.GitIgnoreSpec, str]]) -> str | None:
    """Who must approve a change of a file."""
    return next((who for spec, who in rules if spec.match_file(path)), None)


def test_every_file_has_the_owner_that_it_needs(
    rules: list[tuple[pathspec.GitIgnoreSpec, str]],
) -> None:
    """The platform team owns all but the declared versions and their recipes."""
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(files) > 300
    theirs = {path for path in files if path == "models.yaml" or path.startswith("training/")}
    assert {path: owner(path, rules) for path in files} == {
        path: MODELS if path in theirs else PLATFORM for path in files
    }


@pytest.mark.parametrize(
    "path",
    [
        "subprocess.py",
        "sitecustomize.py",
        "uv.toml",
        "conftest.py",
        ".github/workflows/new.yml",
        "new/folder/file.py",
        "mlgitops/training/file.py",
        "mlgitops/models.yaml",
        "trainingx.py",
    ],
)
def test_a_new_file_belongs_to_the_platform_team(
    path: str, rules: list[tuple[pathspec.GitIgnoreSpec, str]]
) -> None:
    """Nobody adds what a job with credentials might run, without other eyes than for models."""
    assert owner(path, rules) == PLATFORM


def test_the_ruleset_of_main_asks_owners_after_the_last_push() -> None:
    """Nobody pushes to main, bypasses a rule, or approves their own last push."""
    ruleset = json.loads((ROOT / ".github/rulesets/main.json").read_text(encoding="utf-8"))
    assert (ruleset["enforcement"], ruleset["bypass_actors"]) == ("active", [])
    assert ruleset["conditions"]["ref_name"]["include"] == ["~DEFAULT_BRANCH"]
    rules = {rule["type"]: rule.get("parameters", {}) for rule in ruleset["rules"]}
    assert {"deletion", "non_fast_forward"} <= set(rules)
    reviews = rules["pull_request"]
    assert reviews["required_approving_review_count"] >= 1
    assert reviews["require_code_owner_review"]
    assert reviews["require_last_push_approval"]
    assert reviews["dismiss_stale_reviews_on_push"]
    checks = rules["required_status_checks"]["required_status_checks"]
    jobs = {"plan": "report", "ci": "required"}
    names = [
        yaml.safe_load((ROOT / f".github/workflows/{workflow}.yml").read_text())["jobs"][job][
            "name"
        ]
        for workflow, job in jobs.items()
    ]
    assert [check["context"] for check in checks] == names
