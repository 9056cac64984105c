"""The record of an apply, kept as a run: begun before anything is written, ended when all is known.

A record that cannot be written, or not in time, is a warning: the apply goes on without it.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlgitops.audit import decision
from mlgitops.core import record
from mlgitops.core.apply import Outcome, Status
from mlgitops.core.record import Recorded
from mlgitops.errors import MlgitopsError
from mlgitops.registry.api import Batch
from mlgitops.registry.records import EXPERIMENT
from mlgitops.report.wording import version_or_empty
from mlgitops.system import waiting
from mlgitops.words import brief, count, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mlgitops.core.plan import Change
    from mlgitops.core.record import Decision, GuardSaid, Results
    from mlgitops.core.stamp import Author
    from mlgitops.proposal.propose import Proposal
    from mlgitops.registry.api import RunRow
    from mlgitops.registry.records import Records
    from mlgitops.registry.registry import MlflowRegistry

_LIMIT = 20.0  # seconds: before the first write, for the results, for the files, for the end
_NOTE = 5000  # characters of a tag that MLflow shows as the run's description
_LONGEST = 500  # characters of what MLflow shows in a table


@dataclass(kw_only=True, slots=True)
class Record:
    """A record that was begun; of an apply that changes nothing there is none."""

    proposal: Proposal
    records: Records
    warn: Callable[[str], None]
    run: RunRow | None = None
    kept: Recorded | None = None

    @property
    def run_id(self) -> str | None:
        """The run's id, for the stamps."""
        return self.run.run_id if self.run else None

    def close(self, done: Sequence[Outcome]) -> Recorded | None:
        """Add what became of each change, and the report; end the run. Never raises."""
        run, kept = self.run, self.kept
        if run is None or kept is None:
            return kept
        results = decision.results(self.proposal, done)
        batch = Batch(
            params=record.params(record.RESULTS, results),
            metrics=_metrics(self.proposal, results),
            tags=_note(self.proposal, done),
        )
        failed = any(one.outcome != Status.APPLIED for one in results.changes)
        problem = _try("results", lambda: self.records.add(run, _now(), batch))
        if not problem:
            problem = _try("files", lambda: self.records.keep(run, self._files(done, kept)))
            problem = _try("end", lambda: self.records.end(run, _now(), failed=failed)) or problem
        if problem:
            kept = replace(kept, problem=f"incomplete: {problem}")
            self.warn(f"the record of this apply is {kept.problem}")
        return kept

    @contextmanager
    def given_up_on(self, kind: type[MlgitopsError]) -> Iterator[None]:
        """End the record, too, if an error shows that nothing was begun."""
        try:
            yield
        except kind as error:
            reason, changes = one_line(error), self.proposal.plan.changes
            self.close([Outcome(change=c, status=Status.SKIPPED, reason=reason) for c in changes])
            raise

    def _files(self, done: Sequence[Outcome], kept: Recorded | None) -> dict[str, bytes]:
        from mlgitops.report import document, html

        found = document.outcomes(self.proposal, done, kept)
        return {
            "apply.json": json.dumps(found, indent=2, ensure_ascii=False).encode(),
            "report.html": "".join(html.plan(self.proposal, done, drawn=False)).encode(),
        }


def begin(
    proposal: Proposal,
    registry: MlflowRegistry,
    author_of: Callable[[Change], Author],
    warn: Callable[[str], None],
    prepare: Callable[[str], None] = lambda _: None,
) -> Record:
    """Begin the record of an apply; never raises.

    Args:
        proposal: what is to be applied, or is refused.
        registry: where; the record lies on its tracking server.
        author_of: on whose behalf each change is.
        warn: is told why there is no record, or what it lacks.
        prepare: makes an experiment ready, where that is not the server's to do.
    """
    records = registry.records
    if not proposal.plan.changes:
        return Record(proposal=proposal, records=records, warn=warn)
    begun: list[RunRow] = []

    def work() -> None:
        prepare(EXPERIMENT)
        made = decision.decision(proposal, author_of, records.server)
        params = _params(made) | record.params(record.DECISION, made)
        begun.append(records.begin(_now(), _tags(made), params))

    problem = _try("begin", work)
    if problem:
        warn(f"this apply has no record: {problem}")
        return Record(proposal=proposal, records=records, warn=warn, kept=Recorded(problem=problem))
    kept = Recorded(run_id=begun[0].run_id, page=registry.address.page_of(begun[0].run_id))
    return Record(proposal=proposal, records=records, warn=warn, run=begun[0], kept=kept)


