"""What raises the lock and the actions of a team's repository."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

import jsonschema
import yaml

from mlgitops.scaffold import kept, lock, render
from mlgitops.scaffold.answers import Answers
from tests.wheels import ROOT

MADE = render.team(Answers())


def check(config: dict[str, Any], schema: str) -> None:
    """Hold a file against its schema as it is published."""
    text = (files("check_jsonschema.builtin_schemas") / "vendor" / f"{schema}.json").read_text()
    jsonschema.Draft7Validator(json.loads(text)).validate(config)


def test_dependabot_finds_the_lock_and_the_actions() -> None:
    """The file is one that GitHub takes; what it looks at is what init writes, copies apart."""
    config: dict[str, Any] = yaml.safe_load(MADE[".github/dependabot.yml"])
    check(config, "dependabot")
    locks, actions = config["updates"]
    assert PurePosixPath(lock.INPUT).parent == PurePosixPath(locks["directory"][1:])
    assert list(locks["groups"]) == ["mlgitops", "packages"]
    looked = {"/": ".github/workflows/*.yml", "/.github/actions/*": ".github/actions/*/action.yml"}
    assert actions["directories"] == list(looked)
    stored = {path for path in MADE if "uses:" in MADE[path]}
    found = {path for path in stored for like in looked.values() if PurePosixPath(path).match(like)}
    assert stored == found


def test_the_example_for_renovate() -> None:
    """Renovate takes it; it finds the lock, and leaves what the repository keeps alone."""
    text = (ROOT / "docs/upgrading.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    config = json.loads(block)
    check(config, "renovate")
    (pattern,) = config["pip-compile"]["managerFilePatterns"]
    assert re.search(pattern[1:-1], lock.LOCK)
    assert config["ignorePaths"] == [f"{kept.FOLDER}/**"]
