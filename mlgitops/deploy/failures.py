"""The words of failures, a function for each cause: the same in every kind of place. Pure.

Each returns the exception that says what happened and what to do. `told` adds to it which stage,
where, and what serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.deploy.values import Outcome
from mlgitops.errors.deploying import (
    DeployFailedError,
    DeployUnderWayError,
    ImagePullError,
    NoRoomError,
    PlaceUnreachableError,
    PolicyRefusedError,
    VersionCrashesError,
    VersionNotReadyError,
    VersionSlowError,
    VersionUntrueError,
    VersionWorseError,
)
from mlgitops.words import count, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.deploy.values import Step
    from mlgitops.errors import MlgitopsError

FAILED, INCOMPLETE = 6, 4  # exit codes of a step
_LINES = 20  # of a log


def not_ready(seconds: float, log: str = "") -> VersionNotReadyError:
    """Its replicas did not all become ready in time; with the last lines of one that did worst."""
    return VersionNotReadyError(
        f"it never became ready, for which it had {seconds:g} s; if it needs longer, raise "
        f"rollout.start_timeout{_last(log)}"
    )


def crashing(times: int, log: str = "", *, why: str = "") -> VersionCrashesError:
    """Its container ends by itself; `why` is what the platform says of it, such as an exit code."""
    so_far = f", {count(times, 'time')} so far" if times > 1 else ""
    said = f" ({why})" if why else ""
    return VersionCrashesError(
        f"its container keeps crashing{so_far}{said}; try the image by itself with "
        f"`mlgitops image smoke`{_last(log)}"
    )


def untrue(failed: int, request: str, expected: object, actual: object) -> VersionUntrueError:
    """It failed its smoke test: how many checks, and the first of them."""
    return VersionUntrueError(
        f"it failed its smoke test: {count(failed, 'check')} failed, the first: {request}: "
        f"expected {expected}, got {actual}; try the image with `mlgitops image smoke`"
    )


def worse(said: str) -> VersionWorseError:
    """It fails more often than the old version; `said` by `mlgitops.deploy.judge.failing`."""
    return VersionWorseError(f"{said}; see its log for what it raised, and register a better one")


def slow(said: str) -> VersionSlowError:
    """It answers too slowly; `said` by `mlgitops.deploy.judge.slower`."""
    return VersionSlowError(f"{said}; make it faster, or give it more resources.cpu")


def silent(said: str) -> DeployFailedError:
    """It gives no answer, or so few that nothing can be said of it."""
    return DeployFailedError(said)


def no_image(image: str, why: str) -> ImagePullError:
    """The image cannot be pulled, in the words of who tried."""
    return ImagePullError(
        f"the image {image} cannot be pulled: {phrase(why)}; push it with `mlgitops image "
        "publish`, and let the place log in to its registry"
    )


def no_room(why: str) -> NoRoomError:
    """No node, no memory or no quota for it, in the words of the platform."""
    return NoRoomError(
        f"there is no room for it: {phrase(why)}; free some, or lower resources or replicas"
    )


def refused(why: str) -> PolicyRefusedError:
    """A policy of the place does not allow it, in the words of the platform."""
    return PolicyRefusedError(
        f"a policy refuses it: {phrase(why)}; ask who runs the place to allow it"
    )


def unreachable(place: str, why: str) -> PlaceUnreachableError:
    """Nothing answers there, or not us."""
    return PlaceUnreachableError(
        f"{place} does not answer: {phrase(why)}; what it serves is as it was, and the next "
        "`mlgitops deploy` catches up"
    )


def under_way(place: str, who: str) -> DeployUnderWayError:
    """Another deploy is at work there; `who`: what is known of it."""
    return DeployUnderWayError(
        f"another deploy is under way in {place} ({who}); wait until it has ended, and deploy again"
    )


def phrase(text: object) -> str:
    """What a platform says, to stand within a line of ours."""
    return one_line(text).rstrip(".;")


def subject(model: str, stage: str, place: str) -> str:
    """What a failure is about."""
    return f"{model} {stage} in {place}"


def told(model: str, stage: str, place: str, error: MlgitopsError, serves: str) -> str:
    """A failure with what it is about, and the version that still serves; empty if none does."""
    still = f"version {serves} still serves" if serves else "no version serves"
    return f"{subject(model, stage, place)}: {error}\n{still}"


def failed(step: Step, error: MlgitopsError, serves: str | None) -> Outcome:
    """What became of a step that failed; `serves` is None if nobody can say what serves.

    Of a place that does not answer, nobody can.
    """
    if serves is None or isinstance(error, PlaceUnreachableError):
        said = f"{subject(step.model, step.stage, step.place)}: {error}"
    else:
        said = told(step.model, step.stage, step.place, error, serves)
    return Outcome(step=step, error=said, exit_code=exit_code(error))


def untold(step: Step) -> Outcome:
    """What became of a step that has a trouble: nothing was done."""
    return Outcome(step=step, error=f"{step}: {step.trouble}", exit_code=INCOMPLETE)


def exit_code(error: MlgitopsError) -> int:
    """Of a step that failed: whether the version did not prove itself, or anything else."""
    return FAILED if isinstance(error, DeployFailedError) else INCOMPLETE


def exit_code_of_all(codes: Iterable[int]) -> int:
    """Of a run, by those of its steps; 0 if none failed."""
    failed = {code for code in codes if code}
    if not failed:
        return 0
    return FAILED if failed == {FAILED} else INCOMPLETE


def _last(log: str) -> str:
    lines = log.strip().splitlines()[-_LINES:]
    return "\n".join(["; its last lines:", *lines]) if lines else ""
