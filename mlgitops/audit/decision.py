"""What of a proposal and its outcomes goes into the record. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from mlgitops import __version__
from mlgitops.core.apply import Status
from mlgitops.core.record import Decided, Decision, GateSaid, GuardSaid, Result, Results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mlgitops.core.apply import Outcome
    from mlgitops.core.guards import Objection
    from mlgitops.core.plan import Change
    from mlgitops.core.stamp import Author
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal


def decision(
    proposal: Proposal,
    author_of: Callable[[Change], Author],
    server: str,
) -> Decision:
    """What was decided of each change, and why.

    Args:
        proposal: the plan, with what gates and guards say of it.
        author_of: on whose behalf each change is.
        server: the version of MLflow.
    """
    plan = proposal.plan
    said: dict[tuple[str | None, str | None], list[Objection]] = defaultdict(list)
    for one in proposal.objections:
        said[one.model, one.stage].append(one)
    return Decision(
        file=proposal.desired.file,
        owner=plan.owner,
        registry=plan.registry,
        mlgitops=__version__,
        mlflow=server,
        guards=tuple(_guards(said[None, None])),
        changes=tuple(
            _decided(
                one,
                proposal,
                said[one.change.model, one.change.stage],
                author_of(one.change),
            )
            for one in proposal.exhibits
        ),
    )


def _decided(
    exhibit: Exhibit,
    proposal: Proposal,
    objections: Iterable[Objection],
    author: Author,
) -> Decided:
    change = exhibit.change
    return Decided(
        model=change.model,
        stage=change.stage,
        action=change.action,
        old=change.old,
        new=change.new,
        digest=_digest(exhibit, proposal),
        commit=author.commit,
        actor=author.actor,
        pull_request=author.pull_request,
        approvers=author.approvers,
        commit_reason=author.reason,
        gates=tuple(
            GateSaid(rule=v.rule, result=v.result, expected=v.expected, actual=v.actual)
            for v in exhibit.verdicts
        ),
        guards=tuple(_guards(objections)),
        evaluation=exhibit.comparison.evaluation if exhibit.comparison else None,
    )


def _guards(objections: Iterable[Objection]) -> Iterator[GuardSaid]:
    for one in objections:
        yield GuardSaid(guard=one.guard, reason=one.reason, allowed=one.allowed_by)


def _digest(exhibit: Exhibit, proposal: Proposal) -> str | None:
    """The digest that was read, else the pin, which was checked if the version enters the stage."""
    found = exhibit.comparison
    if found and found.new.artifact:
        return found.new.artifact.digest
    change = exhibit.change
    model = proposal.desired.models.get(change.model)
    stage = model.listed(change.alias) if model else None
    return stage.digest if stage and change.enters else None


def results(proposal: Proposal, done: Iterable[Outcome]) -> Results:
    """What became of each change; one that has no outcome was refused."""
    outcomes = {outcome.change.key: outcome for outcome in done}
    return Results(changes=tuple(_result(outcomes.get(c.key)) for c in proposal.plan.changes))


def _result(outcome: Outcome | None) -> Result:
    if outcome is None:
        return Result(outcome=Status.REFUSED, reason="")
    return Result(outcome=outcome.status, reason=outcome.reason)
