"""Text for a terminal: colour where it is one, plain lines in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mlgitops import words
from mlgitops.report import comparison, tables, wording
from mlgitops.report.parts import Part, Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from mlgitops.core.apply import Outcome
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal
    from mlgitops.report.parts import Rows

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
    comparison.BREAKS: "bold red",
    "failed": "bold red",
    "refused": "bold red",
    "allowed": "yellow",
    "drift": "red",
    "waived": "yellow",
    "warned": "yellow",
    "pending": "yellow",
    "not attempted": "yellow",
}


def plan(proposal: Proposal, console: Console, done: Sequence[Outcome] = ()) -> None:
    """A plan with its evidence, and what became of it; a refusal is the last line."""
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
    _body(tables.outcomes(proposal, done), console)


def _exhibit(exhibit: Exhibit, console: Console) -> None:
    change = exhibit.change
    sign = wording.SIGNS[change.action]
    line = Text.assemble(
        (f"  {sign} ", _STYLES[sign]), f"{change.stage}: {wording.versions(change)}"
    )
    if remarks := wording.remarks(change):
        line.append(f"  [{'; '.join(remarks)}]", style="yellow")
    if change.where is not None:
        line.append(f"  ({change.where.file}:{change.where.line})", style="dim")
    console.print(line, soft_wrap=True)
    if exhibit.verdicts:
        rows = [[v.result.value, v.rule, v.expected, v.actual] for v in exhibit.verdicts]
        verdicts = Part(header=("gate", "rule", "expected", "actual"), rows=rows)
        _body(Report(parts=[verdicts]), console, indent=6)
    if exhibit.comparison:
        _body(comparison.report(exhibit.comparison), console, indent=6)


def report(shown: Report, console: Console) -> None:
    """A report; what a test came to is the last line, next to the prompt."""
    if shown.title:
        console.print(Text(words.plain(shown.title), style="bold"))
    _body(shown, console)
    if shown.result:
        style = "bold red" if shown.failed else "bold green"
        console.print(Text(f"\n{words.plain(shown.result)}", style=style))


def _body(shown: Report, console: Console, indent: int = 0) -> None:
    """Warnings first, then words and tables."""

    def say(line: Text | Table) -> None:
        console.print(Padding(line, (0, 0, 0, indent), expand=False))

    for warning in shown.warnings:
        say(Text(f"warning: {words.plain(warning)}", style="yellow"))
    for part in shown.parts:
        if part.title:
            say(Text(f"\n{words.plain(part.title)}", style="bold"))
        if part.words:
            say(Text(words.plain(part.words)))
        rows = part.rows if part.brief is None else part.brief
        if rows:
            say(_table(part.header, rows))


def _table(header: Sequence[str], rows: Rows) -> Table:
    """A table without lines; cells that are a known word get its colour."""
    made = Table(box=None, pad_edge=False, header_style="dim")
    for title in header:
        made.add_column(Text(words.plain(title)), overflow="fold")
    for row in rows:
        cells = map(words.plain, row)
        made.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
    return made
