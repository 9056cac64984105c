"""What Docker's engine says of what it did not do, as the causes that a deployment tells apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.deploy import failures
from mlgitops.errors import (
    DockerError,
    DockerMissingError,
    DockerNotRunningError,
    MlgitopsError,
)
from mlgitops.errors.deploying import DeployError, DeployFailedError
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# what Docker's engine says, in small letters, by its sources: daemon/container, pkg/authorization,
# daemon/oci_linux
_SIGNS: Mapping[tuple[str, ...], Callable[[str], MlgitopsError]] = {
    ("authorization denied by plugin",): failures.refused,
    (
        "no space left on device",
        "cannot allocate memory",
        "range of cpus is from",
        "minimum memory limit",
    ): failures.no_room,
}


def cause(error: MlgitopsError, place: str) -> MlgitopsError:
    """A failure in the words that all kinds of places share."""
    under = error.__cause__ if isinstance(error, DeployFailedError) else None
    known = under if isinstance(under, MlgitopsError) else error
    if known is under and not isinstance(known, DeployError | DockerError):
        return DeployFailedError(str(known))  # for example its model gave no answer
    if isinstance(known, DockerNotRunningError):
        return failures.unreachable(place, str(known))
    if not isinstance(known, DockerError) or isinstance(known, DockerMissingError):
        return known
    said = str(known)
    if _is_silent():
        return failures.unreachable(place, said)
    for signs, failure in _SIGNS.items():
        if any(sign in said.lower() for sign in signs):
            # without what Compose had done so far, and without Docker's hint of `--help`
            return failure(said.rpartition("Error response from daemon: ")[2].partition("\n")[0])
    return known


def _is_silent() -> bool:
    """Whether the engine does not answer any more."""
    try:
        docker.require()
    except DockerError:
        return True
    return False
