"""What checks of pull requests measured, as a file: `github verdicts` leaves it for Apply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from mlgitops.core.measured import Measured  # noqa: TC001 - files are checked against it
from mlgitops.errors import CheckedFileError
from mlgitops.system import forms

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class _CheckedFile:
    """The form of the file; `version` counts changes that break readers."""

    kind: Literal["mlgitops verdicts"] = "mlgitops verdicts"
    version: Literal[1] = 1
    measured: tuple[Measured, ...]


_FORM = TypeAdapter(_CheckedFile)


def write(path: Path, measured: Iterable[Measured]) -> None:
    """Write what was measured.

    Raises:
        FileWriteError: the file cannot be written.
    """
    document = _CheckedFile(measured=tuple(measured))
    forms.write(path, _FORM, document)


def read(path: Path) -> tuple[Measured, ...]:
    """What `write` wrote.

    Raises:
        CheckedFileError: the file is missing, or not one of `write`.
    """
    try:
        return forms.read(path, _FORM).measured
    except OSError as error:
        raise CheckedFileError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise CheckedFileError(
            f"{path} does not say what checks measured; `mlgitops github verdicts` writes it"
        ) from error
