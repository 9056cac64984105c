"""The verbs by which a job knows whose changes are pending, and what their checks measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops.cli.job import connect, export
from mlgitops.cli.options import Target, file_option, registry_options, tell, warn
from mlgitops.errors import GitHubError
from mlgitops.file.load import load
from mlgitops.history.author import UNCOMMITTED
from mlgitops.words import listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.stamp import Author
    from mlgitops.github.labels import Label


def _out_option(name: str, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--out",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path(name),
        show_default=True,
        help=text,
    )


@click.command()
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
    from mlgitops.history.paths import files_of
    from mlgitops.proposal.propose import read

    context, api = connect()
    pending = diff(*read(load(file), target.connect())).changes
    if pending and api.is_superseded(context.sha, files_of(file).has):
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


@click.command()
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


@click.command()
@_out_option("checked.json", "The file to write, for `plan --checked` and `apply --checked`.")
@file_option
@registry_options
def verdicts(out: Path, file: Path, target: Target) -> None:
    """Tell the next steps what checks have measured.

    For each pending change with a gate that needs a model's predictions, takes the verdict from the
    last check of the pull request that the change came from. It counts only if neither the pull
    request nor, since then, the base branch changed what measures. It is no error if none counts:
    the next steps measure.
    """
    from mlgitops.core.diff import diff
    from mlgitops.core.gate import Need, needs
    from mlgitops.github.verdicts import measured
    from mlgitops.history import entries
    from mlgitops.history.paths import files_of
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
    declares = files_of(file).has
    checkedfile.write(out, measured(context, api, sorted(commits), declares, tell, warn))
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
