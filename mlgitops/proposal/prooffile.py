"""Proofs as a file: what `image prove` found, for `apply --proof` to judge by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from mlgitops.core.proof import Proof, Proofs
from mlgitops.system import forms

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class _ProofFile:
    """The form of the file; `version` counts changes that break readers."""

    kind: Literal["mlgitops proof"] = "mlgitops proof"
    version: Literal[1] = 1
    images: tuple[Proof, ...]


_FORM = TypeAdapter(_ProofFile)


def write(path: Path, proofs: Iterable[Proof]) -> None:
    """Write proofs.

    Raises:
        FileWriteError: the file cannot be written.
    """
    document = _ProofFile(images=tuple(proofs))
    forms.write(path, _FORM, document)


def read(path: Path) -> Proofs:
    """What `write` wrote.

    A file that is missing or broken proves nothing; it is no error, since a rollback needs no
    proof.
    """
    try:
        document = forms.read(path, _FORM)
    except OSError as error:
        return Proofs(absent=f"its image was not tested: cannot read {path}: {error.strerror}")
    except ValidationError:
        return Proofs(absent=f"its image was not tested: {path} is not from `image prove --out`")
    return Proofs(tested=document.images)
