"""What the check of a pull request measured, for Apply to judge by without loading a model.

The check ran beside code of the pull request and kept its plan as an artifact. That plan is data
here, and counts only if the code that made it is the code of this run: the pull request left it
alone, the base branch has since, and the check was the base branch's workflow. A pull request into
another branch runs that branch's workflow for the same commit, under the same name; so no pull
request of the head's branch may ever have gone elsewhere.

Protocol: docs.github.com/rest, "Workflow runs", "Artifacts", "Issue event types" (those of pull
requests whose base was changed).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from mlgitops.errors import GitHubError, GitHubVerdictsError, PlanFileError
from mlgitops.github import provenance
from mlgitops.github.api import MOST_COMPARED
from mlgitops.proposal import planfile
from mlgitops.system import zips
from mlgitops.words import brief, count, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mlgitops.core.measured import Measured
    from mlgitops.github.api import GitHub
    from mlgitops.github.context import Context

WORKFLOW = "plan.yml"
ARTIFACT = "plan"
_DECLARED = "models.yaml"
PLAN = "plan.json"
_LIMIT = 16 * 1024 * 1024  # bytes of a plan
_MOST_PULLS = 20  # of one branch; each costs a request
_MOST_EVENTS = 4_000  # GitHub is asked for 5,000 at most
_MOVED = ("base_ref_changed", "automatic_base_change_succeeded")
_DONE = ("success", "failure")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Repository:
    full_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Base:
    ref: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Head:
    sha: str
    ref: str
    repo: _Repository | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pull:
    """What of a pull request is read, and of which type that is."""

    number: int
    head: _Head
    base: _Base
    changed_files: int | None = None  # not in lists


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    id: int
    path: str
    event: str
    conclusion: str | None
    head_branch: str | None
    head_sha: str
    head_repository: _Repository | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Artifact:
    id: int
    name: str
    expired: bool


_PULL, _PULLS = TypeAdapter(_Pull), TypeAdapter(tuple[_Pull, ...])
_RUNS, _ARTIFACTS = TypeAdapter(tuple[_Run, ...]), TypeAdapter(tuple[_Artifact, ...])


def measured(
    context: Context,
    api: GitHub,
    commits: Iterable[str],
    declares: Callable[[str], bool],
    tell: Callable[[str], None],
    warn: Callable[[str], None],
) -> Iterator[Measured]:
    """What the checks of the pull requests that brought commits measured, each once.

    `declares` tells of a file whether it is models.yaml, or one that this includes. `warn` is told
    of each verdict that does not count.
    """
    done: set[object] = set()
    for commit in commits:
        what = f"of the pull request of {commit[:12]}"
        try:
            pull = api.pull_request_of(commit)
            if pull is None or pull.get("number") in done:
                continue
            done.add(pull.get("number"))
            what = f"of pull request #{pull.get('number')}"
            found = _of(api, context, pull, declares)
        except (GitHubError, PlanFileError) as error:
            warn(f"what the check {what} measured does not count: {error}")
        else:
            tell(f"the check {what} measured {count(len(found), 'verdict')}")
            yield from found


def _of(
    api: GitHub, context: Context, found: Mapping[str, Any], declares: Callable[[str], bool]
) -> tuple[Measured, ...]:
    """What the last check of a merged pull request measured.

    Raises:
        GitHubVerdictsError: why that does not count, or cannot be read.
        GitHubError: GitHub did not answer.
        PlanFileError: the check kept no plan of this version of mlgitops.
    """
    try:
        pull = _PULL.validate_python(found)
        _check_code(api, context, pull, declares)
        _check_base(api, context, pull)
        content = zips.member(_kept(api, context, pull), PLAN, limit=_LIMIT)
    except ValueError as error:  # pydantic's too
        raise GitHubVerdictsError(f"GitHub's answer is of no use: {brief(error, 200)}") from error
    return tuple(
        replace(one, pull_request=str(pull.number))
        for one in planfile.measured_in(content, f"its {PLAN}")
    )


def _check_code(
    api: GitHub, context: Context, pull: _Pull, declares: Callable[[str], bool]
) -> None:
    """Whether this run's code is what made the plan."""
    if pull.head.repo is None or pull.head.repo.full_name != context.repository:
        raise GitHubVerdictsError("it comes from a fork")
    changed = api.changed_files(pull.number)
    if pull.changed_files is None or len(changed) < pull.changed_files:
        known = count(pull.changed_files or 0, "changed file")
        raise GitHubVerdictsError(f"GitHub listed {len(changed):,} of {known}")
    _check_makers(provenance.makers(changed), "it changes")
    since = api.changed_since(pull.head.sha)
    if len(since) >= MOST_COMPARED:
        raise GitHubVerdictsError(f"{context.branch} has changed too much since")
    # what the check read and nobody compares; rules of models.yaml are compared
    read = {
        one
        for one in provenance.makers(since, (".md",))
        if one.rpartition("/")[2] != _DECLARED and not declares(one)
    }
    makers = sorted(read.union(provenance.makers(since)))
    _check_makers(makers, f"{context.branch} has changed since")


def _check_makers(makers: Sequence[str], who: str) -> None:
    if makers:
        first = [*makers[:3], *(["others"] if len(makers) > 3 else [])]
        raise GitHubVerdictsError(f"{who} what measures: {listed(first)}")


def _check_base(api: GitHub, context: Context, pull: _Pull) -> None:
    """Whether no check of another branch's workflow can pass for the one of this branch."""
    pulls = _PULLS.validate_python(api.pull_requests_from(pull.head.ref))
    if len(pulls) > _MOST_PULLS:
        raise GitHubVerdictsError(f"its branch had more than {_MOST_PULLS} pull requests")
    for number, base in {(pull.number, pull.base), *((one.number, one.base) for one in pulls)}:
        events = api.events(number)
        moved = len(events) > _MOST_EVENTS or any(one.get("event") in _MOVED for one in events)
        if moved or base.ref != context.branch:
            raise GitHubVerdictsError(
                f"its branch was proposed for another branch than {context.branch} (#{number})"
            )


def _kept(api: GitHub, context: Context, pull: _Pull) -> bytes:
    """The zip of what the last check kept."""
    runs = _RUNS.validate_python(api.runs(WORKFLOW, pull.head.sha))
    run = next((run for run in runs if _is_check(run, context, pull)), None)
    if run is None:
        raise GitHubVerdictsError(f"its check did not end on {pull.head.sha[:12]}")
    artifacts = _ARTIFACTS.validate_python(api.artifacts(run.id))
    kept = [one.id for one in artifacts if one.name == ARTIFACT and not one.expired]
    if not kept:
        raise GitHubVerdictsError(f"run {run.id} of its check keeps no plan, or not any more")
    return api.artifact(max(kept))


def _is_check(run: _Run, context: Context, pull: _Pull) -> bool:
    own = run.head_repository and run.head_repository.full_name == context.repository
    return (
        bool(own)
        and run.path.partition("@")[0] == f".github/workflows/{WORKFLOW}"
        and run.event == "pull_request"
        and (run.head_branch, run.head_sha) == (pull.head.ref, pull.head.sha)
        and run.conclusion in _DONE
    )
