"""What can go wrong with the stack: one class per cause, the message names the next step."""

from __future__ import annotations

from mlgitops.errors import MlgitopsError


class StackError(MlgitopsError):
    """The root of what can go wrong with the stack."""


class SettingsError(StackError):
    """The settings do not make a valid Compose project."""


class SecretsLostError(StackError):
    """The database has a password that nobody has any more."""


class BuildError(StackError):
    """An image could not be built."""


class PortTakenError(StackError):
    """Something else listens on a port of the stack."""


class ServiceFailedError(StackError):
    """A service did not start, or is not healthy; carries its last lines."""

    def __init__(self, service: str, reason: str, lines: str) -> None:
        self.service = service
        self.reason = reason
        self.lines = lines
        shown = "\n".join(f"  {line}" for line in lines.splitlines())
        super().__init__(f"{service}: {reason}\n{shown}" if shown else f"{service}: {reason}")


class ProbeFailedError(StackError):
    """The services are up, but what they are there for does not work."""


class BackupError(StackError):
    """No backup could be made."""


class ArchiveError(StackError):
    """A backup's file is not what its checksums say, or not a backup."""


class NotEmptyError(StackError):
    """A restore would overwrite data."""


class RestoreError(StackError):
    """The backup was loaded, but what is there now is not what was saved."""
