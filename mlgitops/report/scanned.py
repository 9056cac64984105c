"""What a scan found in an image: tables for people, JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from mlgitops.image.scan.licences import UNKNOWN
from mlgitops.report import markdown as md
from mlgitops.report import text as plain
from mlgitops.words import NONE, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from mlgitops.image.scan import Scan
    from mlgitops.image.scan.values import Leak

_PLACE = ("layer", "path", "line", "kind")
Rows = list[list[str]]


def text(scan: Scan, console: Console) -> None:
    """The tables, then the result in one line."""
    for title, header, rows in _tables(scan):
        console.print(Text(f"\n{title}", style="bold"))
        console.print(plain.table(header, rows))
    style = "bold red" if scan.failed else "bold green"
    console.print(Text(f"\n{scan.summary}", style=style))


def markdown(scan: Scan) -> str:
    """The result in one line, then the tables."""
    tables = [f"\n{title}\n\n{md.table(header, rows)}\n" for title, header, rows in _tables(scan)]
    return f"**{md.escaped(scan.summary)}**\n{''.join(tables)}"


def _tables(scan: Scan) -> Iterator[tuple[str, Sequence[str], Rows]]:
    """Title, header and rows of each table that has something to say."""
    checks = [[c.outcome.value, c.check, c.found] for c in scan.checks]
    yield "Checks", ("result", "check", "found"), checks
    licences = scan.licences
    counted = [
        [str(len(names)), name, ", ".join(names) if name == UNKNOWN else listed(names)]
        for name, names in licences.items()
    ]
    yield "Licences", ("packages", "licence", ""), counted
    if scan.audit.found:
        header = ("package", "version", "vulnerability", "also known as", "fixed in")
        rows = [
            [v.package, v.version, v.identity, ", ".join(v.aliases), ", ".join(v.fixed) or NONE]
            for v in scan.audit.found
        ]
        yield "Known vulnerabilities", header, rows
    if scan.search.leaks:
        yield "Secrets", _PLACE, [_place(leak) for leak in scan.search.leaks]
    if scan.search.published:
        rows = [[*_place(leak), leak.published or NONE] for leak in scan.search.published]
        yield "Secrets that packages publish", (*_PLACE, "package"), rows


def _place(leak: Leak) -> list[str]:
    return [leak.layer, leak.path, str(leak.line), leak.kind]
