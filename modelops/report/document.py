"""Everything as plain data, for `--format json`. `version` counts changes that break readers."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from modelops.metrics import differences
from modelops.report import wording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelops.apply import Outcome
    from modelops.evidence.collect import Exhibit
    from modelops.guards import Objection
    from modelops.plan import Change
    from modelops.proposal import Proposal
    from modelops.registry.values import Version
    from modelops.status import StageStatus
    from modelops.train import Trained

VERSION = 1


def plan(proposal: Proposal) -> dict[str, Any]:
    """A plan with its evidence."""
    return {
        "version": VERSION,
        "kind": "plan",
        "file": proposal.desired.file,
        "stages": proposal.plan.stages,
        "refused": proposal.refused,
        "summary": wording.refusal(proposal) or wording.headline(proposal.plan),
        "guards": [_objection(objection) for objection in proposal.objections],
        "changes": [_exhibit(exhibit) for exhibit in proposal.exhibits],
    }


def outcomes(proposal: Proposal, done: Iterable[Outcome]) -> dict[str, Any]:
    """A plan and what became of each of its changes."""
    listed = [
        {
            "model": outcome.change.model,
            "stage": outcome.change.stage,
            "old": outcome.change.old,
            "new": outcome.change.new,
            "status": outcome.status.value,
            "reason": outcome.reason or None,
        }
        for outcome in done
    ]
    return {**plan(proposal), "kind": "apply", "outcomes": listed}


def status(stages: Iterable[StageStatus]) -> dict[str, Any]:
    """The state of every stage."""
    return {
        "version": VERSION,
        "kind": "status",
        "stages": [
            {**asdict(stage), "state": stage.state.value, "note": stage.note or None}
            for stage in stages
        ],
    }


def trained(versions: Iterable[Trained]) -> dict[str, Any]:
    """The versions that were trained."""
    return {"version": VERSION, "kind": "train", "trained": [asdict(v) for v in versions]}


def failed(lines: Iterable[str]) -> dict[str, Any]:
    """Why there is nothing to report."""
    return {"version": VERSION, "kind": "error", "errors": list(lines)}


def _exhibit(exhibit: Exhibit) -> dict[str, Any]:
    return {
        **_change(exhibit.change),
        "metrics": [
            {
                "name": one.metric,
                "old": _number(one.old),
                "new": _number(one.new),
                "difference": _number(one.absolute),
                "relative": _number(one.relative),
                "verdict": one.verdict or None,
            }
            for one in differences(
                exhibit.old.metrics if exhibit.old else {},
                exhibit.new.metrics if exhibit.new else {},
            )
        ],
        "parameters": [
            {"name": name, "old": old, "new": new} for name, old, new in wording.parameters(exhibit)
        ],
        "runs": {"old": _run(exhibit.old), "new": _run(exhibit.new)},
        "gates": [{**asdict(v), "result": v.result.value} for v in exhibit.verdicts],
        "refused": exhibit.refused,
    }


def _objection(objection: Objection) -> dict[str, Any]:
    return {
        "guard": objection.guard.value,
        "model": objection.model,
        "stage": objection.stage,
        "reason": objection.reason,
        "allowed": objection.allowed,
        "line": objection.where.line if objection.where else None,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "model": change.model,
        "stage": change.stage,
        "action": change.action.value,
        "old": change.old,
        "new": change.new,
        "drift": change.drift,
        "rollback": change.rollback,
        "downgrade": change.downgrade,
        "misaligned": list(change.misaligned),
        "line": change.where.line if change.where else None,
        "last_move": asdict(change.stamp) if change.stamp else None,
    }


def _number(value: float | None) -> float | str | None:
    """JSON has no word for NaN and infinity: they become text."""
    return value if value is None or math.isfinite(value) else str(value)


def _run(version: Version | None) -> str | None:
    return version.run_id if version else None
