"""The verbs of workflows: what a job reads from GitHub, and what it reports there."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops.cli.changes import changes, proposed
from mlgitops.cli.job import append, connect, export
from mlgitops.cli.numbers import Whole
from mlgitops.cli.options import Target, file_option, progress, registry_options, tell, warn
from mlgitops.cli.terms import warn_of_exceptions
from mlgitops.errors import EXIT_PENDING, GitHubDeniedError, GitHubError
from mlgitops.file.load import load
from mlgitops.history.author import UNCOMMITTED
from mlgitops.system import files
from mlgitops.words import listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.desired import Desired
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.stamp import Author
    from mlgitops.core.status import StageStatus
    from mlgitops.github.api import GitHub
    from mlgitops.github.labels import Label

_MAX_BYTES = 64 * 1024 * 1024


@click.group()
def github() -> None:
    """Run the workflow steps that talk to GitHub.

    Runs in GitHub Actions.
    """


github.add_command(changes)
github.add_command(proposed)


def _out_option(name: str, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--out",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path(name),
        show_default=True,
        help=text,
    )


@github.command()
@_out_option("authors.json", "The file to write.")
@file_option
@registry_options
def author(out: Path, file: Path, target: Target) -> None:
    """Tell the next steps whose changes are pending.

    For each pending change, asks GitHub for the pull request that its entry of models.yaml came
    from: who merged and approved it, and its labels that count (see `labels`), which allow the
    changes of that pull request. Without a pull request, the actor is whoever pushed. Sets
    MLGITOPS_AUTHORS, which `plan` and `apply` read. Refuses a run that was restarted, or that
    waited, if models.yaml has changed since: it would undo the change.
    """
    from mlgitops.core.diff import diff
    from mlgitops.github.context import pushed
    from mlgitops.history import entries
    from mlgitops.proposal.propose import read

    context, api = connect()
    pending = diff(*read(load(file), target.connect())).changes
    if pending and api.is_superseded(context.sha, file.name):
        raise GitHubError(
            f"{context.branch} has a newer {file.name} than this run, which would undo it; the run "
            "of the newer commit applies both"
        )
    found, own = {}, pushed(context)
    for by in map(entries.Entries(file=file, warn=warn), pending):
        if by.commit not in found and by.commit != UNCOMMITTED:
            actor = context.actor if by.commit in own else by.actor
            without = replace(by, actor=actor, pull_request=None)  # whatever a commit's text says
            found[by.commit] = api.author_of(by.commit, _tell) or without
    entries.write(out, found.values())
    export("GITHUB_ENV", MLGITOPS_AUTHORS=str(out.resolve()))
    for one in found.values():
        tell(_credit(one))
    if not pending:
        tell("no change is pending")


@github.command()
def labels() -> None:
    """Tell the next steps which labels of the pull request count.

    A label that allows what a guard blocks counts if a person set it after the last push who
    neither opened the pull request nor pushed last, and whom MLGITOPS_APPROVERS lists, if it is set
    (people and teams: `@ada, @acme/reviewers`). Sets the step's output `labels`, which `plan` takes
    as MLGITOPS_LABELS.
    """
    context, api = connect()
    number = context.pull_request
    if number is None:
        raise GitHubError("this run is about no pull request; run it on the event pull_request")
    found = api.labels(api.pull_request(number))
    counting = ",".join(one.known for one in found if not one.why_not)
    export("GITHUB_OUTPUT", labels=counting)
    for one in found:
        _tell(one)
    if not found:
        tell("no label of the pull request allows anything")


@github.command()
@_out_option("checked.json", "The file to write, for `plan --checked` and `apply --checked`.")
@file_option
@registry_options
def verdicts(out: Path, file: Path, target: Target) -> None:
    """Tell the next steps what the checks of pull requests measured.

    For each pending change with a gate that needs a model's predictions, takes the verdict from the
    last check of the pull request that the change came from. It counts only if neither the pull
    request nor, since then, the base branch changed what measures. It is no error if none counts:
    the next steps measure.
    """
    from mlgitops.core.diff import diff
    from mlgitops.core.gate import Need, needs
    from mlgitops.github.verdicts import measured
    from mlgitops.history import entries
    from mlgitops.proposal import checkedfile
    from mlgitops.proposal.propose import read

    context, api = connect()
    desired, held = read(load(file), target.connect())
    asking = [
        change
        for change in diff(desired, held).changes
        if change.enters
        and needs(desired.models[change.model].gates_for(change.alias)) is Need.PREDICTIONS
    ]
    whose = entries.Entries(file=file, warn=warn)
    commits = {whose(change).commit for change in asking} - {UNCOMMITTED}
    checkedfile.write(out, measured(context, api, sorted(commits), tell, warn))
    if not asking:
        tell("no pending change needs predictions")


def _tell(label: Label) -> None:
    if label.why_not:
        warn(str(label))
    else:
        tell(str(label))


def _credit(one: Author) -> str:
    if one.pull_request is None:
        return f"{one.commit[:12]} has no pull request; actor: {one.actor}"
    approved = f", approved by {listed(one.approvers)}" if one.approvers else ""
    come = f"came from pull request #{one.pull_request}, merged by {one.actor}"
    return f"{one.commit[:12]} {come}{approved}"


@github.command()
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--marker", default="plan", show_default=True, help="Identifies the comment to update."
)
@click.option(
    "--missing",
    default="An earlier step failed; see its log.",
    show_default=True,
    metavar="TEXT",
    help="What to say if the first file is missing.",
)
def report(reports: tuple[Path, ...], marker: str, missing: str) -> None:
    """Show reports in the summary and in a comment.

    REPORTS are Markdown files. Skips missing files after the first; does not show larger ones than
    4 MiB. Without the right to comment (on a fork's pull request), writes the summary only.

    On a pull request, the reports come from a run of its own code. They are data here: run this
    from a checkout of the base branch. The comment names both commits, and begins with a warning
    if the pull request changes files that make reports.
    """
    from mlgitops.github import provenance

    context, api = connect()
    text = "\n".join(map(provenance.read, filter(os.path.lexists, reports)))
    if not os.path.lexists(reports[0]):
        text = f"**{reports[0].name} is missing.** {missing}\n\n{text}"
    number = context.pull_request if context.token else None
    if number is not None:
        text = provenance.warning(context, _changed_files(api, number)) + text
    if context.summary:
        _summarize(context.summary, text, context.artifacts_url)
    if number is None:
        return
    signature = provenance.signature(context)
    try:
        tell(api.comment(number, f"<!-- mlgitops:{marker} -->", text, signature))
    except GitHubDeniedError as error:
        tell(f"no comment on pull request #{number}: {error}", err=True)


def _read(path: Path) -> str:
    try:
        return files.read_text(path, limit=_MAX_BYTES)
    except OSError as error:
        raise GitHubError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise GitHubError(f"cannot read {path}: it is not UTF-8 text") from error


def _changed_files(api: GitHub, number: int) -> list[dict[str, Any]] | None:
    try:
        return api.changed_files(number)
    except GitHubError as error:
        warn(str(error))
        return None


def _summarize(summary: Path, text: str, run: str | None) -> None:
    """Add a report to the step's summary, which may hold something already."""
    from mlgitops.github.body import LEAST, SUMMARY_LIMIT, fitted, octets

    room = SUMMARY_LIMIT - (summary.stat().st_size if summary.exists() else 0)
    if room >= LEAST:
        files.append_text(summary, fitted(text, room, run=run, size=octets))


@github.command()
@click.option("--exit-code", is_flag=True, help="Exit with 2 if stages are wrong.")
@click.option(
    "--grace",
    type=Whole(min=0),
    default=0,
    metavar="MINUTES",
    help="Ignore pending changes while the file's last commit, or an apply, is younger than this.",
)
@file_option
@registry_options
def drift(exit_code: bool, grace: int, file: Path, target: Target) -> int:
    """Open, update or close the issue about drift.

    Closes the issue once every stage is as declared. Sets the step's output `drift` to true or
    false.
    """
    from mlgitops.core.stamp import iso
    from mlgitops.core.status import stage_statuses
    from mlgitops.github import drift as issue
    from mlgitops.history.revisions import head_time
    from mlgitops.notify import webhook
    from mlgitops.proposal.propose import read
    from mlgitops.report import wording

    desired = load(file)
    warn_of_exceptions(desired)
    with progress() as say:
        say("reading the registry")
        desired, held = read(desired, target.connect())
    stages, now = stage_statuses(desired, held), datetime.now(UTC)
    since = now - timedelta(minutes=grace)
    applying = any(lock.alive > iso(since) for lock in held.locks if not lock.aside)
    under_way = grace > 0 and (applying or head_time(file) > since)
    wrong = issue.wrong(stages, pending=not under_way)
    _, api = connect()
    append("GITHUB_OUTPUT", f"drift={str(bool(wrong)).lower()}\n")
    if not wrong:
        closed = api.close_issue(issue.MARKER, issue.LABEL, issue.CLEAN)
        tell(f"closed {closed}" if closed else issue.CLEAN)
        return 0
    webhook.drifted(wrong)
    before = api.issue_text(issue.MARKER, issue.LABEL)
    text = issue.text(wrong, before, now)
    tell(api.open_issue(issue.MARKER, issue.LABEL, issue.title(wrong), text))
    for stage in wrong:
        tell(f"{stage.model} {stage.stage}: {wording.wrong(stage)}")
    return EXIT_PENDING if exit_code else 0


@github.command("way-back")
@click.option(
    "--images",
    "repository",
    default="",
    metavar="REPOSITORY",
    help="Look there for the images of these versions, too.",
)
@file_option
@registry_options
def way_back(repository: str, file: Path, target: Target) -> None:
    """Open, update or close the issue about stages without a way back.

    Looks for every version that a rollback of a production stage would return to, and for its
    payload. With --images, downloads the payload, verifies its pin and looks for its image. Closes
    the issue once nothing is missing, and all could be looked for.
    """
    from mlgitops.github import way_back as issue
    from mlgitops.history.way_back import with_ways_back
    from mlgitops.proposal.propose import read
    from mlgitops.report import wording

    desired = load(file)
    with progress() as say:
        say("reading the registry")
        reader = target.connect()
        stages = with_ways_back(*read(desired, reader), reader)
        if repository:
            stages = _with_images(stages, repository, desired, reader, say)
    blocked, unchecked = issue.blocked(stages), issue.unchecked(stages)
    for stage in (*blocked, *unchecked):
        tell(f"{stage.model} {stage.stage}: {wording.lost(stage.way_back)}")
    _, api = connect()
    if blocked:
        text = issue.text(blocked)
        tell(api.open_issue(issue.MARKER, issue.LABEL, issue.title(blocked), text))
    elif not unchecked:
        closed = api.close_issue(issue.MARKER, issue.LABEL, issue.CLEAN)
        tell(f"closed {closed}" if closed else issue.CLEAN)


def _with_images(
    stages: tuple[StageStatus, ...],
    repository: str,
    desired: Desired,
    reader: RegistryReader,
    say: Callable[[str], None],
) -> tuple[StageStatus, ...]:
    from mlgitops.cli.image import log_in, options_for
    from mlgitops.image.kept import with_image

    say("looking for images")
    log_in(repository)
    options = options_for(desired, repository=repository)
    return tuple(with_image(stage, reader, options) for stage in stages)


@github.command()
@click.argument("applied", required=False, type=click.Path(path_type=Path))
@file_option
@registry_options
def deployment(applied: Path | None, file: Path, target: Target) -> None:
    """Record GitHub deployments of what the stages got.

    Records the last move of each stage that GitHub does not know, in the environment MODEL STAGE.
    APPLIED is the file from `mlgitops apply --report FILE.json`: what failed there is recorded as
    failed.
    """
    from mlgitops.github import applied as applied_report
    from mlgitops.github import deployments
    from mlgitops.proposal.propose import read

    context, api = connect()
    failures = applied_report.failures(applied) if applied else ()
    known = deployments.known(api.deployments())
    if known.newest:  # a run may have been cut off between the two calls of a record
        api.conclude_deployment(known.newest)
    desired, held = read(load(file), target.connect())
    failed = (deployments.failure(one, desired.stages) for one in failures)
    for record in (*known.missing(deployments.moves(desired, held)), *failed):
        api.record_deployment(record, context.sha)
        tell(record.description)


@github.command("pull-request")
@click.argument("branch")
@click.option("--title", required=True, help="The title of the pull request.")
@click.option(
    "--body", type=click.Path(path_type=Path, exists=True), help="A Markdown file with its text."
)
@click.option("--base", default="main", show_default=True, help="The branch to merge into.")
@file_option
def pull_request(branch: str, title: str, body: Path | None, base: str, file: Path) -> None:
    """Open a pull request for models.yaml, or update the open one.

    Commits models.yaml on BRANCH and pushes it.
    """
    from mlgitops.github.branch import publish
    from mlgitops.report.markdown import unlinked

    title = unlinked(title)
    context, api = connect()
    text = _read(body) if body else ""
    publish(file, branch, title, context)
    tell(api.open_pull_request(head=branch, base=base, title=title, text=text))
