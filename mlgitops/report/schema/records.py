"""The form of the records of applies, as `history --export` writes them."""

from __future__ import annotations

from typing import Literal

from mlgitops.report.schema.form import Form, Time, Words


class GateSaid(Form):
    """What a gate said of a change."""

    rule: str
    result: str
    expected: str
    actual: str


class GuardSaid(Form):
    """What a guard said of a change or of its plan; `allowed` is what and who did that."""

    guard: str
    reason: str
    allowed: Words


class RecordedChange(Form):
    """One change of one apply; times in ISO 8601."""

    time: Time
    record: str
    page: str | None
    model: str
    stage: str
    action: str
    old: int | None
    new: int | None
    outcome: str
    reason: Words
    gates: list[GateSaid]
    guards: list[GuardSaid]
    actor: str
    approvers: list[str]
    commit: str
    commit_reason: Words
    pull_request: str | None
    digest: str | None
    evaluation: str | None
    file: str
    owner: str
    registry: str
    mlgitops: str
    mlflow: Words


class Records(Form):
    """`mlgitops history --export FILE.json`: the applies between two times."""

    version: Literal[1] = 1
    kind: Literal["records"] = "records"
    since: Time
    until: Time
    changes: list[RecordedChange]
