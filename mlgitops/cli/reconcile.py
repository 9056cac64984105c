"""The reconciler's verbs: plan, apply and status."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops.cli.options import (
    Target,
    checked_option,
    environments_option,
    failures_reported,
    file_option,
    format_option,
    installing,
    models_argument,
    progress,
    quick_option,
    registry_options,
    report_option,
    reviewed,
    show,
    show_report,
    tell,
    warn,
)
from mlgitops.cli.terms import (
    authors_option,
    base_of,
    base_option,
    check_exceptions,
    terms,
    terms_options,
    warn_of_exceptions,
)
from mlgitops.core.gate import Need
from mlgitops.core.way_back import FEW
from mlgitops.errors import (
    EXIT_PENDING,
    ApplyFailedError,
    ApplyInterruptedError,
    ApplyTerminatedError,
    ApplyUnderWayError,
)
from mlgitops.file.load import load, loads, read

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from mlgitops.core.apply import Outcome
    from mlgitops.core.lock import Lock
    from mlgitops.core.plan import Change, Plan
    from mlgitops.core.record import Recorded
    from mlgitops.core.registry import Registry
    from mlgitops.core.stamp import Author
    from mlgitops.proposal.propose import Proposal

_ENDING = "interrupted: finishing what has begun; interrupt again to stop at once"


@click.command(
    epilog="""\b
Examples:
  mlgitops plan
  mlgitops plan power-forecasting-model 'churn-*'
  mlgitops plan --exit-code --format markdown >> "$GITHUB_STEP_SUMMARY"
  mlgitops plan --out plan.json && mlgitops apply --plan plan.json
  mlgitops plan --base origin/main    judge what this branch changes