def _try(name: str, work: Callable[[], None]) -> str:
    """Why some work could not be done in time; empty if it was."""
    try:
        waiting.within(_LIMIT, work, name=f"record: {name}")
    except TimeoutError:
        return f"the tracking server took more than {_LIMIT:g} s"
    except MlgitopsError as error:
        return one_line(error)
    except Exception as error:  # noqa: BLE001 - each store of artifacts raises errors of its own
        return f"{type(error).__name__}: {brief(error, _LONGEST)}"
    return ""


def _now() -> datetime:
    return datetime.now(UTC)


def _params(made: Decision) -> dict[str, str]:
    """What people look for in MLflow's table of runs; MLflow takes no empty values."""
    allowed = [g.guard for g in _guards(made) if g.allowed]
    refused = [g.guard for g in _guards(made) if not g.allowed]
    found = {
        "commit": _each(change.commit for change in made.changes),
        "pull_request": _each(change.pull_request or "" for change in made.changes),
        "actor": _each(change.actor for change in made.changes),
        "approvers": _each(a for change in made.changes for a in change.approvers),
        "reason": _each(change.commit_reason for change in made.changes),
        "owner": made.owner,
        "registry": made.registry,
        "file": made.file,
        "guards_allowed": _each(allowed),
        "guards_refused": _each(refused),
        "mlgitops": made.mlgitops,
        "mlflow": made.mlflow,
    }
    return {name: value for name, value in found.items() if value}


def _guards(made: Decision) -> Iterator[GuardSaid]:
    yield from made.guards
    for change in made.changes:
        yield from change.guards


def _each(values: Iterable[str]) -> str:
    """Each value once; the record itself says which change it is of."""
    return ", ".join(dict.fromkeys(filter(None, values)))[:_LONGEST]


def _tags(made: Decision) -> dict[str, str]:
    """What MLflow's UI shows of a run: its name, who made it, and from which commit."""
    first, changes = made.changes[0], len(made.changes)
    one = (
        f"{first.model} {first.stage} {version_or_empty(first.old)} → {version_or_empty(first.new)}"
    )
    models = len({change.model for change in made.changes})
    said = one if changes == 1 else f"{count(changes, 'change')} in {count(models, 'model')}"
    request = f" (#{first.pull_request})" if first.pull_request else ""
    return {
        "mlflow.runName": (said + request)[:_LONGEST],
        "mlflow.user": first.actor[:_LONGEST],
        "mlflow.source.name": f"mlgitops apply {made.file}"[:_LONGEST],
        "mlflow.source.type": "JOB",
        "mlflow.source.git.commit": first.commit,
    }


def _metrics(proposal: Proposal, results: Results) -> dict[str, float]:
    outcomes = [one.outcome for one in results.changes]
    counts = {name: outcomes.count(name) for name in Status}
    named = {name.replace(" ", "_"): float(number) for name, number in counts.items()}
    return {"changes": len(outcomes), "stages": proposal.plan.stages, **named}


def _note(proposal: Proposal, done: Sequence[Outcome]) -> dict[str, str]:
    """The report as the run's description; its end may be cut off."""
    from mlgitops.report import markdown

    return {"mlflow.note.content": markdown.plan(proposal, done)[:_NOTE]}
