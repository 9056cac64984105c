"""Every way in which a command can fail: one class per cause, each with its exit code.

A message names what is wrong and what to do next. `mlgitops.cli` turns these exceptions into
an exit in one place; no other module exits.

| exit code | meaning |
|---|---|
| 0 | done, or nothing to do |
| 1 | an error; nothing was changed |
| 2 | changes are pending (`plan --exit-code`) |
| 3 | the plan was refused by a gate or a guard; nothing was changed |
| 4 | some changes were applied and others failed |
| 5 | the served model failed its smoke test |
| 6 | a new version did not prove itself on its host; the one before goes on serving |
| 7 | an image holds what it must not |
| 64 | the command line is wrong |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

EXIT_PENDING = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """A place in models.yaml: file name, 1-based line and 1-based column."""

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

    def __str__(self) -> str:
        subject = " ".join(part for part in (self.model, self.stage) if part)
        return ": ".join(part for part in (str(self.where or ""), subject, self.message) if part)


class MlgitopsError(Exception):
    """The root of every error that a user can act on."""

    exit_code: ClassVar[int] = 1


class UsageError(MlgitopsError):
    """The command line names something that does not exist or does not fit together."""

    exit_code = 64


class MissingExtraError(MlgitopsError):
    """The command needs packages that an extra of mlgitops brings."""


class ProblemsError(MlgitopsError):
    """Several problems of one cause, reported together and in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(
            sorted(problems, key=lambda p: (p.where.line, p.where.column) if p.where else (0, 0))
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DesiredStateError(ProblemsError):
    """models.yaml cannot be read, or does not mean anything."""


class DesiredVersionError(ProblemsError):
    """models.yaml is well-formed, but the registry cannot give what it asks for."""


class DigestMismatchError(ProblemsError):
    """A version's payload is not the one that models.yaml pins, or can not be had any more."""


class PayloadError(MlgitopsError):
    """What a version's artifact store holds can not be a model of MLflow's."""


class PlanRefusedError(MlgitopsError):
    """A gate or a guard refused the plan."""

    exit_code = 3


class ApplyFailedError(MlgitopsError):
    """One or more changes failed while others may have been applied."""

    exit_code = 4


class SmokeFailedError(MlgitopsError):
    """The served model gave a wrong answer, or none."""

    exit_code = 5


class RegistryError(MlgitopsError):
    """The registry could not be used; the subclasses say why."""


class RegistryUnreachableError(RegistryError):
    """Nothing answers at the registry's address."""


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
    """The registry understood the request and refused it."""


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


class VersionNumberError(ProblemsError):
    """MLflow cannot give a recipe the version number that models.yaml states."""


class EditError(MlgitopsError):
    """models.yaml cannot be edited in place without changing more than was asked."""


class ServeError(MlgitopsError):
    """The model server did not start or stopped by itself."""


class IsolatedError(MlgitopsError):
    """A process that runs somebody else's code did not answer."""


class ScoringError(MlgitopsError):
    """A model could not be loaded, or did not give a prediction for each row."""


class PlanFileError(MlgitopsError):
    """The file given as a plan is none."""


class NotEmptyError(MlgitopsError):
    """What was to be made is there already."""


class GitError(MlgitopsError):
    """Git is missing, or a git command failed."""


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


class HttpTimeoutError(HttpError):
    """The answer was not complete in time."""


class HttpTooLargeError(HttpError):
    """The answer is larger than the caller takes."""


class HttpRedirectError(HttpError):
    """The server redirects to where the request is not to go."""


class GitHubError(MlgitopsError):
    """GitHub did not do what was asked, or this is no job of GitHub Actions."""


class GitHubDeniedError(GitHubError):
    """The token may not do that: a grant is missing, or the run is of a fork's pull request."""


class DockerError(MlgitopsError):
    """Docker could not do what was asked; the subclasses say why."""


class DockerMissingError(DockerError):
    """There is no Docker, or not the parts or the version that are needed."""


class DockerNotRunningError(DockerError):
    """The docker command is there, but no engine answers it."""


class DockerCommandError(DockerError):
    """A docker command failed for a reason that has no class of its own."""


class ImageError(MlgitopsError):
    """A serving image could not be built, or an image is none."""


class DeployError(MlgitopsError):
    """A deployment on a host could not be made, read or changed."""


class DeployFailedError(DeployError):
    """A new version did not prove itself on its host; what served before goes on serving."""

    exit_code = 6


class ScanFailedError(MlgitopsError):
    """An image holds a secret, or what the command line denies: a licence, a vulnerability."""

    exit_code = 7
