"""The published form of reports, which tests hold every report against."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FILE = Path(__file__).parents[2] / "report.schema.json"


@cache
def validator(kind: str) -> Draft202012Validator:
    """What checks a document of one kind, and says of that kind alone what is wrong."""
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    part = schema["discriminator"]["mapping"][kind]
    return Draft202012Validator({"$ref": part, "$defs": schema["$defs"]})


def check(document: Any) -> None:
    """Fail if a document does not have the form of its kind."""
    validator(document["kind"]).validate(document)
