"""What a smoke test found: a table for people, JUnit's XML for CI systems. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mlgitops import words
from mlgitops.core.guards import how_to_allow
from mlgitops.core.permissions import Guard
from mlgitops.report import markdown, parts
from mlgitops.serve.smoke import ProbeResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.core.proof import Proof
    from mlgitops.image.prove import Proven
    from mlgitops.serve.smoke import Report

REFUSED = (
    "apply --proof does not promote a version whose image failed; to allow it, "
    f"{how_to_allow(Guard.IMAGE_PROOF)}"
)
_HEADER = ("result", "request", "expected", "actual", "ms")


def _rows(report: Report) -> list[list[str]]:
    return [
        [c.outcome.value, c.request, c.expected, c.actual, f"{c.milliseconds:.1f}"]
        for c in report.checks
    ]


def shown(report: Report) -> parts.Report:
    """A table, and the result in one line."""
    table = parts.Part(header=_HEADER, rows=_rows(report))
    return parts.Report(parts=[table], result=report.summary, failed=bool(report.failed))


def untested(proof: Proof) -> str:
    """Why the image of a version could not be tested, on one line."""
    return f"{proof.model} {proof.version} could not be tested: {words.one_line(proof.why)}"


def proven(found: Iterable[Proven]) -> str:
    """Each result in one line that opens to the table, where GitHub shows Markdown."""
    found = tuple(found)
    said = [] if all(one.proof.passed for one in found) else [f"**{markdown.escaped(REFUSED)}**\n"]
    for one in found:
        if one.report is None:
            said.append(markdown.failed([untested(one.proof)]))
        else:
            table = markdown.table(_HEADER, _rows(one.report))
            said.append(f"{markdown.details(one.report.summary, table)}\n")
    return "\n".join(said)


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
