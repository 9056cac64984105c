"""Versions that models.yaml blocks: no stage may name one."""

from __future__ import annotations

import pytest

from mlgitops.file.load import loads
from tests.file.test_load import one_model, problems


def blocking(blocked: str, form: int = 2) -> str:
    """A models.yaml whose Staging holds version 3, and what it blocks."""
    model = one_model(f"stages: {{Staging: 3, Production: 2}}\nblocked: {blocked}")
    return f"version: {form}\n{model}"


def test_no_stage_may_name_a_blocked_version() -> None:
    """The error stands at the stage, and says why the version is blocked and where."""
    assert problems(blocking("{3: leaks the future}")) == [
        "models.yaml:4:14: wind Staging: version 3 is blocked: leaks the future; name another "
        "version, or remove 3 from 'blocked' in line 5"
    ]
    desired = loads(blocking("{1: slow, 4: 'two: words'}"), "models.yaml")
    found = {number: one.reason for number, one in desired.models["wind"].blocked.items()}
    assert found == {1: "slow", 4: "two: words"}


@pytest.mark.parametrize(
    ("blocked", "said"),
    [
        ("{0: x}", "must be at least 1, got 0"),
        ("{latest: x}", "must be a whole number, got 'latest'"),
        ("{1: null}", "must be text, got nothing (null)"),
        ('{1: " "}', "a reason is one line of 1 to 200 characters, without control characters"),
        ('{1: "a\\nb"}', "a reason is one line of 1 to 200 characters"),
        ('{1: "\\e[31m"}', "a reason is one line of 1 to 200 characters"),
        ("[1]", "must be a mapping, got a list"),
    ],
)
def test_what_blocks_no_version(blocked: str, said: str) -> None:
    """Numbers of versions, each with a reason."""
    (found,) = problems(blocking(blocked))
    assert said in found


def test_form_1_has_no_blocked_versions() -> None:
    """It says what to write."""
    (found,) = problems(blocking("{1: x}", form=1))
    assert "'blocked' needs form 2; write 'version: 2' at the top of the file" in found
