"""The smoke test's result: a table for people, JSON for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from modelops.report.markdown import escaped
from modelops.report.markdown import table as markdown_table
from modelops.report.text import table

if TYPE_CHECKING:
    from rich.console import Console

    from modelops.serving.smoke import Report

_HEADER = ("result", "request", "expected", "actual", "ms")


def _rows(report: Report) -> list[list[str]]:
    return [
        [c.outcome.value, c.request, c.expected, c.actual, f"{c.milliseconds:.1f}"]
        for c in report.checks
    ]


def text(report: Report, console: Console) -> None:
    """A table, then the result in one line."""
    console.print(table(_HEADER, _rows(report)))
    console.print(Text(report.summary, style="bold red" if report.failed else "bold green"))


def markdown(report: Report) -> str:
    """The result in one line, then a table."""
    return f"**{escaped(report.summary)}**\n\n{markdown_table(_HEADER, _rows(report))}\n"


def document(report: Report) -> dict[str, Any]:
    """Everything, as plain data."""
    return {
        "version": 1,
        "kind": "smoke",
        "url": report.url,
        "model_uri": report.model_uri,
        "passed": not report.failed,
        "checks": [{**asdict(check), "outcome": check.outcome.value} for check in report.checks],
    }
