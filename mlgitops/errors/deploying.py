"""What goes wrong while a version is put where it serves."""

from __future__ import annotations

from mlgitops.errors import MlgitopsError


class DeployError(MlgitopsError):
    """A deployment could not be created, read or changed."""


class DeployFailedError(DeployError):
    """A new version did not prove itself; the previous version continues to serve."""

    exit_code = 6


class VersionNotReadyError(DeployFailedError):
    """A new version was not ready in time."""


class VersionCrashesError(DeployFailedError):
    """The container of a new version ends again and again."""


class VersionUntrueError(DeployFailedError):
    """A new version failed its smoke test where it is to serve."""


class VersionWorseError(DeployFailedError):
    """A new version fails more often than the old one."""


class VersionSlowError(DeployFailedError):
    """A new version answers too slowly."""


class DeployIncompleteError(DeployError):
    """Some places or steps failed, or did not answer; all others are done."""

    exit_code = 4


class PlaceUnreachableError(DeployIncompleteError):
    """A place where stages are served does not answer."""


class ImagePullError(DeployIncompleteError):
    """A place cannot have an image."""


class NoRoomError(DeployIncompleteError):
    """A place has no room for a version: nodes, memory or a quota."""


class PolicyRefusedError(DeployIncompleteError):
    """A policy of the place refuses what is to be made."""


class DeployUnderWayError(DeployIncompleteError):
    """Another deploy works in the same place."""


class GitopsPathError(DeployIncompleteError):
    """A path in the repository of a deployment is none that can be written to."""


class GitopsPushedError(DeployIncompleteError):
    """A deployment's commit cannot be pushed."""


class EngineRefusedError(DeployIncompleteError):
    """Flux or Argo CD did not apply a commit."""


class EngineLateError(DeployIncompleteError):
    """Flux or Argo CD has not reported in time that it applied a commit."""


class KubectlMissingError(MlgitopsError):
    """There is no kubectl."""


class ClusterError(DeployIncompleteError):
    """A cluster did not do what it was asked for; the subclasses say why."""


class ClusterDeniedError(ClusterError):
    """The cluster knows us, and does not allow it (403)."""


class ClusterGoneError(ClusterError):
    """The cluster does not have what was asked for (404)."""


class ClusterChangedError(ClusterError):
    """Somebody else was first: an object is there, or was changed since it was read (409)."""


class ClusterConflictError(ClusterError):
    """Somebody else manages a field of an object."""


class ClusterForeignError(ClusterError):
    """An object of the same name belongs to somebody else."""


class ClusterRequestError(ClusterError):
    """The cluster understood a request and rejected it, or kubectl failed."""
