"""Everything as plain data, for `--format json`; `mlgitops.report.schema` is its form.

Each form is imported where it is filled: to make them all takes longer than most reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlgitops.report import wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from mlgitops.core.apply import Outcome
    from mlgitops.core.evidence import Comparison
    from mlgitops.core.record import Entry, Recorded
    from mlgitops.core.status import StageStatus
    from mlgitops.core.unused import Unused
    from mlgitops.deploy.values import Outcome as Deployed
    from mlgitops.deploy.values import Served, Step
    from mlgitops.errors import Problem
    from mlgitops.history.stays import Stay
    from mlgitops.image.build import Built
    from mlgitops.image.scan import Scan
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal
    from mlgitops.recipes.versions import Trained
    from mlgitops.serve.smoke import Report

Document = dict[str, Any]


def plan(proposal: Proposal) -> Document:
    """A plan with its evidence."""
    from mlgitops.report.schema.plans import Plan

    return Plan.model_validate(_proposed(proposal)).dumped()


def outcomes(
    proposal: Proposal, done: Iterable[Outcome], recorded: Recorded | None = None
) -> Document:
    """A plan, what became of each of its changes, and where that is recorded."""
    from mlgitops.report.schema.plans import Apply

    found = {**_proposed(proposal), "outcomes": list(done), "record": recorded}
    return Apply.model_validate(found).dumped()


def status(stages: Iterable[StageStatus], served: Iterable[Served] = ()) -> Document:
    """The state of every stage, and what really serves in the places that are declared."""
    from mlgitops.report.schema.plans import StatusReport

    found = {"stages": list(stages), "deployments": list(served)}
    return StatusReport.model_validate(found).dumped()


def unused(found: Iterable[Unused]) -> Document:
    """The versions that nothing needs."""
    from mlgitops.report.schema.plans import UnusedReport

    return UnusedReport.model_validate({"versions": list(found)}).dumped()


def history(stays: Iterable[Stay]) -> Document:
    """Who had which version where; times in ISO 8601."""
    from mlgitops.report.schema.plans import History

    return History.model_validate({"stays": list(stays)}).dumped()


def records(entries: Iterable[Entry], since: datetime, until: datetime) -> Document:
    """What the applies of a time decided, change by change."""
    from mlgitops.report.schema.records import Records

    found = {"since": since, "until": until, "changes": list(entries)}
    return Records.model_validate(found).dumped()


def trained(versions: Iterable[Trained]) -> Document:
    """The versions that were trained."""
    from mlgitops.report.schema.plans import Train

    return Train.model_validate({"trained": list(versions)}).dumped()


def validated(problems: Sequence[Problem] = (), more: int = 0) -> Document:
    """What is wrong in models.yaml, and how many other things are."""
    from mlgitops.report.schema.plans import Validate

    found = {"valid": not problems, "problems": list(problems), "more": more}
    return Validate.model_validate(found).dumped()


def tried(model: str, number: int, stages: Sequence[Exhibit]) -> Document:
    """What gates said of a version that was tried."""
    from mlgitops.report.schema.plans import GatesTry

    refused = any(one.failed for one in stages)
    found = {"model": model, "number": number, "refused": refused, "stages": list(stages)}
    return GatesTry.model_validate(found).dumped()


def failed(lines: Iterable[str]) -> Document:
    """Why there is nothing to report."""
    from mlgitops.report.schema.plans import Error

    return Error(errors=list(lines)).dumped()


def comparison(found: Comparison) -> Document:
    """Everything but the predictions of single rows, of which there may be thousands."""
    from mlgitops.report.schema.comparison import Compare

    return Compare.model_validate(found).dumped()


def smoke(report: Report) -> Document:
    """What a server answered."""
    from mlgitops.report.schema.serving import Smoke

    return Smoke.model_validate(report).dumped()


def image(built: Built) -> Document:
    """An image that was built."""
    from mlgitops.report.schema.serving import Image

    return Image.model_validate(built).dumped()


def scan(found: Scan) -> Document:
    """What an image holds, but for the bill of materials."""
    from mlgitops.report.schema.serving import Scan

    return Scan.model_validate(found).dumped()


def deploy_plan(steps: Sequence[Step]) -> Document:
    """What a deploy would do."""
    from mlgitops.report.schema.serving import DeployPlan

    pending = any(step.pending for step in steps)
    return DeployPlan.model_validate({"pending": pending, "steps": list(steps)}).dumped()


def deployed(done: Iterable[Deployed]) -> Document:
    """What became of each step of a deploy."""
    from mlgitops.report.schema.serving import Deploy

    return Deploy.model_validate({"outcomes": list(done)}).dumped()


def _proposed(proposal: Proposal) -> dict[str, Any]:
    return {
        "file": proposal.desired.file,
        "scope": proposal.scope,
        "stages": proposal.plan.stages,
        "refused": proposal.refused,
        "summary": wording.refusal(proposal) or wording.headline(proposal.plan),
        "guards": proposal.objections,
        "warnings": proposal.warnings,
        "changes": proposal.exhibits,
    }
