"""The smoke test's result: a table for people, JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from rich.text import Text

from mlgitops.report.markdown import details, escaped
from mlgitops.report.markdown import table as markdown_table
from mlgitops.report.text import table
from mlgitops.serve.smoke import ProbeResult

if TYPE_CHECKING:
    from rich.console import Console

    from mlgitops.serve.smoke import Report

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


def folded(report: Report) -> str:
    """The result in one line that opens to the table, where GitHub shows Markdown."""
    return f"{details(report.summary, markdown_table(_HEADER, _rows(report)))}\n"


def junit(report: Report) -> str:
    """JUnit's XML, which most CI systems show: one test case for each check."""
    counts = {"tests": str(len(report.checks)), "failures": str(len(report.failed))}
    suite = ET.Element("testsuite", {"name": report.model_uri, **counts})
    for check in report.checks:
        seconds = f"{check.milliseconds / 1000:.4f}"
        case = ET.SubElement(suite, "testcase", name=check.request, time=seconds)
        if check.outcome is ProbeResult.FAILED:
            message = f"expected {check.expected}, got {check.actual}"
            ET.SubElement(case, "failure", message=message)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
