"""The ways in which a command can fail: one class per cause, each with its exit code.

A message names what is wrong and what to do next. `mlgitops.cli` turns these exceptions into
exit codes in one place.

| exit code | meaning |
|---|---|
| 0 | success, or nothing to do |
| 1 | an error, or a failed check; `plan` and `apply` changed nothing, others may have in part |
| 2 | changes are pending (`plan --exit-code`), or stages are wrong (`github drift --exit-code`) |
| 3 | `plan`: a change is refused; `apply`: all were, nothing changed; `gates try`: a gate failed |
| 4 | a change failed (`apply`, `rebuild`); the report says which changes were applied |
| 5 | the served model failed its smoke test (`smoke`, `image smoke`, `image prove`) |
| 6 | a deployment or its rehearsal failed; the previous version continues to serve |
| 7 | the image scan failed: a secret, or a licence or vulnerability that you deny |
| 8 | some changes were refused; all others were applied (`apply`) |
| 64 | the command line is wrong, or names something that does not exist |
| 130 | interrupted (Ctrl-C); `apply` reports what it did before |
| 143 | `apply` was terminated (SIGTERM); it reports what it did before |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Iterable

EXIT_PENDING = 2
MOST = 50  # problems that are told at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """A place in a file: its name, 1-based line and 1-based column."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong, where it stands, and the model and stage it concerns."""

    where: Where | None
    message: str
    model: str | None = None
    stage: str | None = None

    @property
    def told(self) -> str:
        """What is wrong with which model and stage, without the place."""
        subject = " ".join(part for part in (self.model, self.stage) if part)
        return ": ".join(part for part in (subject, self.message) if part)

    def __str__(self) -> str:
        return f"{self.where}: {self.told}" if self.where else self.told


class MlgitopsError(Exception):
    """The root of every error that a user can act on."""

    exit_code: ClassVar[int] = 1


class UsageError(MlgitopsError):
    """The command line names something that does not exist or does not fit together."""

    exit_code = 64


class MissingExtraError(MlgitopsError):
    """The command needs packages that an extra of mlgitops brings."""


class ProblemsError(MlgitopsError):
    """Several problems of one cause, reported together and in the order of the file.

    Attributes:
        problems: the first ones.
        more: how many others there are.
    """

    def __init__(self, problems: Iterable[Problem], *, more: int = 0) -> None:
        found = sorted(
            problems, key=lambda p: (p.where.line, p.where.column) if p.where else (0, 0)
        )
        self.problems = tuple(found[:MOST])
        self.more = more + len(found) - len(self.problems)
        rest = [self.rest] if self.more else []
        super().__init__("\n".join([*map(str, self.problems), *rest]))

    @property
    def rest(self) -> str:
        """What is said of the others."""
        return f"and {count(self.more, 'more problem')}; fix these first"


class DesiredStateError(ProblemsError):
    """models.yaml cannot be read, or is not valid."""


class MigrationError(ProblemsError):
    """A models.yaml of an older form cannot be brought to the newest one in place."""


class DesiredVersionError(ProblemsError):
    """models.yaml is valid, but the registry does not have a version that it declares."""


class OwnerError(MlgitopsError):
    """Nothing says who manages the stages of a models.yaml."""


class DigestMismatchError(ProblemsError):
    """A version's payload does not match its pin in models.yaml, or cannot be downloaded."""


class PayloadError(MlgitopsError):
    """The payload of a version is gone, or is not an MLflow model."""


class RequirementsError(ProblemsError):
    """A version asks for more than packages from an index: an address, a folder, an option."""


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


class SmokeFailedError(MlgitopsError):
    """The served model gave a wrong answer, or none."""

    exit_code = 5


class RegistryError(MlgitopsError):
    """The registry could not be used; the subclasses say why."""


class RegistryUnreachableError(RegistryError):
    """Nothing answers at the registry's address."""


class RegistryUntrustedError(RegistryUnreachableError):
    """The registry did not prove who it is."""


class RegistryProxyError(RegistryUnreachableError):
    """A proxy stands between and does not let requests through."""


class RegistryPackageError(RegistryError):
    """The registry needs a Python package that is not installed here."""


class RegistryTimeoutError(RegistryError):
    """The registry accepted the connection and did not answer in time."""


class RegistryDeniedError(RegistryError):
    """The registry answered 401 or 403."""


class RegistryNotFoundError(RegistryError):
    """The address answers, but there is no MLflow registry behind it (404)."""


class RegistryFaultError(RegistryError):
    """The registry answered with an error of its own (5xx)."""


class RegistryProtocolError(RegistryError):
    """The answer is not what an MLflow registry sends, for example HTML."""


class RegistryRequestError(RegistryError):
    """The registry understood the request and rejected it."""


class RegistryGoneError(RegistryRequestError):
    """The registry does not have what was asked for."""


class RegistryExistsError(RegistryRequestError):
    """The registry has a model of that name already."""


class LoginError(MlgitopsError):
    """The command in MLGITOPS_LOGIN failed, or printed no variables."""


class StoreError(RegistryError):
    """The artifact store that holds a payload could not be used; the subclasses say why."""


class StoreUnreachableError(StoreError):
    """Nothing answers at the artifact store's address."""


class StoreDeniedError(StoreError):
    """There are no credentials for the artifact store, or it does not accept them."""


class StoreRefusedError(StoreError):
    """A registry names a store that it may not send us to: another host's, or this machine's."""


class StorePackageError(StoreError):
    """The artifact store needs a Python package that is not installed here."""


class StoreFaultError(StoreError):
    """The artifact store answered with an error of its own (429 or 5xx)."""


class RegistryStartError(RegistryError):
    """The embedded registry did not start."""


