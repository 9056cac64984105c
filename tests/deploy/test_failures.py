"""The words of failures: what happened, what to do, what still serves; and the exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.deploy import failures
from mlgitops.deploy.values import Action, Wanted
from mlgitops.errors import ImageError

if TYPE_CHECKING:
    from mlgitops.errors.deploying import DeployFailedError, DeployIncompleteError

UNPROVEN = [
    (failures.not_ready(180.0, "a\nb"), "never became ready", "raise rollout.start_timeout"),
    (failures.crashing(3, "boom", why="exit code 1"), "keeps crashing, 3 times", "image smoke"),
    (failures.untrue(2, "POST /invocations", 200, 500), "failed its smoke test", "image smoke"),
    (failures.worse("it fails more often: 3 of 9"), "fails more often", "register a better one"),
    (failures.slow("it takes 2.0 times as long"), "times as long", "resources.cpu"),
]
INCOMPLETE = [
    (failures.no_image("r/m@sha256:1", "not\nfound."), "cannot be pulled: not found;", "publish"),
    (failures.no_room("0/1 nodes are available"), "no room for it", "lower resources"),
    (failures.refused("denied by x"), "a policy refuses it: denied by x", "ask who runs"),
    (failures.unreachable("ssh://edge-1", "timed out"), "ssh://edge-1 does not answer", "next"),
    (failures.under_way("edge-1", "ada"), "another deploy is under way in edge-1 (ada)", "wait"),
]


@pytest.mark.parametrize(("error", "said", "hint"), [*UNPROVEN, *INCOMPLETE])
def test_a_failure_says_what_happened_what_to_do_and_what_serves(
    error: DeployFailedError | DeployIncompleteError, said: str, hint: str
) -> None:
    """After the stage and the place; its last line says what serves."""
    told = failures.told("wind", "Production", "edge-1", error, "3")
    assert told.startswith("wind Production in edge-1: ")
    assert said in told
    assert hint in told
    assert told.endswith("\nversion 3 still serves")
    assert failures.told("wind", "Production", "edge-1", error, "").endswith("\nno version serves")


def test_of_a_place_that_does_not_answer_nobody_says_what_serves() -> None:
    """Neither that a version still serves nor that none does."""
    step = Wanted(model="wind", stage="Production", version=2).step(
        Action.REPLACE, "edge", "edge-1", old="1"
    )
    said = failures.failed(step, failures.unreachable("edge-1", "timed out"), serves="1").error
    assert said.startswith("wind Production in edge-1: edge-1 does not answer: timed out; ")
    assert "serves" not in said.partition("; what it serves is as it was")[2]
    unknown = failures.failed(step, failures.refused("no"), serves=None).error
    assert "serves" not in unknown
    assert failures.failed(step, failures.refused("no"), serves="").error.endswith(
        "no version serves"
    )


def test_a_log_is_told_by_its_last_lines() -> None:
    """No more than twenty."""
    said = str(failures.not_ready(1.0, "\n".join(map(str, range(100)))))
    assert said.splitlines()[1:] == [str(number) for number in range(80, 100)]


@pytest.mark.parametrize("cause", [one for one, _, _ in UNPROVEN])
def test_a_version_that_did_not_prove_itself_is_6(cause: DeployFailedError) -> None:
    """Its class and its step say the same."""
    assert failures.exit_code(cause) == type(cause).exit_code == 6


@pytest.mark.parametrize("cause", [one for one, _, _ in INCOMPLETE])
def test_a_place_that_could_not_do_it_is_4(cause: DeployIncompleteError) -> None:
    """Its class and its step say the same; so is whatever else fails in one step."""
    assert failures.exit_code(cause) == type(cause).exit_code == 4
    assert failures.exit_code(ImageError("no")) == 4


@pytest.mark.parametrize(
    ("codes", "code"), [([], 0), ([0, 0], 0), ([6, 0], 6), ([6, 6], 6), ([6, 4], 4), ([0, 4], 4)]
)
def test_a_run_is_4_unless_all_failures_are_6(codes: list[int], code: int) -> None:
    """Steps that are done count for neither."""
    assert failures.exit_code_of_all(codes) == code
