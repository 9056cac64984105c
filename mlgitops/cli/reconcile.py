"""The reconciler's verbs: plan, apply and status."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops.cli.options import (
    Target,
    failures_reported,
    file_option,
    format_option,
    models_argument,
    permission,
    progress,
    quick_option,
    registry_options,
    report_option,
    reviewed,
    show,
    show_report,
    terms_options,
    warn,
)
from mlgitops.core.gate import Need
from mlgitops.core.guards import Terms
from mlgitops.errors import (
    EXIT_PENDING,
    ApplyFailedError,
    ApplyInterruptedError,
    ApplyTerminatedError,
)
from mlgitops.file.load import load, loads, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlgitops.core.apply import Outcome
    from mlgitops.proposal.propose import Proposal

_ENDING = "interrupted: finishing what has begun; interrupt again to stop at once"


@click.command(
    epilog="""\b
Examples:
  mlgitops plan
  mlgitops plan power-forecasting-model 'churn-*'
  mlgitops plan --exit-code --format markdown >> "$GITHUB_STEP_SUMMARY"
  mlgitops plan --out plan.json && mlgitops apply --plan plan.json
"""
)
@models_argument
@click.option("--exit-code", is_flag=True, help="Exit with 2 if changes are pending.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the plan to this file, for apply --plan."
)
@quick_option
@report_option
@terms_options
@file_option
@registry_options
@format_option
def plan(
    models: tuple[str, ...],
    file: Path,
    target: Target,
    form: str,
    exit_code: bool,
    out: Path | None,
    quick: bool,
    reports: tuple[Path, ...],
    **allowed: Any,
) -> int:
    """Show what apply would change, and the evidence for it.

    Plans MODELS, by name or pattern, or all models. Writes nothing to the registry.
    """
    from mlgitops.proposal import planfile
    from mlgitops.proposal.propose import propose
    from mlgitops.report import document

    terms = Terms(now=datetime.now(UTC), permission=permission(**allowed))
    with failures_reported(reports), progress() as say:
        declared = read(file)
        desired = loads(declared, str(file))
        proposal = propose(
            desired, target.connect(), terms, say, need=reviewed(quick=quick), models=models
        )
    if out is not None:
        planfile.write(out, proposal.plan, planfile.fingerprint(declared))
    _show(form, reports, proposal, lambda: document.plan(proposal))
    proposal.check()
    return EXIT_PENDING if exit_code and proposal.plan.changes else 0


@click.command(
    epilog="""\b
Examples:
  mlgitops apply
  mlgitops apply power-forecasting-model
  mlgitops apply --commit "$GITHUB_SHA" --actor octocat --pull-request 12
"""
)
@models_argument
@click.option(
    "--commit", envvar="MLGITOPS_COMMIT", help="The commit to record.  [default: from git]"
)
@click.option("--actor", envvar="MLGITOPS_ACTOR", help="The person to record.  [default: from git]")
@click.option("--pull-request", envvar="MLGITOPS_PULL_REQUEST", help="The pull request to record.")
@click.option(
    "--plan",
    "shown",
    type=click.Path(path_type=Path),
    help="Apply only if the current plan matches this file, from plan --out.",
)
@report_option
@terms_options
@file_option
@registry_options
@format_option
def apply(
    models: tuple[str, ...],
    file: Path,
    target: Target,
    form: str,
    commit: str | None,
    actor: str | None,
    pull_request: str | None,
    shown: Path | None,
    reports: tuple[Path, ...],
    **allowed: Any,
) -> None:
    """Make the registry match models.yaml.

    Applies MODELS, by name or pattern, or all models. Records who made each change, and reads each
    change back.
    """
    from mlgitops.core.apply import execute
    from mlgitops.core.turn import Watch
    from mlgitops.history import author
    from mlgitops.notify import webhook
    from mlgitops.proposal import planfile
    from mlgitops.proposal.propose import propose
    from mlgitops.report import document
    from mlgitops.system import signals

    declared = read(file)
    desired = loads(declared, str(file))
    terms = Terms(
        now=datetime.now(UTC),
        permission=permission(**allowed),
        fingerprint=planfile.fingerprint(declared),
        shown=planfile.read(shown) if shown else None,
    )
    by = author.find(file, commit=commit, actor=actor, pull_request=pull_request)
    done: tuple[Outcome, ...] = ()
    ending = signals.Signals()
    with progress() as say:
        client = target.connect()
        need = Need.RUN if reports or form != "text" else Need.NOTHING
        proposal = propose(desired, client, terms, say, need=need, models=models)
        if not proposal.refused:
            left = () if models else proposal.held.locks
            with signals.caught(ending, _ENDING):
                watch = Watch(progress=say, warn=warn, stopped=lambda: ending.arrived)
                now = partial(datetime.now, UTC)
                done = execute(proposal.plan, client, by, now, watch, interrupted=left)

    webhook.applied(proposal, done, by)  # first: a report that cannot be written must not hide it
    _show(form, reports, proposal, lambda: document.outcomes(proposal, done), done)
    proposal.check()
    check_outcomes(done, ending.first)


def _show(
    form: str,
    reports: tuple[Path, ...],
    proposal: Proposal,
    document: Callable[[], Mapping[str, object]],
    done: tuple[Outcome, ...] = (),
) -> None:
    from mlgitops.report import markdown, text

    def page() -> Iterator[str]:
        from mlgitops.report import html

        with progress() as say:
            yield from html.plan(proposal, done, say)

    show(
        form,
        text=lambda screen: text.plan(proposal, screen, done),
        markdown=lambda: markdown.plan(proposal, done),
        document=document,
        html=page,
        reports=reports,
    )


def check_outcomes(done: tuple[Outcome, ...], ending: int | None = None) -> None:
    """Fail if a change did not work out, or if a signal ended the apply.

    Raises:
        ApplyInterruptedError, ApplyTerminatedError: a signal arrived.
        ApplyFailedError: naming each change that did not work out.
    """
    failed = [outcome for outcome in done if outcome.reason]
    lines = [f"{o.change.model} {o.change.stage} {o.status}: {o.reason}" for o in failed]
    if ending is not None:
        kind = ApplyTerminatedError if ending == signal.SIGTERM else ApplyInterruptedError
        raise kind("\n".join(["interrupted", *lines]))
    if failed:
        raise ApplyFailedError("\n".join(lines))


@click.command(
    epilog="""\b
Examples:
  mlgitops status
  mlgitops status 'churn-*'
  mlgitops status --format json | jq '.stages[] | select(.state == "drift")'
"""
)
@models_argument
@file_option
@registry_options
@format_option
def status(models: tuple[str, ...], file: Path, target: Target, form: str) -> None:
    """Show the desired and actual versions, and drift.

    Shows MODELS, by name or pattern, or all models.
    """
    from mlgitops.core.status import stage_statuses
    from mlgitops.proposal.propose import read
    from mlgitops.report import document, tables

    desired = load(file)
    with progress() as say:
        say("reading the registry")
        stages = stage_statuses(*read(desired, target.connect(), models))
    show_report(form, tables.status(stages), lambda: document.status(stages))