"""
)
@models_argument
@click.option("--exit-code", is_flag=True, help="Exit with 2 if changes are pending.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the plan to this file, for apply --plan."
)
@base_option("Show refused changes that models.yaml of this commit asks for too, but succeed.")
@quick_option
@environments_option
@checked_option
@report_option
@terms_options
@authors_option
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
    revision: str | None,
    quick: bool,
    environments: bool,
    checked: Path | None,
    reports: tuple[Path, ...],
    authors: Path | None,
    **allowed: Any,
) -> int:
    """Show what apply would change, and the evidence for it.

    Plans MODELS, by name or pattern, or all models. Writes nothing to the registry. Exits with 3 if
    a change is refused, and with 1 if an exception to a guard has ended, unless models.yaml of
    --base has it as well.
    """
    from mlgitops.core.guards import Shown
    from mlgitops.history import entries
    from mlgitops.history.reasons import under_review
    from mlgitops.proposal import checkedfile, planfile
    from mlgitops.proposal.propose import propose
    from mlgitops.report import document

    known = entries.read(authors) if authors else {}
    whose = entries.Entries(file=file, known=known, warn=warn) if known else None
    with failures_reported(reports), progress() as say:
        declared = read(file)
        desired = loads(declared, str(file))
        base = base_of(file, revision)
        on = terms(desired, **allowed, base=base, whose=whose)
        client, need = target.connect(), reviewed(quick=quick)
        before = checkedfile.read(checked) if checked else ()
        told = installing(wanted=environments, quick=quick)
        proposal = propose(
            desired, client, on, say, need=need, checked=before, models=models, installing=told
        )
        if revision and (said := under_review(file, revision)):
            proposal = proposal.explained(lambda c: "" if on.before(c.model, c.alias) else said)
    if out is not None:
        shown = Shown(
            plan=proposal.plan,
            fingerprint=planfile.fingerprint(declared),
            refused=tuple((one.change.model, one.change.alias) for one in proposal.held_up),
        )
        planfile.write(out, shown, (found for one in proposal.exhibits for found in one.measured))
    _show(form, reports, proposal, lambda: document.plan(proposal))
    proposal.check()
    check_exceptions(desired, base)
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
    "--commit",
    envvar="MLGITOPS_COMMIT",
    help="The commit to record for every change.  [default: the last one that changed its entry]",
)
@click.option(
    "--actor",
    envvar="MLGITOPS_ACTOR",
    help="The person to record for every change.  [default: of its commit]",
)
@click.option(
    "--pull-request",
    envvar="MLGITOPS_PULL_REQUEST",
    help="The pull request to record for every change.  [default: of its commit]",
)
@click.option(
    "--plan",
    "shown",
    type=click.Path(path_type=Path),
    help="Apply only if the current plan matches this file, from plan --out.",
)
@click.option(
    "--proof",
    type=click.Path(path_type=Path),
    help="Refuse versions whose image did not pass by this file, from image prove --out.",
)
@checked_option
@report_option
@terms_options
@authors_option
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
    proof: Path | None,
    checked: Path | None,
    reports: tuple[Path, ...],
    authors: Path | None,
    **allowed: Any,
) -> None:
    """Make the registry match models.yaml.

    Applies MODELS, by name or pattern, or all models. Records whose change each change was, and
    reads each change back. Refused changes stop no others: exits with 3 if all were refused, and
    with 8 if the others were made. With --proof, refuses a version whose image did not pass, or was
    not tested, unless it returns to a stage: a rollback needs no proof.
    """
    from mlgitops.audit import keeping
    from mlgitops.core.apply import Status
    from mlgitops.core.guards import allowing
    from mlgitops.history import entries
    from mlgitops.history.author import who
    from mlgitops.notify import webhook
    from mlgitops.proposal import checkedfile, planfile, prooffile
    from mlgitops.proposal.propose import propose
    from mlgitops.report import document

    with progress() as say, failures_reported(reports, "nothing was applied:"):
        declared = read(file)
        desired = loads(declared, str(file))
        known = entries.read(authors) if authors else {}
        whose = entries.Entries(
            file=file,
            commit=commit,
            actor=actor,
            pull_request=pull_request,
            known=known,
            warn=warn,
        )
        on = terms(
            desired,
            **allowed,
            whose=whose if known else None,
            who=(actor or who(file)) if allowed["allow"] or allowed["rollback"] else "",
            fingerprint=planfile.fingerprint(declared),
            shown=planfile.read(shown) if shown else None,
            proofs=prooffile.read(proof) if proof else None,
        )
        warn_of_exceptions(desired)
        client = target.connect()
        need = Need.RUN if reports or form != "text" else Need.NOTHING
        before = checkedfile.read(checked) if checked else ()
        proposal = propose(desired, client, on, say, need=need, checked=before, models=models)
        accepted = proposal.accepted
        # git is asked here, once
        excepted = allowing(proposal.objections)
        by = {
            change: replace(whose(change), allowed=excepted(change))
            for change in (*proposal.plan.changes, *accepted.changes)
        }
        proposal = proposal.explained(lambda change: by[change].reason)
        record = keeping.begin(
            proposal,
            client,
            by.__getitem__,
            warn,
            prepare=target.prepare_experiment,
        )
        # what an apply of some changes leaves may be half done still
        left = () if models or accepted is not proposal.plan else proposal.held.locks
        with record.given_up_on(ApplyUnderWayError):
            done, ending = _executed(accepted, client, by, left, record.run_id, say)
    done = (*done, *proposal.held_up)

    # first: a report that cannot be written must not hide it
    webhook.applied(proposal, done, whose)
    recorded = record.close(done)
    found = partial(document.outcomes, proposal, done, recorded)
    _show(form, reports, proposal, found, done, recorded)
    check_outcomes(done, ending)
    proposal.check(applied=any(one.status is Status.APPLIED for one in done))


def _executed(
    accepted: Plan,
    registry: Registry,
    by: Mapping[Change, Author],
    interrupted: Collection[Lock],
    record: str | None,
    say: Callable[[str], None],
) -> tuple[tuple[Outcome, ...], int | None]:
    """What became of each change; the signal that ended it, if one did."""
    from mlgitops.core.apply import execute
    from mlgitops.core.turn import Watch
    from mlgitops.system import signals

    ending = signals.Signals()
    with signals.caught(ending, _ENDING):
        done = execute(
            accepted,
            registry,
            by.__getitem__,
            partial(datetime.now, UTC),
            Watch(progress=say, warn=warn, stopped=lambda: ending.arrived),
            interrupted=interrupted,
            record=record,
        )
    return done, ending.first


def _show(
    form: str,
    reports: tuple[Path, ...],
    proposal: Proposal,
    document: Callable[[], Mapping[str, object]],
    done: tuple[Outcome, ...] = (),
    recorded: Recorded | None = None,
) -> None:
    from mlgitops.report import markdown, text

    def page() -> Iterator[str]:
        from mlgitops.report import html

        with progress() as say:
            yield from html.plan(proposal, done, say, recorded=recorded)

    show(
        form,
        text=lambda screen: text.plan(proposal, screen, done, recorded),
        markdown=lambda: markdown.plan(proposal, done, recorded),
        document=document,
        html=page,
        reports=reports,
    )


def check_outcomes(done: tuple[Outcome, ...], ending: int | None = None) -> None:
    """Fail if a change did not work out, or if a signal ended the apply.

    Raises:
        ApplyInterruptedError, ApplyTerminatedError: a signal arrived.
        ApplyFailedError: naming each change that did not work out, and what was refused.
    """
    from mlgitops.core.apply import Status

    wrong = [outcome for outcome in done if outcome.reason]
    lines = [f"{o.change.model} {o.change.stage} {o.status}: {o.reason}" for o in wrong]
    if ending is not None:
        kind = ApplyTerminatedError if ending == signal.SIGTERM else ApplyInterruptedError
        raise kind("\n".join(["interrupted", *lines]))
    if any(outcome.status is not Status.REFUSED for outcome in wrong):
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
@click.option(
    "--payloads",
    is_flag=True,
    help=f"Look for the payloads of more than {FEW} versions to roll back to; a request each.",
)
@file_option
@registry_options
@format_option
def status(models: tuple[str, ...], payloads: bool, file: Path, target: Target, form: str) -> None:
    """Show the desired and actual versions, and drift.

    Shows MODELS, by name or pattern, or all models. Says of each production stage whether a
    rollback would find the version that it returns to.
    """
    from mlgitops.history.way_back import with_ways_back
    from mlgitops.proposal.propose import read
    from mlgitops.report import document, tables

    desired = load(file)
    warn_of_exceptions(desired)
    with progress() as say:
        say("reading the registry")
        reader = target.connect()
        desired, held = read(desired, reader, models)
        say("looking for ways back")
        most = None if payloads else FEW
        stages = with_ways_back(desired, held, reader, payloads=most)
    clear = sum(bool(s.way_back and s.way_back.version and not s.way_back.blocked) for s in stages)
    if most is not None and clear > most:
        said = f"the payloads of {clear:,} versions to roll back to were not looked for"
        tell(f"{said}; to look, pass --payloads", err=True)
    show_report(form, tables.status(stages), lambda: document.status(stages))
