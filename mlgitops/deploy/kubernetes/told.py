"""What a cluster says of what it did not do, as the causes that a deployment tells apart. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlgitops.deploy import failures
from mlgitops.errors.deploying import (
    ClusterChangedError,
    ClusterConflictError,
    ClusterDeniedError,
    ClusterGoneError,
    ClusterRequestError,
)

if TYPE_CHECKING:
    from mlgitops.errors import MlgitopsError

_QUOTA = re.compile(r"exceeded quota|failed quota|maximum .* usage per (Container|Pod)")
_POLICY = re.compile(r"violates PodSecurity|ValidatingAdmissionPolicy|admission webhook")
_CHANGED = re.compile(r"\((AlreadyExists|Conflict)\)")
_GONE = re.compile(r"\(NotFound\)|could not find the requested resource")
_UNREACHABLE = re.compile(
    r"Unable to connect|was refused|context .* does not exist|\(Unauthorized\)|must be logged in"
    r"|i/o timeout|deadline exceeded|no such host|\bEOF\b|getting credentials|TLS handshake"
    r"|\(ServiceUnavailable\)|Client\.Timeout|invalid configuration|connection reset"
)
_HEAD = re.compile(r'^(Error from server( \(\w+\))?|error|Error): (error when \w+ "[^"]*": )?')
_LOGGED = re.compile(r"[EWI]\d{4} ")  # what kubectl's libraries log before it says what is wrong


def failure(place: str, request: str, said: str) -> MlgitopsError:
    """What kubectl's error output means."""
    text = _essence(said)
    if "Apply failed with" in said:
        return ClusterConflictError(conflicts(said))
    if found := refusal(text):
        return found
    if _CHANGED.search(said):
        return ClusterChangedError(f"{place}: {text}")
    if _GONE.search(said):
        return ClusterGoneError(f"{place}: {text}")
    if "(Forbidden)" in said:
        return ClusterDeniedError(
            f"{place}: {text}; docs/kubernetes.md has the Role that deploying needs"
        )
    if _UNREACHABLE.search(said):
        return failures.unreachable(place, text)
    return ClusterRequestError(f"{place}: {request}: {text or 'it failed without a word'}")


def refusal(text: str) -> MlgitopsError | None:
    """Whether a quota or a policy is why something was not made; None if neither is."""
    if _QUOTA.search(text):
        return failures.no_room(text)
    return failures.refused(text) if _POLICY.search(text) else None


def conflicts(said: str) -> str:
    """The fields that somebody else has set, each with who that is, and what to do.

    >>> conflicts('Apply failed with 1 conflict: conflict with "kubectl-edit": .spec.replicas')
    'kubectl-edit has set .spec.replicas; set it back there, or have models.yaml say the same'
    """
    found: list[str] = []
    manager = ""
    for line in said.splitlines():
        match = re.search(r'conflicts? with "([^"]+)"[^:]*:\s*(.*)', line)
        manager = match[1] if match else manager
        field = (match[2] if match else line).strip().removeprefix("- ")
        if manager and field.startswith("."):
            found.append(f"{manager} has set {field}")
    what = "; ".join(found) or _essence(said)
    return f"{what}; set it back there, or have models.yaml say the same"


def _essence(said: str) -> str:
    """Of an error output, what says why."""
    lines = [line for line in said.splitlines() if line.strip() and not _LOGGED.match(line)]
    line = next((one for one in lines if one.startswith("Error from server")), "")
    return _HEAD.sub("", (line or (lines or [""])[-1]).strip())
