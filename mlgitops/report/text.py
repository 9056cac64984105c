"""Text for people at a terminal, and for what reads it line by line."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from mlgitops.core.gate import Result
from mlgitops.report import comparison, tables, wording
from mlgitops.report.parts import Report, gates
from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

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

_MOST = 20  # changes whose evidence can be read on a terminal
_BRIEF = (
    "The evidence of so many changes, and the gates that they pass, are on the page that "
    "`--report plan.html` writes; `mlgitops plan MODEL` shows those of one model."
)


def plan(
    proposal: Proposal,
    screen: Screen,
    done: Sequence[Outcome] = (),
    recorded: Recorded | None = None,
    *,
    only: Collection[str] = wording.STATES,
) -> None:
    """A plan with its evidence, and what became of it; what it comes to is at the end.

    Args:
        proposal: the plan.
        screen: where it goes.
        done: what became of its changes.
        recorded: where that is recorded.
        only: the states, of `wording.STATES`, of the changes that are shown; all are counted.
    """
    _head(proposal, screen)
    shown = [one for one in proposal.exhibits if not wording.states(one).isdisjoint(only)]
    brief = len(shown) > _MOST
    if proposal.exhibits and not shown:
        screen.line((f"No change is {' or '.join(only)}.", ""))
        screen.line()
    for model, exhibits in groupby(shown, key=lambda one: one.change.model):
        screen.line((model, "bold"))
        for exhibit in exhibits:
            _exhibit(exhibit, screen, brief=brief)
        screen.line()
    if brief:
        screen.line((_BRIEF, "dim"))
        screen.line()
    if left := len(proposal.exhibits) - len(shown):
        said = f"{count(left, 'change')} in other states: to see them, run without --only."
        screen.line((said, "dim"))
        screen.line()
    for result, said, how in wording.objections(proposal):
        screen.line(
            ("guard ", ""),
            (result, STYLES[result]),
            (f"  {said}", ""),
            (f"  [{how}]" if how else "", "dim"),
            wrap=False,
        )
        screen.line()
    for problem in proposal.unclear:
        screen.line((f"refused: {problem}", STYLES["refused"]), wrap=False)
        screen.line()
    screen.line((wording.headline(proposal.plan), "bold"))
    if proposal.refused:
        screen.line((wording.refused_by(proposal), "bold red"))
    _body(tables.outcomes(proposal, done, recorded), screen)
    if done:
        screen.line()
        screen.line((wording.applied(done), "bold"))


def _head(proposal: Proposal, screen: Screen) -> None:
    scope = wording.scope(proposal)
    if scope:
        screen.line((scope, ""))
    for warning in proposal.warnings:
        screen.line((f"warning: {warning}", "yellow"), wrap=False)
    if proposal.exhibits and (scope or proposal.warnings):
        screen.line()


def _exhibit(exhibit: Exhibit, screen: Screen, *, brief: bool) -> None:
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
    passed = Result.PASSED if brief else None
    if verdicts := [one for one in exhibit.verdicts if one.result is not passed]:
        _body(Report(parts=[gates(verdicts)]), screen, indent=6)
    if exhibit.comparison and not brief:
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
