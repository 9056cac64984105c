"""Markdown for GitHub: job summaries and comments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelops.metrics import differences
from modelops.report import wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from modelops.apply import Outcome
    from modelops.evidence.collect import Exhibit
    from modelops.proposal import Proposal
    from modelops.status import StageStatus
    from modelops.train import Trained

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~@!])")


STATUS_HEADER = (
    *("model", "stage", "desired", "actual", "state"),
    *("who", "when", "commit", "note"),
)


def escaped(text: object) -> str:
    """Text that shows as it is: no markup, no mention, no line break."""
    return _SPECIAL.sub(r"\\\1", " ".join(wording.plain(text).split()))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; cells are escaped."""
    lines = [header, ["---"] * len(header), *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plan(proposal: Proposal) -> str:
    """A plan with its evidence; a refusal is the first line."""
    parts = [escaped(wording.refusal(proposal))] if proposal.refused else []
    parts.append(f"**{escaped(wording.headline(proposal.plan))}**")
    if proposal.exhibits:
        header = ["", "model", "stage", "version", "gates", "remarks"]
        parts.append(table(header, (_row(exhibit) for exhibit in proposal.exhibits)))
    if objections := wording.objections(proposal):
        parts.append(table(["guard", "what it says", "to allow it"], objections))
    for exhibit in proposal.exhibits:
        parts += list(_details(exhibit))
    return "\n\n".join(parts) + "\n"


def failed(lines: Iterable[str]) -> str:
    """Why there is nothing to report."""
    return "".join(f"Error: {escaped(line)}\n\n" for line in lines)


def _row(exhibit: Exhibit) -> list[str]:
    change = exhibit.change
    sign = wording.SIGNS[change.action]
    remarks = "; ".join(wording.remarks(change))
    return [sign, change.model, change.stage, wording.move(change), _gates(exhibit), remarks]


def _gates(exhibit: Exhibit) -> str:
    if not exhibit.verdicts:
        return "none"
    results = [verdict.result.value for verdict in exhibit.verdicts]
    return ", ".join(f"{results.count(r)} {r}" for r in dict.fromkeys(results))


def _details(exhibit: Exhibit) -> Iterator[str]:
    change = exhibit.change
    if exhibit.new is None:
        return
    title = f"{escaped(change.model)} {escaped(change.stage)}: {escaped(wording.move(change))}"
    yield f"### {title}"
    if exhibit.verdicts:
        yield table(
            ["gate", "result", "expected", "actual"],
            ([v.rule, v.result.value, v.expected, v.actual] for v in exhibit.verdicts),
        )
    old = exhibit.old.metrics if exhibit.old else {}
    found = differences(old, exhibit.new.metrics)
    if found:
        yield table(
            ["metric", "old", "new", "difference", ""],
            (
                [
                    d.metric,
                    wording.number(d.old),
                    wording.number(d.new),
                    wording.difference(d),
                    d.verdict,
                ]
                for d in found
            ),
        )
    if rows := wording.parameters(exhibit):
        yield table(["parameter", "old", "new"], rows)


def outcomes(done: Iterable[Outcome]) -> str:
    """What became of each change."""
    rows = (
        [o.change.model, o.change.stage, wording.move(o.change), o.status.value, o.reason]
        for o in done
    )
    return table(["model", "stage", "version", "outcome", "reason"], rows) + "\n"


def status(stages: Iterable[StageStatus]) -> str:
    """The state of every stage."""
    return table(STATUS_HEADER, (status_row(stage) for stage in stages)) + "\n"


def status_row(stage: StageStatus) -> list[str]:
    """One stage: model, stage, desired, actual, state, who, when, commit, note."""
    stamp = stage.stamp
    return [
        stage.model,
        stage.stage,
        wording.holder(stage.desired),
        wording.holder(stage.actual),
        stage.state.value,
        stamp.actor if stamp else wording.NONE,
        stamp.time if stamp else wording.NONE,
        stamp.commit[:12] if stamp else wording.NONE,
        stage.note,
    ]


def trained(versions: Iterable[Trained]) -> str:
    """The versions that were trained."""
    rows = [[v.model, v.number, v.run_id, _tests(v)] for v in versions]
    if not rows:
        return "Nothing to train: the registry has every recipe's version.\n"
    return table(["model", "version", "run", "test metrics"], rows) + "\n"


def _tests(version: Trained) -> str:
    return ", ".join(
        f"{name} {value:.6g}" for name, value in version.metrics.items() if name.startswith("test_")
    )
