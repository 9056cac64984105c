"""Stages, outcomes and trained versions as tables. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.report import deployments, parts, wording
from mlgitops.report.parts import Cell, Link, Part, Report
from mlgitops.words import NONE, number, when

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from mlgitops.core.apply import Outcome
    from mlgitops.core.record import Recorded
    from mlgitops.core.status import StageStatus
    from mlgitops.core.unused import Unused
    from mlgitops.deploy.values import Served
    from mlgitops.proposal.propose import Proposal
    from mlgitops.recipes.versions import Trained, Training

_STATUS = ("model", "stage", "desired", "actual", "state", "who", "when", "commit", "note")


def status(
    stages: Collection[StageStatus], shown: Iterable[StageStatus], served: Sequence[Served]
) -> Report:
    """The state of stages, and what really serves in the places that are declared.

    Args:
        stages: all, which are counted.
        shown: those of them that are listed.
        served: what serves.
    """
    empty = "No such stages." if stages else "No stages are declared."
    found = parts.table(_STATUS, list(map(_stage, shown)), empty=empty)
    more = [deployments.served(served)] if served else []
    return Report(parts=[*found.parts, *more], result=wording.standing(stages))


def _stage(stage: StageStatus) -> list[str]:
    stamp = stage.stamp
    return [
        stage.model,
        stage.stage,
        wording.version_or_empty(stage.desired),
        wording.version_or_empty(stage.actual),
        stage.state.value,
        *((stamp.actor, when(stamp.time), stamp.commit[:12]) if stamp else (NONE, NONE, NONE)),
        wording.note(stage),
    ]


def outcomes(
    proposal: Proposal, done: Iterable[Outcome], recorded: Recorded | None = None
) -> Report:
    """What became of each change, and where that is recorded."""
    rows = [
        [o.change.model, o.change.stage, wording.versions(o.change), o.status.value, o.reason]
        for o in done
    ]
    title = f"Outcomes of {proposal.desired.file}" if rows else ""
    header = ("model", "stage", "version", "outcome", "reason")
    applied = Part(title=title, header=header, rows=rows)
    return Report(parts=[applied, *([record(recorded)] if recorded else [])])


def record(found: Recorded) -> Part:
    """The run that records an apply, or why there is none."""
    run: Cell = found.run_id or NONE
    if found.run_id and found.page:
        run = Link(text=found.run_id, url=found.page)
    return Part(header=("record", ""), rows=[[run, found.problem]])


def unused(found: Collection[Unused]) -> Report:
    """The versions that nothing needs."""
    rows = [
        [u.model, str(u.version.number), when(u.version.created or NONE), u.version.status]
        for u in found
    ]
    header = ("model", "version", "registered", "status")
    return parts.table(header, rows, empty="No unused versions of models in models.yaml.")


def trained(done: Training) -> Report:
    """The versions that were trained."""
    rows = [[v.model, str(v.number), v.run_id, _tests(v)] for v in done.trained]
    header = ("model", "version", "run", "test metrics")
    nothing = "Nothing to train: the registry has a version for every recipe."
    nothing = "Nothing was trained." if done.failures else nothing
    return parts.table(header, rows, empty=nothing)


def _tests(version: Trained) -> str:
    return ", ".join(
        f"{name} {number(value)}"
        for name, value in version.metrics.items()
        if name.startswith("test_")
    )
