"""The form of what `mlgitops doctor` reports."""

from __future__ import annotations

from typing import Literal

from mlgitops.report.schema.form import Form, Words


class Finding(Form):
    """One line."""

    area: str
    check: str
    verdict: Literal["passed", "failed", "not checkable from here"]
    found: str
    remedy: Words


class Doctor(Form):
    """`mlgitops doctor`."""

    version: Literal[1] = 1
    kind: Literal["doctor"] = "doctor"
    passed: bool
    findings: list[Finding]
