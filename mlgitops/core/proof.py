"""What the tests of serving images came to, version by version. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mlgitops.words import one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What the test of the image of a version came to; `why` says why it did not pass."""

    model: str
    version: int
    passed: bool
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
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
        for proof in self.tested:
            if (proof.model, proof.version) == (model, version):
                return "" if proof.passed else f"its image failed: {one_line(proof.why)}"
        return self.absent
