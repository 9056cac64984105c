"""What serves where, what a deploy does and did, and what replacements came to. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.deploy.values import Action, State
from mlgitops.report.parts import Part, Report
from mlgitops.words import NONE, count, when

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlgitops.deploy.docker.rehearsal import Rehearsed
    from mlgitops.deploy.values import Outcome, Served, Step

_SERVED = (
    *("deployment", "place", "model", "stage", "state", "serves", "replicas"),
    *("commit", "since", "address", "note"),
)
_STEPS = ("deployment", "place", "model", "stage", "action", "old", "new", "what else")
_OUTCOMES = ("deployment", "place", "model", "stage", "action", "old", "new", "result")
_REHEARSED = ("", "replacement", "requests", "dropped", "refused", "p99, ms")


def served(found: Sequence[Served]) -> Part:
    """A line for each stage in each place."""
    rows = [
        [
            one.deployment or NONE,
            one.place,
            one.model,
            one.stage,
            one.state.value,
            one.version or NONE,
            f"{one.ready}/{one.replicas}" if one.replicas else NONE,
            one.commit[:12] or NONE,
            when(one.since or NONE),
            one.url or NONE,
            one.note,
        ]
        for one in found
    ]
    wrong = sum(one.state not in (State.SERVING, State.EMPTY) for one in found)
    said = f"{count(wrong, 'stage')} not served as declared, or not known." if wrong else ""
    return Part(title="Deployments", words=said, header=_SERVED, rows=rows)


def planned(steps: Sequence[Step]) -> Report:
    """What a deploy would do, and the troubles."""
    pending = [step for step in steps if step.pending]
    rows = [[*_head(step), *_versions(step), _details(step)] for step in pending]
    changes = sum(step.action is not Action.NOTHING for step in steps)
    troubles = sum(bool(step.trouble) for step in steps)
    result = f"{count(changes, 'step')} to do"
    if troubles:
        result += f", {count(troubles, 'trouble')}"
    if not pending:
        result = "nothing to do: every stage is served as declared"
    return Report(parts=[Part(header=_STEPS, rows=rows)], result=result, failed=bool(troubles))


def made(done: Sequence[Outcome]) -> Report:
    """What became of each step."""
    rows = [[*_head(one.step), *_versions(one.step), _result(one)] for one in done]
    failed = sum(bool(one.error) for one in done)
    result = f"{count(failed, 'step')} of {len(done)} failed" if failed else "all is as declared"
    return Report(parts=[Part(header=_OUTCOMES, rows=rows)], result=result, failed=bool(failed))


def line(one: Outcome) -> str:
    """What became of a step, in one line."""
    return f"{one.step}: {_became(one)}"


def rehearsed(found: Sequence[Rehearsed]) -> Report:
    """What callers noticed, and a line for each replacement."""
    rows = [
        [
            "passed" if one.good else "failed",
            str(one.change),
            f"{one.requests:,}",
            f"{one.dropped:,}",
            f"{one.refused:,}",
            f"{one.milliseconds:.0f}",
        ]
        for one in found
    ]
    if not rows:
        return Report(parts=[Part(words="The plan replaces no version; nothing to rehearse.")])
    dropped, refused = sum(one.dropped for one in found), sum(one.refused for one in found)
    title = f"Replaced under load: {count(dropped, 'request')} dropped, {refused:,} refused."
    return Report(title=title, parts=[Part(header=_REHEARSED, rows=rows)])


def rehearsed_line(one: Rehearsed) -> str:
    """A replacement in one line."""
    return (
        f"{one.change}: {count(one.requests, 'request')} during the replacement, "
        f"{one.dropped:,} dropped, {one.refused:,} refused"
    )


_DONE = {
    Action.CREATE: "serves",
    Action.REPLACE: "serves",
    Action.CHANGE: "changed",
    Action.WITHDRAW: "withdrawn",
    Action.PRUNE: "removed",
    Action.NOTHING: "as declared",
}


def _head(step: Step) -> list[str]:
    return [step.deployment, step.place, step.model, step.stage, step.action.value]


def _versions(step: Step) -> list[str]:
    return [step.old or NONE, step.new or NONE]


def _details(step: Step) -> str:
    return "; ".join([*step.details, *([f"trouble: {step.trouble}"] if step.trouble else [])])


def _became(one: Outcome) -> str:
    said = "failed" if one.error else _DONE[one.step.action]
    at = f" at {one.url}" if one.url else ""
    return f"{said}{at}" + (f" ({one.remark})" if one.remark else "")


def _result(one: Outcome) -> str:
    return one.error.replace("\n", "; ") if one.error else _became(one)
