"""Markdown for GitHub: job summaries and comments."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from mlgitops import words
from mlgitops.errors import located
from mlgitops.report import comparison, tables, wording
from mlgitops.report.parts import LONG, Code, Link
from mlgitops.system import secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlgitops.core.apply import Outcome
    from mlgitops.core.record import Recorded
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal
    from mlgitops.report.origin import Origin
    from mlgitops.report.parts import Part, Report

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~@!&])")
_ADDRESS = ":/?#[]@!$&'*+,;=%~"  # what may stand in one, but for what would end a link
# what GitHub makes of text after it has rendered Markdown, whatever was escaped there: mentions,
# issues, addresses, e-mail, emoji (of numbers, 100 and 1234). docs.github.com, "Autolinked
# references and URLs"
_ACTIVE = re.compile(
    r"@(?=\S)|\#(?=\d)|\bGH-(?=\d)|:(?=//)|www(?=\.)|:(?=100:|1234:|\d*[^\W\d]|\d*[+-])(?=[\w+-]+:)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[0-9A-Za-z_.+-]{7,}")
_COMMIT = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{7,40}(?![0-9A-Za-z])")
_BREAK = "\u200b"  # a zero-width space, which no plain text holds
_TAG = re.compile(r"</?(?:code|span)>")
CHANGES = ("", "model", "stage", "version", "gates", "remarks")
_FEW = 5  # changes whose verdicts and metrics are all seen at once
_ITEM = re.compile(r"^(\d{0,9})([-+.)])")  # what may begin a list


def escaped(text: object) -> str:
    """Text that shows as it is: no markup, mention, link or line break; a commit is code."""
    return "".join(f"`{one}`" if code else _marked_up(one) for code, one in _parts(text))


def block(text: object) -> str:
    """The same where a block begins."""
    return _ITEM.sub(r"\1\\\2", escaped(text))


def unlinked(text: object) -> str:
    """One line for where there is no markup, such as titles: GitHub finds mentions there, too."""
    return _broken(_line(text))


def _line(text: object) -> str:
    return " ".join(words.plain(secrets.hidden(str(text))).split())


def _broken(text: str) -> str:
    return _ACTIVE.sub(rf"\g<0>{_BREAK}", text)


def _parts(text: object) -> Iterator[tuple[bool, str]]:
    """A text on one line, divided into words that GitHub takes for commits, and all else."""
    line, begin = _line(text), 0
    for word in _WORD.finditer(line) if _COMMIT.search(line) else ():
        if _COMMIT.search(word[0]):
            yield False, line[begin : word.start()]
            yield True, word[0]
            begin = word.end()
    yield False, line[begin:]


def _marked_up(text: str) -> str:
    return _inert(_SPECIAL.sub(r"\\\1", _broken(text)))


def _inert(text: str) -> str:
    """Breaks as HTML writes them; GitHub's documentation on how not to begin a formula."""
    return text.replace(_BREAK, "&#8203;").replace("$", "<span>$</span>")


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
        return _code(cell)
    if isinstance(cell, Link) and cell.url.startswith(("https://", "http://")):
        return f"[{escaped(cell.text)}]({quote(cell.url, safe=_ADDRESS)})"
    return escaped(cell)


def _code(text: str) -> str:
    """A span of code; text that could end it, or the cell that it stands in, is none."""
    line = _line(text)
    return escaped(line) if not line or "`" in line or "|" in line else f"`{line}`"


def details(summary: str, body: str) -> str:
    """A line that opens to a body; GitHub shows tables in it because of the empty lines."""
    line = "".join(
        f"<code>{one}</code>" if code else _inert(html.escape(_broken(one), quote=False))
        for code, one in _parts(summary)
    )
    return f"<details><summary>{line}</summary>\n\n{body}\n\n</details>"


def summary_of(line: str) -> str:
    """The text of such a line, as it was before."""
    return html.unescape(_TAG.sub("", line)).replace(_BREAK, "")