class RecipeError(MlgitopsError):
    """There is no such recipe, it does not take a parameter, or it does not train a model."""


class MissingPackageError(RecipeError):
    """A recipe needs a package that is not installed here."""

    def __init__(self, recipe: str, package: str) -> None:
        self.package = package
        super().__init__(
            f"{recipe}: it imports {package}, which is not installed here; install {package}"
        )


class TrainingDataError(MlgitopsError):
    """The training data do not have the shape that the recipe needs."""


class DataError(MlgitopsError):
    """A table that models.yaml or a run names cannot be read on this machine."""


class VersionNumberError(MlgitopsError):
    """MLflow did not give a recipe the version number that models.yaml states."""


class EditError(MlgitopsError):
    """models.yaml cannot be edited in place without changing more than was asked."""


class ServeError(MlgitopsError):
    """The model server did not start or stopped by itself, or the model itself cannot be asked."""


class IsolatedError(MlgitopsError):
    """A process that runs somebody else's code did not answer."""


class ScoringError(MlgitopsError):
    """A model could not be loaded, or did not give a prediction for each row."""


class PlanFileError(MlgitopsError):
    """The file is not a plan from `mlgitops plan --out`."""


class AuthorsFileError(MlgitopsError):
    """The file is not one of `mlgitops github author`."""


class CheckedFileError(MlgitopsError):
    """The file is not one of `mlgitops github verdicts`."""


class TrainingFailedError(MlgitopsError):
    """One or more versions could not be trained while others may have been."""


class OutOfDateError(MlgitopsError):
    """A generated file is not what the code generates."""


class NotEmptyError(MlgitopsError):
    """What the command would create already exists."""


class ResolveError(MlgitopsError):
    """Requirements have no versions that fit together, or uv cannot find them."""


class ScaffoldError(MlgitopsError):
    """A repository's files cannot be made, or what it keeps of that cannot be read."""


class DemoError(MlgitopsError):
    """A step of the demo did not do what it shows, or there is nothing to show."""


class UncommittedError(MlgitopsError):
    """Files that the command would change have changes that git could not bring back."""


class MergeConflictError(MlgitopsError):
    """Two sides changed the same lines; the files are written, and people have to decide."""


class GitError(MlgitopsError):
    """Git is missing, or a git command failed."""


class HistoryRewrittenError(GitError):
    """A branch lost the commit that was applied last."""


class SyncFailedError(MlgitopsError):
    """A commit could not be applied as it is: an error, or changes that were refused or failed."""


class SyncEndedError(MlgitopsError):
    """Somebody wants a sync to end; what it had begun was finished."""


class SyncUnderWayError(MlgitopsError):
    """Another sync works in the folder, and does not end."""


class SyncFolderError(MlgitopsError):
    """The folder is of another repository, branch or file, or its state cannot be read."""


class FileWriteError(MlgitopsError):
    """A file cannot be written; the one that was there is as it was."""


class NoFreePortError(MlgitopsError):
    """This machine has no free TCP port."""


class HttpError(MlgitopsError):
    """A server gave no answer that can be used; the subclasses say why.

    Attributes:
        reason: why, without the request.
    """

    def __init__(self, request: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{request}: {reason}")


class HttpConnectionError(HttpError):
    """There is no connection to the server, or it broke."""


class HttpCertificateError(HttpConnectionError):
    """The server did not prove who it is, or there was no encryption to agree on."""


class HttpProxyError(HttpConnectionError):
    """The proxy that the environment names did not let the request through."""


class HttpTimeoutError(HttpError):
    """The answer was not complete in time."""


class HttpTooLargeError(HttpError):
    """The answer is larger than the caller takes."""


class HttpRedirectError(HttpError):
    """The server redirects to where the request is not to go."""


class GitHubError(MlgitopsError):
    """A request to GitHub failed, or this is not a job of GitHub Actions."""


class GitHubRejectedError(GitHubError):
    """GitHub understood the request and rejected it, for example a commit that it does not have."""


class GitHubPushedError(GitHubError):
    """Somebody else pushed to a branch on which mlgitops proposes a version."""


class GitHubVerdictsError(GitHubError):
    """What the check of a pull request measured cannot be had, or does not count."""


class GitHubDeniedError(GitHubError):
    """The token lacks a permission, for example on a fork's pull request."""


class GitHubUnseenError(GitHubDeniedError):
    """GitHub does not have what was asked for, or hides it from this token (404)."""


class GitHubLoginError(GitHubDeniedError):
    """The token is wrong, expired or revoked (401)."""


class GitHubLimitedError(GitHubError):
    """The token may not ask as often as that; later it may."""


class GitHubFaultError(GitHubError):
    """GitHub answered with an error of its own (5xx)."""


class AnnounceError(MlgitopsError):
    """Somebody could not be told of a changed stage; the next try tells the rest."""


class ReceiverError(MlgitopsError):
    """The receiver of webhooks cannot start."""


class DockerError(MlgitopsError):
    """Docker failed; the subclasses say why."""


class DockerMissingError(DockerError):
    """Docker or its Compose plugin is missing or too old."""


class DockerNotRunningError(DockerError):
    """The docker command is there, but no engine answers it."""


class DockerCommandError(DockerError):
    """A docker command failed for a reason that has no class of its own."""


class ImageError(MlgitopsError):
    """A serving image could not be built, or an image is not a serving image."""


class DeployError(MlgitopsError):
    """A deployment on a host could not be created, read or changed."""


class DeployFailedError(DeployError):
    """A new version failed on its host; the previous version continues to serve."""

    exit_code = 6


class ScanFailedError(MlgitopsError):
    """An image contains a secret, or a licence or vulnerability that was denied."""

    exit_code = 7
