"""What the forms of documents are made of: read off the attributes of the value that is shown."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer


class Form(BaseModel):
    """A mapping of a document: no other keys than its fields, all of them always there."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,  # until it is used: most documents need one form of many
        from_attributes=True,
        json_schema_serialization_defaults_required=True,
    )

    def dumped(self) -> dict[str, Any]:
        """Plain data, ready for JSON; what tells a document's form comes first."""
        found = self.model_dump(mode="json")
        return {key: found[key] for key in ("version", "kind") if key in found} | found


def _finite(value: Any) -> Any:
    """JSON has no word for NaN and infinity: they become text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


Time = Annotated[datetime, PlainSerializer(datetime.isoformat, return_type=str)]
Number = Annotated[float | Literal["nan", "inf", "-inf"], BeforeValidator(_finite)]
# what the values leave empty is null in documents
Words = Annotated[str | None, BeforeValidator(lambda text: text or None)]
