"""report.schema.json: every kind of document, told apart by `kind`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from mlgitops.report.schema.comparison import Compare
from mlgitops.report.schema.plans import Apply, Error, History, Plan, StatusReport, Train, Validate
from mlgitops.report.schema.serving import Deployments, Image, Scan, Smoke

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core.core_schema import TypedDictSchema

Document = Annotated[
    Plan
    | Apply
    | Compare
    | StatusReport
    | History
    | Train
    | Validate
    | Error
    | Smoke
    | Image
    | Scan
    | Deployments,
    Field(discriminator="kind"),
]


class _Strict(GenerateJsonSchema):
    """No other keys than those that are named."""

    def typed_dict_schema(self, schema: TypedDictSchema) -> JsonSchemaValue:
        return {**super().typed_dict_schema(schema), "additionalProperties": False}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of every document that `--format json` prints."""
    schema = TypeAdapter[Any](Document).json_schema(mode="serialization", schema_generator=_Strict)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mlgitops reports",
        **schema,
    }
