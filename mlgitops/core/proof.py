"""What the tests of serving images came to, version by version. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.core.version import VersionKey


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What the test of the image of a version came to; `why` says why it did not pass."""

    model: str
    version: int
    passed: bool
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Proofs:
    """The proofs that an apply is given.

    Attributes:
        tested: each version once.
        absent: what is to be said of a version that is not among them.
    """

    tested: tuple[Proof, ...] = ()
    absent: str = "its image was not tested"

    def against(self, model: str, version: int) -> str:
        """What speaks against a version, on one line; empty if its image passed."""
        proof = self._by_version.get((model, version))
        if proof is None:
            return self.absent
        return "" if proof.passed else f"its image failed: {one_line(proof.why)}"

    @cached_property
    def _by_version(self) -> Mapping[VersionKey, Proof]:
        return {(proof.model, proof.version): proof for proof in self.tested}
