"""Everything as plain data, for `--format json`; `mlgitops.report.schema` is its form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mlgitops import words
from mlgitops.report import plain, wording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.core.apply import Outcome
    from mlgitops.core.evidence import Side
    from mlgitops.core.guards import Objection
    from mlgitops.core.stamp import Stamp
    from mlgitops.core.status import StageStatus
    from mlgitops.errors import Problem
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal
    from mlgitops.recipes.train import Trained
    from mlgitops.report.schema import plans as form

VERSION: Final = 1


def plan(proposal: Proposal) -> form.Plan:
    """A plan with its evidence."""
    return {"version": VERSION, "kind": "plan", **_proposed(proposal)}


def outcomes(proposal: Proposal, done: Iterable[Outcome]) -> form.Apply:
    """A plan and what became of each of its changes."""
    listed: list[form.AppliedChange] = [
        {
            "model": outcome.change.model,
            "stage": outcome.change.stage,
            "old": outcome.change.old,
            "new": outcome.change.new,
            "status": outcome.status,
            "reason": outcome.reason or None,
        }
        for outcome in done
    ]
    return {"version": VERSION, "kind": "apply", **_proposed(proposal), "outcomes": listed}


def status(stages: Iterable[StageStatus]) -> form.StatusReport:
    """The state of every stage."""
    return {
        "version": VERSION,
        "kind": "status",
        "stages": [
            {
                "model": stage.model,
                "stage": stage.stage,
                "desired": stage.desired,
                "actual": stage.actual,
                "state": stage.state,
                "stamp": _stamp(stage.stamp),
                "note": stage.note or None,
            }
            for stage in stages
        ],
    }


def trained(versions: Iterable[Trained]) -> form.Train:
    """The versions that were trained."""
    return {
        "version": VERSION,
        "kind": "train",
        "trained": [
            {
                "model": version.model,
                "number": version.number,
                "run_id": version.run_id,
                "metrics": plain.numbers(version.metrics),
            }
            for version in versions
        ],
    }


def validated(problems: Iterable[Problem]) -> form.Validate:
    """What is wrong in models.yaml."""
    listed: list[form.Problem] = [
        {
            "file": problem.where.file if problem.where else None,
            "line": problem.where.line if problem.where else None,
            "column": problem.where.column if problem.where else None,
            "model": problem.model,
            "stage": problem.stage,
            "message": problem.message,
        }
        for problem in problems
    ]
    return {"version": VERSION, "kind": "validate", "valid": not listed, "problems": listed}


def failed(lines: Iterable[str]) -> form.Error:
    """Why there is nothing to report."""
    return {"version": VERSION, "kind": "error", "errors": list(lines)}


def _proposed(proposal: Proposal) -> form.Proposed:
    return {
        "file": proposal.desired.file,
        "stages": proposal.plan.stages,
        "refused": proposal.refused,
        "summary": wording.refusal(proposal) or wording.headline(proposal.plan),
        "guards": [_objection(objection) for objection in proposal.objections],
        "changes": [_change(exhibit) for exhibit in proposal.exhibits],
    }


def _objection(objection: Objection) -> form.Objection:
    return {
        "guard": objection.guard,
        "model": objection.model,
        "stage": objection.stage,
        "reason": objection.reason,
        "allowed": objection.allowed,
        "line": objection.where.line if objection.where else None,
    }


def _change(exhibit: Exhibit) -> form.Change:
    change, found = exhibit.change, exhibit.comparison
    return {
        "model": change.model,
        "stage": change.stage,
        "action": change.action,
        "old": change.old,
        "new": change.new,
        "drift": change.drift,
        "rollback": change.rollback,
        "downgrade": change.downgrade,
        "misaligned": list(change.misaligned),
        "line": change.where.line if change.where else None,
        "last_move": _stamp(change.stamp),
        "metrics": [plain.metric(one) for one in found.metrics] if found else [],
        "parameters": [
            {"name": name, "old": old or words.NONE, "new": new or words.NONE}
            for name, old, new in (found.parameters if found else ())
        ],
        "runs": {
            "old": _run(found.old) if found else None,
            "new": _run(found.new) if found else None,
        },
        "gates": [
            {"rule": v.rule, "result": v.result, "expected": v.expected, "actual": v.actual}
            for v in exhibit.verdicts
        ],
        "refused": exhibit.refused,
        "comparison": plain.comparison(found) if found else None,
    }


def _stamp(stamp: Stamp | None) -> form.Stamp | None:
    if stamp is None:
        return None
    return {
        "move": stamp.move,
        "version": stamp.version,
        "previous": stamp.previous,
        "commit": stamp.commit,
        "actor": stamp.actor,
        "time": stamp.time,
        "pull_request": stamp.pull_request,
    }


def _run(side: Side | None) -> str | None:
    return side.version.run_id if side else None
