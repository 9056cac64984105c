"""The verbs of workflows: what a job reads from GitHub, and what it reports there."""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops.cli.options import Target, file_option, progress, registry_options
from mlgitops.core.stage import PRODUCTION, alias_of
from mlgitops.errors import EXIT_PENDING, GitHubDeniedError, GitHubError
from mlgitops.file.load import load

if TYPE_CHECKING:
    from mlgitops.github.api import GitHub
    from mlgitops.github.context import Context


@click.group()
def github() -> None:
    """Run the workflow steps that talk to GitHub.

    Runs in GitHub Actions.
    """


def _connect() -> tuple[Context, GitHub]:
    from mlgitops.github import context
    from mlgitops.github.api import GitHub

    found = context.read()
    return found, GitHub(found)


@github.command()
@file_option
def author(file: Path) -> None:
    """Tell the next steps who merged the commit.

    Sets MLGITOPS_ACTOR, MLGITOPS_PULL_REQUEST and MLGITOPS_LABELS for them, from the pull request
    that the commit came from. Without a pull request, the actor is whoever pushed. Refuses to
    restart an old run if models.yaml has changed since, because that would undo the change.
    """
    context, api = _connect()
    if context.attempt > 1 and api.is_superseded(context.sha, file.name):
        raise GitHubError(
            f"{context.branch} has a newer {file.name} than this run, which was restarted; run the "
            "workflow by hand on the branch instead"
        )
    merged = api.pull_request_of(context.sha)
    if merged is None:
        click.echo(f"{context.sha[:12]} has no pull request; actor: {context.actor}")
        return
    from mlgitops.github.context import names

    actor = (merged.get("merged_by") or {}).get("login") or context.actor
    _export(
        {
            "MLGITOPS_ACTOR": str(actor),
            "MLGITOPS_PULL_REQUEST": str(merged["number"]),
            "MLGITOPS_LABELS": ",".join(sorted(names(merged))),
        }
    )
    click.echo(f"{context.sha[:12]} came from pull request #{merged['number']}, merged by {actor}")


def _export(values: dict[str, str]) -> None:
    """Variables of the next steps, by GitHub's file of "name, delimiter, value" blocks."""
    for name, value in values.items():
        # nobody who writes the value knows the delimiter, so that it cannot end there
        end = secrets.token_hex(16)
        _append("GITHUB_ENV", f"{name}<<{end}\n{value}\n{end}\n")


def _append(variable: str, text: str) -> None:
    """Add to a file that GitHub reads after the step, where there is one."""
    if target := os.environ.get(variable):
        with Path(target).open("a", encoding="utf-8") as stream:
            stream.write(text)


@github.command()
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--marker", default="plan", show_default=True, help="Identifies the comment to update."
)
def report(reports: tuple[Path, ...], marker: str) -> None:
    """Show reports in the summary and in a comment.

    REPORTS are Markdown files. Skips missing files after the first. Without the right to comment
    (on a fork's pull request), writes the summary only.
    """
    context, api = _connect()
    text = "\n".join(path.read_text(encoding="utf-8") for path in reports if path.exists())
    if not reports[0].exists():
        text = f"{reports[0].name} is missing because an earlier step failed; see its log.\n{text}"
    if context.summary:
        _summarize(context.summary, text, context.artifacts_url)
    number = context.pull_request
    if number is None or not context.token:
        return
    try:
        click.echo(api.comment(number, f"<!-- mlgitops:{marker} -->", text))
    except GitHubDeniedError as error:
        click.echo(f"no comment on pull request #{number}: {error}", err=True)


def _summarize(summary: Path, text: str, run: str | None) -> None:
    """Add a report to the step's summary, which may hold something already."""
    from mlgitops.github.body import LEAST, SUMMARY_LIMIT, fitted, octets

    room = SUMMARY_LIMIT - (summary.stat().st_size if summary.exists() else 0)
    if room >= LEAST:
        with summary.open("a", encoding="utf-8") as stream:
            stream.write(fitted(text, room, run=run, size=octets))


@github.command()
@click.option("--exit-code", is_flag=True, help="Exit with 2 if stages are wrong.")
@click.option(
    "--grace",
    type=click.IntRange(min=0),
    default=0,
    metavar="MINUTES",
    help="Ignore pending changes while the last commit, or an apply, is younger than this.",
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
    with progress() as say:
        say("reading the registry")
        desired, held = read(desired, target.connect())
    stages, now = stage_statuses(desired, held), datetime.now(UTC)
    since = now - timedelta(minutes=grace)
    applying = any(lock.alive > iso(since) for lock in held.locks if not lock.aside)
    under_way = grace > 0 and (applying or head_time(file) > since)
    wrong = issue.wrong(stages, pending=not under_way)
    _, api = _connect()
    _append("GITHUB_OUTPUT", f"drift={str(bool(wrong)).lower()}\n")
    if not wrong:
        closed = api.close_issue(issue.MARKER, issue.LABEL, issue.CLEAN)
        click.echo(f"closed {closed}" if closed else issue.CLEAN)
        return 0
    webhook.drifted(wrong)
    before = api.issue_text(issue.MARKER, issue.LABEL)
    text = issue.text(wrong, before, now)
    click.echo(api.open_issue(issue.MARKER, issue.LABEL, issue.title(wrong), text))
    for stage in wrong:
        click.echo(f"{stage.model} {stage.stage}: {wording.wrong(stage)}")
    return EXIT_PENDING if exit_code else 0


@github.command()
@click.argument("applied", type=click.Path(path_type=Path))
def deployment(applied: Path) -> None:
    """Record a GitHub deployment for each stage that changed.

    APPLIED is the file from `mlgitops apply --report FILE.json`.
    """
    context, api = _connect()
    for outcome in _outcomes(applied):
        stage, model = str(outcome["stage"]), str(outcome["model"])
        api.record_deployment(
            environment=f"{model} {stage}",
            sha=context.sha,
            description=f"{model} {stage}: version {outcome['new']}, {outcome['status']}",
            succeeded=outcome["status"] == "applied",
            production=alias_of(stage) == alias_of(PRODUCTION),
        )
        click.echo(f"{model} {stage}: {outcome['status']}")


def _outcomes(applied: Path) -> list[dict[str, Any]]:
    if not applied.exists():
        return []  # the apply was refused before it changed anything
    try:
        listed = json.loads(applied.read_text(encoding="utf-8"))["outcomes"]
        return [outcome for outcome in listed if outcome["status"] != "not attempted"]
    except (ValueError, KeyError, TypeError) as error:
        raise GitHubError(f"{applied} is not a report from `mlgitops apply`: {error!r}") from error


@github.command("pull-request")
@click.argument("branch")
@click.option("--title", required=True, help="The title of the pull request.")
@click.option(
    "--body", type=click.Path(path_type=Path, exists=True), help="A Markdown file with its text."
)
@click.option("--base", default="main", show_default=True, help="The branch to merge into.")
@click.option("--label", "labels", multiple=True, help="Add this label.")
@file_option
def pull_request(
    branch: str, title: str, body: Path | None, base: str, labels: tuple[str, ...], file: Path
) -> None:
    """Open a pull request for models.yaml, or update the open one.

    Commits models.yaml on BRANCH and pushes it.
    """
    from mlgitops.github.branch import publish

    context, api = _connect()
    text = body.read_text(encoding="utf-8") if body else ""
    publish(file, branch, title, context)
    click.echo(api.open_pull_request(head=branch, base=base, title=title, text=text, labels=labels))
