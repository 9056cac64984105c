"""What can go wrong with the stack: one class per cause, the message names the next step."""

from __future__ import annotations

from mlgitops.errors import MlgitopsError


class StackError(MlgitopsError):
    """The root of what can go wrong with the stack."""


class SettingsError(StackError):
    """The settings do not make a valid Compose project."""


class SecretsLostError(StackError):
    """The database has a password that is no longer in the secrets."""


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
    """The services are up, but a check of what they do fails."""


class BackupError(StackError):
    """The backup could not be made."""


class ArchiveError(StackError):
    """A file is damaged, or is not a backup."""


class NotEmptyError(StackError):
    """A restore would overwrite data."""


class RestoreError(StackError):
    """The backup was loaded, but the stack does not match it."""
