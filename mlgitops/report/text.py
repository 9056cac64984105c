"""Text for people at a terminal, and for what reads it line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.report import comparison, tables, wording
from mlgitops.report.parts import Report, gates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlgitops.core.apply import Outcome
    from mlgitops.core.record import Recorded
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal
    from mlgitops.report.screen import Screen

STYLES = {
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
    "half done": "bold red",
    "refused": "bold red",
    "allowed": "yellow",
    "drift": "red",
    "waived": "yellow",
    "warned": "yellow",
    "pending": "yellow",
    "not attempted": "yellow",
}


def plan(
    proposal: Proposal,
    screen: Screen,
    done: Sequence[Outcome] = (),
    recorded: Recorded | None = None,
) -> None:
    """A plan with its evidence, and what became of it; a refusal is the last line."""
    screen.line((wording.headline(proposal.plan), "bold"))
    if scope := wording.scope(proposal):
        screen.line((scope, ""))
    for warning in proposal.warnings:
        screen.line((f"warning: {warning}", "yellow"), wrap=False)
    model = None
    for exhibit in proposal.exhibits:
        if exhibit.change.model != model:
            model = exhibit.change.model
            screen.line()
            screen.line((model, "bold"))
        _exhibit(exhibit, screen)
    for result, said, how in wording.objections(proposal):
        screen.line()
        screen.line(
            ("guard ", ""),
            (result, STYLES[result]),
            (f"  {said}", ""),
            (f"  [{how}]" if how else "", "dim"),
            wrap=False,
        )
    if proposal.refused:
        screen.line()
        screen.line((wording.refusal(proposal), "bold red"), wrap=False)
    _body(tables.outcomes(proposal, done, recorded), screen)


def _exhibit(exhibit: Exhibit, screen: Screen) -> None:
    change = exhibit.change
    sign, remarks, where = wording.SIGNS[change.action], wording.remarks(exhibit), change.where
    place = f"{where.file}:{where.line}" if where else ""
    aside = ", ".join(filter(None, (place, wording.way_back(exhibit))))
    screen.line(
        (f"  {sign} ", STYLES[sign]),
        (f"{change.stage}: {wording.versions(change)}", ""),
        (f"  [{'; '.join(remarks)}]" if remarks else "", "yellow"),
        (f"  ({aside})" if aside else "", "dim"),
        wrap=False,
    )
    for problem in exhibit.problems:
        screen.line((f"      refused: {problem.message}", STYLES["refused"]))
    if exhibit.verdicts:
        _body(Report(parts=[gates(exhibit.verdicts)]), screen, indent=6)
    if exhibit.comparison:
        _body(comparison.report(exhibit.comparison), screen, indent=6)


def report(shown: Report, screen: Screen) -> None:
    """A report; what a test came to is the last line, next to the prompt."""
    if shown.title:
        screen.line((shown.title, "bold"))
    _body(shown, screen)
    if shown.result:
        screen.line()
        screen.line((shown.result, "bold red" if shown.failed else "bold green"))


def _body(shown: Report, screen: Screen, indent: int = 0) -> None:
    """Warnings first, then words and tables."""
    for warning in shown.warnings:
        screen.line((f"warning: {warning}", "yellow"), indent=indent)
    for part in shown.parts:
        if part.title:
            screen.line()
            screen.line((part.title, "bold"), indent=indent)
        if part.words:
            screen.line((part.words, ""), indent=indent)
        rows = part.rows if part.brief is None else part.brief
        if rows:
            screen.table(part.header, [list(map(str, row)) for row in rows], indent=indent)
