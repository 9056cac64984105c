"""Markdown for GitHub: job summaries and comments."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from mlgitops import words
from mlgitops.report import parts, wording
from mlgitops.report.parts import Code, Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlgitops.core.apply import Outcome
    from mlgitops.core.status import StageStatus
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal
    from mlgitops.recipes.train import Trained
    from mlgitops.report.parts import Part

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~@!])")
_ADDRESS = ":/?#[]@!$&'*+,;=%~"  # what may stand in one, but for what would end a link

STATUS_HEADER = (
    *("model", "stage", "desired", "actual", "state"),
    *("who", "when", "commit", "note"),
)


def escaped(text: object) -> str:
    """Text that shows as it is: no markup, no mention, no line break."""
    return _SPECIAL.sub(r"\\\1", " ".join(words.plain(text).split()))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; cells are escaped."""
    lines = [
        [escaped(title) for title in header],
        ["---"] * len(header),
        *([_cell(cell) for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(cell: object) -> str:
    if isinstance(cell, Code):
        return f"`{words.plain(cell)}`"
    if isinstance(cell, Link) and cell.url.startswith(("https://", "http://")):
        return f"[{escaped(cell.text)}]({quote(cell.url, safe=_ADDRESS)})"
    return escaped(cell)


def details(summary: str, body: str) -> str:
    """A line that opens to a body; GitHub shows tables in it because of the empty lines."""
    line = html.escape(" ".join(words.plain(summary).split()), quote=False)
    return f"<details><summary>{line}</summary>\n\n{body}\n\n</details>"


def plan(proposal: Proposal, done: Iterable[Outcome] = ()) -> str:
    """A plan with its evidence, and what became of it, ordered so that its end may be cut off.

    A refusal is the first line, refused changes come first, and what is long is folded.
    """
    said = [escaped(wording.refusal(proposal))] if proposal.refused else []
    said.append(f"**{escaped(wording.headline(proposal.plan))}**")
    exhibits = sorted(proposal.exhibits, key=lambda exhibit: not exhibit.refused)
    if exhibits:
        header = ["", "model", "stage", "version", "gates", "remarks"]
        said.append(table(header, (_row(exhibit) for exhibit in exhibits)))
    if objections := sorted(wording.objections(proposal), key=lambda row: row[0] != "refused"):
        said.append(table(["guard", "reason", "to allow it"], objections))
    if listed := tuple(done):
        said.append(outcomes(listed).rstrip())
    loud = [exhibit for exhibit in exhibits if _loud(exhibit)]
    said += [f"### {escaped(_title(exhibit))}\n\n{_verdicts(exhibit)}" for exhibit in loud]
    warnings = [row for exhibit in exhibits for row in _warnings(exhibit)]
    if warnings:
        said.append(table(["model", "stage", "warning"], warnings))
    said += [folded for exhibit in exhibits if (folded := _details(exhibit))]
    return "\n\n".join(said) + "\n"


def failed(lines: Iterable[str]) -> str:
    """Why there is nothing to report."""
    return "".join(f"Error: {escaped(line)}\n\n" for line in lines)


def _row(exhibit: Exhibit) -> list[str]:
    change = exhibit.change
    sign, gates = wording.SIGNS[change.action], _gates(exhibit) or "none"
    remarks = [*wording.remarks(change)]
    if warnings := _warnings(exhibit):
        remarks.append(words.count(len(warnings), "warning"))
    return [sign, change.model, change.stage, wording.move(change), gates, "; ".join(remarks)]


def _gates(exhibit: Exhibit) -> str:
    results = [verdict.result.value for verdict in exhibit.verdicts]
    return ", ".join(f"{results.count(r)} {r}" for r in dict.fromkeys(results))


def _title(exhibit: Exhibit) -> str:
    change = exhibit.change
    return f"{change.model} {change.stage}: {wording.move(change)}"


def _loud(exhibit: Exhibit) -> bool:
    """Whether a gate says something that nobody may miss."""
    return any(verdict.result.value != "passed" for verdict in exhibit.verdicts)


def _verdicts(exhibit: Exhibit) -> str:
    rows = ([v.rule, v.result.value, v.expected, v.actual] for v in exhibit.verdicts)
    return table(["gate", "result", "expected", "actual"], rows)


def _warnings(exhibit: Exhibit) -> list[list[str]]:
    change = exhibit.change
    warnings = exhibit.comparison.warnings if exhibit.comparison else ()
    return [[change.model, change.stage, warning] for warning in warnings]


def _details(exhibit: Exhibit) -> str:
    """The evidence, and the verdicts where they need not be seen at once."""
    found = exhibit.comparison
    said = [_verdicts(exhibit)] if exhibit.verdicts and not _loud(exhibit) else []
    said += [evidence(parts.comparison_parts(found, full=True))] if found else []
    summary = " · ".join(filter(None, (_title(exhibit), _gates(exhibit))))
    return details(summary, "\n\n".join(filter(None, said))) if any(said) else ""


def evidence(shown: Iterable[Part]) -> str:
    """The parts of a comparison."""
    blocks = []
    for part in shown:
        blocks += [escaped(part.words)] if part.words else []
        blocks += [table(part.header, part.rows)] if part.rows else []
    return "\n\n".join(blocks)


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
        stamp.actor if stamp else words.NONE,
        stamp.time if stamp else words.NONE,
        stamp.commit[:12] if stamp else words.NONE,
        stage.note,
    ]


def trained(versions: Iterable[Trained]) -> str:
    """The versions that were trained."""
    rows = [[v.model, v.number, v.run_id, _tests(v)] for v in versions]
    if not rows:
        return "Nothing to train: the registry has a version for every recipe.\n"
    return table(["model", "version", "run", "test metrics"], rows) + "\n"


def _tests(version: Trained) -> str:
    return ", ".join(
        f"{name} {value:.6g}" for name, value in version.metrics.items() if name.startswith("test_")
    )
