"""report.schema.json: every kind of document, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from mlgitops.report.schema.comparison import Compare
from mlgitops.report.schema.doctor import Doctor
from mlgitops.report.schema.plans import (
    Apply,
    Error,
    GatesTry,
    History,
    Plan,
    StatusReport,
    Train,
    UnusedReport,
    Validate,
)
from mlgitops.report.schema.records import Records
from mlgitops.report.schema.serving import Deploy, DeployPlan, Image, Scan, Smoke

Document = Annotated[
    Plan
    | Apply
    | Compare
    | StatusReport
    | History
    | Records
    | Train
    | UnusedReport
    | Validate
    | Error
    | GatesTry
    | Smoke
    | Image
    | Scan
    | Deploy
    | DeployPlan
    | Doctor,
    Field(discriminator="kind"),
]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of every document that `--format json` prints."""
    schema = TypeAdapter[Any](Document).json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mlgitops reports",
        **schema,
    }
