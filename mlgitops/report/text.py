"""Text for a terminal: colour where it is one, plain lines in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mlgitops import words
from mlgitops.report import parts, wording
from mlgitops.report.markdown import STATUS_HEADER, status_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from mlgitops.core.apply import Outcome
    from mlgitops.core.evidence import Comparison
    from mlgitops.core.status import StageStatus
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal
    from mlgitops.recipes.train import Trained

_STYLES = {
    "+": "green",
    "~": "yellow",
    "-": "red",
    "=": "cyan",
    "better": "green",
    "passed": "green",
    "in sync": "green",
    "applied": "green",
    "worse": "red",
    parts.BREAKS: "bold red",
    "failed": "bold red",
    "refused": "bold red",
    "allowed": "yellow",
    "drift": "red",
    "waived": "yellow",
    "warned": "yellow",
    "pending": "yellow",
    "not attempted": "yellow",
}


def plan(proposal: Proposal, console: Console) -> None:
    """A plan with its evidence; a refusal is the last line, next to the prompt."""
    console.print(Text(wording.headline(proposal.plan), style="bold"))
    model = None
    for exhibit in proposal.exhibits:
        if exhibit.change.model != model:
            model = exhibit.change.model
            console.print(Text(f"\n{model}", style="bold"))
        _exhibit(exhibit, console)
    for result, said, how in wording.objections(proposal):
        style = _STYLES[result]
        line = Text.assemble("\nguard ", (result, style), f"  {said}")
        console.print(line.append(f"  [{how}]" if how else "", style="dim"), soft_wrap=True)
    if proposal.refused:
        console.print(Text(f"\n{wording.refusal(proposal)}", style="bold red"), soft_wrap=True)


def _exhibit(exhibit: Exhibit, console: Console) -> None:
    change = exhibit.change
    sign = wording.SIGNS[change.action]
    line = Text.assemble((f"  {sign} ", _STYLES[sign]), f"{change.stage}: {wording.move(change)}")
    if remarks := wording.remarks(change):
        line.append(f"  [{'; '.join(remarks)}]", style="yellow")
    if change.where is not None:
        line.append(f"  ({change.where.file}:{change.where.line})", style="dim")
    console.print(line, soft_wrap=True)
    if exhibit.verdicts:
        rows = [[v.result.value, v.rule, v.expected, v.actual] for v in exhibit.verdicts]
        _print(["gate", "rule", "expected", "actual"], rows, console)
    if found := exhibit.comparison:
        comparison(found, console, indent=6)


def comparison(found: Comparison, console: Console, *, indent: int = 0) -> None:
    """What is known of two versions: warnings first, then words and tables."""

    def say(words: Text) -> None:
        console.print(Padding(words, (0, 0, 0, indent), expand=False))

    for warning in found.warnings:
        say(Text(f"warning: {words.plain(warning)}", style="yellow"))
    for part in parts.comparison_parts(found, full=False):
        if part.words:
            say(Text(words.plain(part.words)))
        _print(part.header, part.rows, console, indent)


def _print(
    header: Sequence[str], rows: Sequence[Sequence[object]], console: Console, indent: int = 6
) -> None:
    if rows:
        console.print(Padding(table(header, rows), (0, 0, 0, indent), expand=False))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table without lines; cells that are a known word get its colour."""
    made = Table(box=None, pad_edge=False, header_style="dim")
    for title in header:
        made.add_column(Text(words.plain(title)), overflow="fold")
    for row in rows:
        cells = map(words.plain, row)
        made.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
    return made


def outcomes(proposal: Proposal, done: Sequence[Outcome], console: Console) -> None:
    """The plan, then what became of each change."""
    if not done:
        return
    rows = [
        [o.status.value, o.change.model, o.change.stage, wording.move(o.change), o.reason]
        for o in done
    ]
    console.print(Text(f"\nApplied from {proposal.desired.file}", style="bold"))
    _print(["outcome", "model", "stage", "version", "reason"], rows, console, indent=2)


def status(stages: Iterable[StageStatus], console: Console) -> None:
    """The state of every stage."""
    console.print(table(STATUS_HEADER, (status_row(stage) for stage in stages)))


def trained(versions: Sequence[Trained], console: Console) -> None:
    """The versions that were trained."""
    if not versions:
        console.print("Nothing to train: the registry has a version for every recipe.")
        return
    rows = [
        [
            version.model,
            str(version.number),
            *(f"{name} {value:.6g}" for name, value in _tests(version)),
        ]
        for version in versions
    ]
    for row in rows:
        console.print("  ".join(row), soft_wrap=True)


def _tests(version: Trained) -> list[tuple[str, float]]:
    return [item for item in version.metrics.items() if item[0].startswith("test_")]
