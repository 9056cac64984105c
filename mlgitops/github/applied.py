"""What the report of an apply says that failed: `apply --report FILE.json`, read back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from mlgitops.errors import GitHubError
from mlgitops.system import files

if TYPE_CHECKING:
    from pathlib import Path

_FAILED = ("failed", "half done")
_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What is read of an outcome."""

    model: str
    stage: str
    new: int | None
    status: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Applied:
    kind: Literal["apply", "error"]
    outcomes: tuple[Change, ...] = ()


_FORM = TypeAdapter(_Applied)


def failures(applied: Path) -> tuple[Change, ...]:
    """What failed, of the report that `apply` wrote; nothing where it wrote none.

    Raises:
        GitHubError: it is not a report of an apply.
    """
    try:
        document = _FORM.validate_json(files.read_bytes(applied, limit=_MAX_BYTES), strict=True)
    except FileNotFoundError:
        return ()  # the apply never ran, or was cut off
    except OSError as error:
        raise GitHubError(f"cannot read {applied}: {error.strerror}") from error
    except ValidationError as error:
        raise GitHubError(f"{applied} is not a report from `mlgitops apply`") from error
    return tuple(one for one in document.outcomes if one.status in _FAILED)
