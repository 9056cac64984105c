"""A plan as a file: what `plan` showed, for `apply --plan` to compare with and images to follow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from mlgitops.core.guards import Shown
from mlgitops.core.measured import Measured  # noqa: TC001 - files are checked against it
from mlgitops.core.plan import Plan  # noqa: TC001 - files are checked against it
from mlgitops.errors import PlanFileError
from mlgitops.system import forms

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class _PlanFile:
    """The form of the file; `version` counts changes that break readers."""

    kind: Literal["mlgitops plan"] = "mlgitops plan"
    version: Literal[4] = 4
    fingerprint: str
    plan: Plan
    refused: tuple[tuple[str, str], ...] = ()
    measured: tuple[Measured, ...] = ()


_FORM = TypeAdapter(_PlanFile)


def fingerprint(text: str) -> str:
    """The sha256 of a models.yaml, by which a plan knows the file that it was made of."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def write(path: Path, shown: Shown, measured: Iterable[Measured] = ()) -> None:
    """Write a plan: its changes in their order, each with all that `apply` needs.

    Args:
        path: the file.
        shown: the plan.
        measured: what gates said of versions that were loaded for them.

    Raises:
        FileWriteError: it cannot be written.
    """
    document = _PlanFile(
        fingerprint=shown.fingerprint,
        plan=shown.plan,
        refused=shown.refused,
        measured=tuple(measured),
    )
    forms.write(path, _FORM, document)


def read(path: Path) -> Shown:
    """What `write` wrote.

    Raises:
        PlanFileError: the file is missing, or not one of `write`.
    """
    try:
        document = _parsed(forms.read_bytes(path), str(path))
    except OSError as error:
        raise PlanFileError(f"cannot read {path}: {error.strerror}") from error
    return Shown(plan=document.plan, fingerprint=document.fingerprint, refused=document.refused)


def measured_in(content: bytes, name: str) -> tuple[Measured, ...]:
    """What gates said of versions that were loaded for them, in the content of a plan.

    Raises:
        PlanFileError: it is not one of `write`.
    """
    return _parsed(content, name).measured


def _parsed(content: bytes, name: str) -> _PlanFile:
    try:
        return _FORM.validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["loc"] == ("version",):
            message = f"{name} is not a plan of this version of mlgitops; plan again"
        else:
            message = f"{name} is not a plan; to write one, run `mlgitops plan --out FILE`"
        raise PlanFileError(message) from error
