"""A plan as a file: what was shown, so that apply can tell whether the registry has moved since."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlgitops.core.guards import Move, Shown, moves
from mlgitops.errors import PlanFileError

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.core.plan import Plan

_KIND, _VERSION = "mlgitops plan", 1
_MAX_BYTES = 16 * 1024 * 1024
_FORM = {"model": str, "stage": str, "action": str, "old": int | None, "new": int | None}


def fingerprint(file: Path) -> str:
    """The digest of a models.yaml, by which a plan knows the file that it was made of."""
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def write(path: Path, plan: Plan, digest: str) -> None:
    """Write what a plan is going to do."""
    document = {
        "kind": _KIND,
        "version": _VERSION,
        "digest": digest,
        "changes": [asdict(move) for move in sorted(moves(plan), key=str)],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def read(path: Path) -> Shown:
    """What `write` wrote.

    Raises:
        PlanFileError: the file is missing, or not one of `write`.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise PlanFileError(f"{path} is no plan: it is larger than {_MAX_BYTES >> 20} MiB")
        document = json.loads(path.read_text(encoding="utf-8"))
        if (document["kind"], document["version"]) != (_KIND, _VERSION):
            raise PlanFileError(f"{path} is no plan of this version of mlgitops; plan again")
        changes = frozenset(_move(entry) for entry in document["changes"])
        return Shown(changes=changes, digest=str(document["digest"]))
    except OSError as error:
        raise PlanFileError(f"{path} can not be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        message = f"{path} is no plan: `mlgitops plan --out FILE` writes one"
        raise PlanFileError(message) from error


def _move(entry: dict[str, Any]) -> Move:
    if entry.keys() != _FORM.keys() or not all(
        isinstance(entry[name], kind) for name, kind in _FORM.items()
    ):
        raise ValueError(entry)
    return Move(**entry)
