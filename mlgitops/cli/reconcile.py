"""The reconciler's verbs: plan and apply."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops.cli.evidence import (
    cache_option,
    cached,
    checked_option,
    environments_option,
    installing,
    quick_option,
    reviewed,
)
from mlgitops.cli.options import (
    Target,
    dask_option,
    failures_reported,
    file_option,
    format_option,
    models_argument,
    only_option,
    registry_options,
    report_option,
    scoring_on,
    warn,
)
from mlgitops.cli.progress import progress
from mlgitops.cli.proposed import origin, show_plan
from mlgitops.cli.scope import changed_since_option, declared
from mlgitops.cli.terms import (
    authors_option,
    base_option,
    check_exceptions,
    tell_of_freezes,
    terms,
    terms_options,
    warn_of_exceptions,
)
from mlgitops.core.gate import Need
from mlgitops.errors import EXIT_PENDING, UsageError
from mlgitops.errors.applying import (
    ApplyFailedError,
    ApplyInterruptedError,
    ApplyTerminatedError,
    ApplyUnderWayError,
)
from mlgitops.file.load import loads
from mlgitops.file.texts import read
from mlgitops.report.wording import STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from mlgitops.core.apply import Outcome
    from mlgitops.core.lock import Lock
    from mlgitops.core.measured import Measured
    from mlgitops.core.plan import Change, Plan
    from mlgitops.core.registry import Registry
    from mlgitops.core.stamp import Author
    from mlgitops.file.texts import Texts
    from mlgitops.history.entries import Entries
    from mlgitops.proposal.propose import Proposal

_ENDING = "interrupted: finishing what has begun; interrupt again to stop at once"


@click.command(
    epilog="""\b
Examples:
  mlgitops plan
  mlgitops plan power-forecasting-model 'churn-*'
  mlgitops plan --exit-code --format markdown >> "$GITHUB_STEP_SUMMARY"
  mlgitops plan --out plan.json && mlgitops apply --plan plan.json
  mlgitops plan --only drift,refused    of many changes
  mlgitops plan --base origin/main    judge what this branch changes
  mlgitops plan --dask tcp://scheduler:8786    let versions predict on a Dask cluster
  mlgitops plan --changed-since origin/main    read nothing but what this branch changes
"""
)
@models_argument
@click.option("--exit-code", is_flag=True, help="Exit with 2 if changes are pending.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the plan to this file, for apply --plan."
)
@base_option("Show refused changes that models.yaml of this commit asks for too, but succeed.")
@changed_since_option
@only_option(STATES, "Print only changes")
@quick_option
@environments_option
@cache_option
@dask_option("Let versions predict")
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
    since: str | None,
    only: frozenset[str],
    quick: bool,
    environments: bool,
    cache: bool | None,
    dask: str | None,
    checked: Path | None,
    reports: tuple[Path, ...],
    authors: Path | None,
    **allowed: Any,
) -> int:
    """Show what apply would change, and the evidence for it.

    Plans MODELS, by name or pattern, or all models. With --changed-since, plans the models whose
    entries were added, changed or removed, or name gates, recipes or held-out rows that changed,
    and reads no others from the registry; if another key of models.yaml changed, plans all. Writes
    nothing to the registry. Exits with 3 if a change is refused, and with 1 if an exception to a
    guard has ended, unless models.yaml of --base has it as well.
    """
    from mlgitops.proposal.propose import propose
    from mlgitops.report import document

    whose = _recorded(authors, file) if authors else None
    if form != "text" and not only.issuperset(STATES):
        raise UsageError(f"--only is for text; --format {form} shows all changes")
    with failures_reported(reports), progress() as say:
        texts = read(file)
        said = declared(texts, file, base=revision, since=since, models=models)
        desired, base = said.desired, said.base
        on = terms(desired, **allowed, base=base, whose=whose)
        client, need = target.connect(), reviewed(quick=quick)
        before = _measured(checked) if checked else ()
        proposal = propose(
            *(desired, client, on, say),
            need=need,
            checked=before,
            models=models,
            scope=said.scope,
            installing=installing(wanted=environments, quick=quick),
            store=cached(wanted=cache, quick=quick),
            hire=scoring_on(dask),
        )
        if revision:
            from mlgitops.history.reasons import under_review

            if reason := under_review(file, revision):
                proposal = proposal.explained(
                    lambda c: "" if on.before(c.model, c.alias) else reason
                )
    if out is not None:
        _write(out, proposal, texts)
    come = partial(origin, target, file)
    show_plan(form, reports, proposal, lambda: document.plan(proposal), come, only=only)
    tell_of_freezes(desired)
    proposal.check()
    check_exceptions(desired, base)
    return EXIT_PENDING if exit_code and proposal.plan.changes else 0


# what reads and writes files is imported where there is one: it takes a twentieth of a small plan
def _recorded(authors: Path, file: Path) -> Entries | None:
    from mlgitops.history import entries

    known = entries.read(authors)
    return entries.Entries(file=file, known=known, warn=warn) if known else None


def _measured(checked: Path) -> tuple[Measured, ...]:
    from mlgitops.proposal import checkedfile

    return checkedfile.read(checked)


def _write(out: Path, proposal: Proposal, texts: Texts) -> None:
    from mlgitops.core.guards import Shown
    from mlgitops.proposal import planfile

    shown = Shown(
        plan=proposal.plan,
        fingerprint=planfile.fingerprint(texts.whole),
        refused=tuple((one.change.model, one.change.alias) for one in proposal.held_up),
    )
    planfile.write(out, shown, (found for one in proposal.exhibits for found in one.measured))


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

    Applies MODELS, by name or pattern, or all models; with --plan, those that the plan is about.
    Records whose change each change was, and reads each change back. Refused changes stop no
    others: exits with 3 if all were refused, and with 8 if the others were made. With --proof,
    refuses a version whose image did not pass, or was not tested, unless it returns to a stage: a
    rollback needs no proof.
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
        texts = read(file)
        desired = loads(texts, str(file))
        known = entries.read(authors) if authors else {}
        whose = entries.Entries(
            file=file,
            commit=commit,
            actor=actor,
            pull_request=pull_request,
            known=known,
            warn=warn,
        )
        before_it = planfile.read(shown) if shown else None
        scope = None if models or before_it is None else before_it.scope(str(shown))
        on = terms(
            desired,
            **allowed,
            whose=whose if known else None,
            who=(actor or who(file)) if allowed["allow"] or allowed["rollback"] else "",
            fingerprint=planfile.fingerprint(texts.whole),
            shown=before_it,
            proofs=prooffile.read(proof) if proof else None,
        )
        warn_of_exceptions(desired)
        client = target.connect()
        need = Need.RUN if reports or form != "text" else Need.NOTHING
        before = checkedfile.read(checked) if checked else ()
        proposal = propose(
            desired, client, on, say, need=need, checked=before, models=models, scope=scope
        )
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
        some = models or scope or accepted is not proposal.plan
        left = () if some else proposal.held.locks
        with record.given_up_on(ApplyUnderWayError):
            done, ending = _executed(accepted, client, by, left, record.run_id, say)
    done = (*done, *proposal.held_up)

    # first: a report that cannot be written must not hide it
    webhook.applied(proposal, done, whose)
    recorded = record.close(done)
    found = partial(document.outcomes, proposal, done, recorded)
    show_plan(form, reports, proposal, found, partial(origin, target, file), done, recorded)
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
