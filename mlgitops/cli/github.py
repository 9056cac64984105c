"""The verbs of workflows: what a job reads from GitHub, and what it reports there."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops.cli.changes import changes, proposed
from mlgitops.cli.credit import author, labels, verdicts
from mlgitops.cli.job import append, connect
from mlgitops.cli.numbers import Whole
from mlgitops.cli.options import (
    Target,
    file_option,
    reason_option,
    registry_options,
    tell,
    warn,
)
from mlgitops.cli.progress import progress
from mlgitops.cli.terms import warn_of_exceptions
from mlgitops.errors import EXIT_PENDING, GitHubDeniedError, GitHubError
from mlgitops.file.load import load
from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.desired import Desired
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.status import StageStatus
    from mlgitops.deploy.values import Step
    from mlgitops.github.api import GitHub

_MAX_BYTES = 64 * 1024 * 1024


@click.group()
def github() -> None:
    """Run the workflow steps that talk to GitHub.

    Runs in GitHub Actions.
    """


for _command in (changes, proposed, author, labels, verdicts):
    github.add_command(_command)


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

    Also asks the places that models.yaml declares what they serve. Closes the issue once every
    stage is as declared, and served as declared. Sets the step's output `drift` to true or
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
        client = target.connect()
        desired, held = read(desired, client)
    stages, now = stage_statuses(desired, held), datetime.now(UTC)
    since = now - timedelta(minutes=grace)
    applying = any(lock.alive > iso(since) for lock in held.locks if not lock.aside)
    under_way = grace > 0 and (applying or head_time(file) > since)
    wrong = issue.wrong(stages, pending=not under_way)
    steps: tuple[Step, ...] = ()
    if desired.deployments and not under_way:
        from mlgitops.cli.deploy import served_otherwise

        steps = served_otherwise(desired, client)
    _, api = connect()
    append("GITHUB_OUTPUT", f"drift={str(bool(wrong or steps)).lower()}\n")
    if not wrong and not steps:
        closed = api.close_issue(issue.MARKER, issue.LABEL, issue.CLEAN)
        tell(f"closed {closed}" if closed else issue.CLEAN)
        return 0
    webhook.drifted(wrong, steps)
    before = api.issue_text(issue.MARKER, issue.LABEL)
    text = issue.text(wrong, before, now, steps)
    tell(api.open_issue(issue.MARKER, issue.LABEL, issue.title(wrong, steps), text))
    for stage in wrong:
        tell(f"{stage.model} {stage.stage}: {wording.wrong(stage)}")
    for step in steps:
        tell(str(step))
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
    """Open, update or close the issue about lost ways back.

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
@reason_option
@file_option
def pull_request(
    branch: str, title: str, body: Path | None, base: str, reason: str | None, file: Path
) -> None:
    """Open a pull request for models.yaml, or update the open one.

    Commits models.yaml on BRANCH, with the reason as a trailer, and pushes it.
    """
    from mlgitops.github.branch import publish
    from mlgitops.history.reasons import TRAILER
    from mlgitops.report.markdown import escaped, unlinked

    title = unlinked(title)
    context, api = connect()
    text, message = _read(body) if body else "", title
    if reason:
        text = f"**Reason:** {escaped(reason)}\n\n{text}"
        message = f"{title}\n\n{TRAILER}: {reason}"
    publish(file, branch, message, context)
    tell(str(api.open_pull_request(head=branch, base=base, title=title, text=text)["html_url"]))