def plan(
    proposal: Proposal,
    done: Iterable[Outcome] = (),
    recorded: Recorded | None = None,
    origin: Origin | None = None,
) -> str:
    """A plan with its evidence, and what became of it, ordered so that its end may be cut off.

    A refusal or what was applied is the first line, refused changes come first, and what is long is
    folded.
    """
    done = tuple(done)
    said = [escaped(wording.refused_first(proposal))] if proposal.refused else []
    said += [f"**{escaped(wording.applied(done))}**"] if done else []
    said.append(f"**{escaped(wording.headline(proposal.plan))}**")
    said += [escaped(scope) for scope in (wording.scope(proposal),) if scope]
    if origin:
        said.append(" · ".join(f"{name} {_cell(fact)}" for name, fact in origin.facts))
    said += [f"**Warning:** {escaped(problem)}" for problem in proposal.warnings]
    exhibits = sorted(proposal.exhibits, key=lambda exhibit: not exhibit.refused)
    if exhibits:
        said.append(table(CHANGES, (_row(exhibit) for exhibit in exhibits)))
    problems = [*proposal.unclear, *(p for exhibit in exhibits for p in exhibit.problems)]
    if problems:
        rows = ([one.model, one.stage, located(one.where, one.message)] for one in problems)
        said.append(table(["model", "stage", "cannot be applied"], rows))
    if objections := sorted(wording.objections(proposal), key=lambda row: row[0] != "refused"):
        said.append(table(["guard", "reason", "to allow it"], objections))
    said += _blocks(tables.outcomes(proposal, done, recorded).parts)
    few = len(exhibits) <= _FEW
    said += [text for exhibit in exhibits for text in _first(exhibit, few)]
    warnings = [row for exhibit in exhibits for row in _warnings(exhibit)]
    if warnings:
        said.append(table(["model", "stage", "warning"], warnings))
    said += [folded for exhibit in exhibits if (folded := _details(exhibit, few))]
    return "\n\n".join(said) + "\n"


def failed(lines: Iterable[str]) -> str:
    """Why there is nothing to report."""
    return "".join(f"Error: {escaped(line)}\n\n" for line in lines)


def _row(exhibit: Exhibit) -> list[str]:
    change = exhibit.change
    sign, gates = wording.SIGNS[change.action], _gates(exhibit) or "none"
    remarks = wording.remarked(exhibit)
    if warnings := _warnings(exhibit):
        remarks.append(words.count(len(warnings), "warning"))
    return [sign, change.model, change.stage, wording.versions(change), gates, "; ".join(remarks)]


def _gates(exhibit: Exhibit) -> str:
    results = [verdict.result.value for verdict in exhibit.verdicts]
    return ", ".join(f"{results.count(r)} {r}" for r in dict.fromkeys(results))


def _title(exhibit: Exhibit) -> str:
    change = exhibit.change
    return f"{change.model} {change.stage}: {wording.versions(change)}"


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


def _first(exhibit: Exhibit, few: bool) -> Iterator[str]:
    """What a reviewer asks first: the verdicts; of few changes, the metrics that they rest on."""
    if not (few or _loud(exhibit)):
        return
    found, rules = exhibit.comparison, [verdict.rule for verdict in exhibit.verdicts]
    said = [_verdicts(exhibit)] if rules else []
    said += _blocks([comparison.telling(found, rules)]) if found and few else []
    if said:
        yield from (f"### {escaped(_title(exhibit))}{_next(exhibit)}", *said)


def _next(exhibit: Exhibit) -> str:
    """Where a change that gates refuse is declared, and what to do; a line of its own."""
    said = located(exhibit.change.where, wording.how_to_meet(exhibit.failed))
    return f"\n{block(said)}" if exhibit.failed else ""


def _details(exhibit: Exhibit, few: bool) -> str:
    """The evidence, and the verdicts where they are not seen at once."""
    found = exhibit.comparison
    seen = few or _loud(exhibit)
    said = [_verdicts(exhibit)] if exhibit.verdicts and not seen else []
    said += _folded(comparison.parts(found)) if found else []
    summary = " · ".join(filter(None, (_title(exhibit), _gates(exhibit))))
    return details(summary, "\n\n".join(said)) if said else ""


def _folded(shown: Iterable[Part]) -> Iterator[str]:
    """Parts in short; what is long, or says little, opens."""
    for part in shown:
        rows, rest = part.divided
        name = part.header[0] if part.header else ""
        long = len(rows) > LONG and not rest
        yield from _blocks([replace(part, rows=() if long else rows)])
        if long:
            yield details(f"{name}: {len(rows)}", table(part.header, rows))
        if rest:
            yield details(f"{name}: {len(rest)} more", table(part.header, rest))


def report(shown: Report) -> str:
    """A report; what a test came to is the first line, and nothing is folded."""
    said = [f"**{escaped(line)}**" for line in (shown.title, shown.result) if line]
    said += [f"**Warning:** {escaped(warning)}" for warning in shown.warnings]
    return "\n\n".join([*said, *_blocks(shown.parts)]) + "\n"


def _blocks(shown: Iterable[Part]) -> Iterator[str]:
    for part in shown:
        yield from (block(line) for line in (part.title, part.words) if line)
        if part.rows:
            yield table(part.header, part.rows)
