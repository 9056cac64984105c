"""What the forms of models.yaml are made of: the strict mapping, and words that several use."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

# mlflow.utils.validation: alias names, their length, and the two reserved forms.
STAGE_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
RESERVED_ALIAS = re.compile(r"latest|v[0-9]+")


def _stage_name(name: str) -> str:
    if not STAGE_NAME.fullmatch(name):
        msg = (
            f"stage name {name!r} can not be an MLflow alias; "
            "use 1 to 255 letters, digits, '_' or '-'"
        )
        raise ValueError(msg)
    if RESERVED_ALIAS.fullmatch(name.lower()):
        msg = f"stage name {name!r} is reserved by MLflow; choose another than 'latest' and 'v1'"
        raise ValueError(msg)
    return name


StageName = Annotated[str, AfterValidator(_stage_name)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(min_length=1)]


class Form(BaseModel):
    """A mapping of models.yaml: no unknown keys, no conversions between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
