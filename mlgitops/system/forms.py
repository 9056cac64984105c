"""Files of JSON that one command leaves for another, each of a form that pydantic checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from mlgitops.system import files

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import TypeAdapter

Form = TypeVar("Form")
_MAX_BYTES = 64 * 1024 * 1024


def write(path: Path, form: TypeAdapter[Form], document: Form) -> None:
    """Write a document.

    Raises:
        FileWriteError: it cannot be written; the old file is as it was.
    """
    files.write_text(path, form.dump_json(document, indent=2).decode() + "\n")


def read_bytes(path: Path) -> bytes:
    """What a file holds that may be a document.

    Raises:
        OSError: it cannot be read, or is too large.
    """
    return files.read_bytes(path, limit=_MAX_BYTES)


def read(path: Path, form: TypeAdapter[Form], *, strict: bool = True) -> Form:
    """What `write` wrote.

    Args:
        path: the file.
        form: what it must be.
        strict: whether values must have the very types of the form.

    Raises:
        OSError: as `read_bytes`.
        pydantic.ValidationError: it is not of this form.
    """
    return form.validate_json(read_bytes(path), strict=strict or None)
