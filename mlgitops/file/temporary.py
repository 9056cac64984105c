"""The form of what holds for a while: freezes, and exceptions to guards."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from mlgitops.core.permissions import Guard
from mlgitops.gates.form import Form, Text
from mlgitops.words import moment


def _until(text: str) -> str:
    until(text)
    return text


def until(text: str) -> datetime:
    """The moment at which something ends: a day counts whole; in UTC, as a time without a zone.

    Raises:
        ValueError: the text is neither a date nor a time.
    """
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            return moment(text) + timedelta(days=1)
        return moment(text)
    except (ValueError, OverflowError):
        msg = f"must be a day such as 2026-12-24, or a time such as 2026-12-24T18:00Z; got {text!r}"
        raise ValueError(msg) from None


_Reason = Annotated[Text, Field(description="why; reports and records show it")]
Until = Annotated[
    str, AfterValidator(_until), Field(description="the last day, or a time; UTC by default")
]


class FreezeForm(Form):
    """No changes for a while, but for healing and rollbacks that are named as such."""

    reason: _Reason
    until: Until


_OF_FILE = tuple(guard.value for guard in Guard if guard is not Guard.STALE_PLAN)
_OF_MODEL = tuple(guard for guard in _OF_FILE if guard != Guard.MANY_CHANGES)


def _guard(names: tuple[str, ...], name: str) -> str:
    if name in names:
        return name
    if name in _OF_FILE:
        msg = f"{name!r} judges the plan as a whole; move the exception to the top of the file"
    elif name in tuple(Guard):
        msg = f"an exception cannot allow {name!r}; plan again instead"
    else:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the guards are {', '.join(names)}"
        msg = f"unknown guard {name[:60]!r}; {hint}"
    raise ValueError(msg)


def _guard_field(names: tuple[str, ...]) -> Any:
    return Field(json_schema_extra={"enum": list(names)})


class FileExceptionForm(Form):
    """What a guard refuses is allowed for a while, for all models."""

    guard: Annotated[str, AfterValidator(partial(_guard, _OF_FILE)), _guard_field(_OF_FILE)]
    reason: _Reason
    until: Until


class ModelExceptionForm(Form):
    """What a guard refuses is allowed for a while, for the model's own changes."""

    guard: Annotated[str, AfterValidator(partial(_guard, _OF_MODEL)), _guard_field(_OF_MODEL)]
    reason: _Reason
    until: Until
