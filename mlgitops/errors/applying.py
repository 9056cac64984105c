"""How a plan, an apply or a sync can end other than with all that was to be done."""

from __future__ import annotations

from mlgitops.errors import MlgitopsError


class PlanRefusedError(MlgitopsError):
    """Changes of a plan were refused, and none was made."""

    exit_code = 3


class GateFailedError(MlgitopsError):
    """A version that was tried does not meet the gates of a stage."""

    exit_code = 3


class PartlyRefusedError(MlgitopsError):
    """Some changes of a plan were refused; all others were made."""

    exit_code = 8


class ApplyFailedError(MlgitopsError):
    """One or more changes failed while others may have been applied."""

    exit_code = 4


class ApplyInterruptedError(ApplyFailedError):
    """Somebody interrupted an apply; what it had begun was finished."""

    exit_code = 130


class ApplyTerminatedError(ApplyInterruptedError):
    """The system asked an apply to end; what it had begun was finished."""

    exit_code = 143


class ApplyUnderWayError(MlgitopsError):
    """Another apply writes to the registry, and does not end."""


class SyncFailedError(MlgitopsError):
    """A commit could not be applied as it is: an error, or changes that were refused or failed."""


class SyncEndedError(MlgitopsError):
    """Somebody wants a sync to end; what it had begun was finished."""


class SyncUnderWayError(MlgitopsError):
    """Another sync works in the folder, and does not end."""


class SyncFolderError(MlgitopsError):
    """The folder is of another repository, branch or file, or its state cannot be read."""
