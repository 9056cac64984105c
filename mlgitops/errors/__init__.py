"""The ways in which a command can fail: one class per cause, each with its exit code.

A message names what is wrong and what to do next. `mlgitops.cli` turns these exceptions into
exit codes in one place; `codes` says what each means.
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

    @property
    def order(self) -> tuple[str, int, int]:
        """What places are sorted by."""
        return self.file, self.line, self.column

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def located(where: Where | None, said: str) -> str:
    """What is said, after its place in a file if it has one."""
    return f"{where}: {said}" if where else said


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
        return located(self.where, self.told)


class MlgitopsError(Exception):
    """The root of every error that a user can act on."""

    exit_code: ClassVar[int] = 1


class UsageError(MlgitopsError):
    """The command line names something that does not exist or does not fit together."""

    exit_code = 64


class MissingExtraError(MlgitopsError):
    """The command needs packages that an extra of mlgitops brings."""


class ProblemsError(MlgitopsError):
    """Several problems of one cause, reported together and in the order of the files.

    Attributes:
        problems: the first ones.
        more: how many others there are.
    """

    def __init__(self, problems: Iterable[Problem], *, more: int = 0) -> None:
        found = sorted(problems, key=lambda p: p.where.order if p.where else ("", 0, 0))
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


class SmokeFailedError(MlgitopsError):
    """The served model gave a wrong answer, or none."""

    exit_code = 5


class LoginError(MlgitopsError):
    """The command in MLGITOPS_LOGIN failed, or printed no variables."""


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


class ProcessLostError(MlgitopsError):
    """A process that worked for this one ended before it answered."""


class CallEndedError(MlgitopsError):
    """Nobody waits any more for what a process works on."""


class WorkersLostError(MlgitopsError):
    """The workers cannot be asked any more, as their scheduler is gone."""


class ClusterError(MlgitopsError):
    """A Dask cluster cannot be used: it does not answer, or has no workers."""


class UnfitWorkersError(ClusterError):
    """Workers of a Dask cluster have other packages than this machine."""


class CodeError(MlgitopsError):
    """The code of recipes cannot be sent to workers."""


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


class RevisionError(GitError):
    """Git does not know a revision, or it has no history in common with what is checked out."""


class HistoryRewrittenError(GitError):
    """A branch lost the commit that was applied last."""


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


class GitHubTruncatedError(GitHubError):
    """GitHub does not list all files of a commit, as there are too many."""


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


class ScanFailedError(MlgitopsError):
    """An image contains a secret, or a licence or vulnerability that was denied."""

    exit_code = 7
