"""The gate on signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from mlgitops.core.gate import Need, verdict
from mlgitops.core.signature import breaking
from mlgitops.gates.form import GateForm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.gate import Case, Verdict


class SignatureGate(GateForm):
    """Callers of the version now in the stage must be able to call this one."""

    need: ClassVar[Need] = Need.SIGNATURE

    signature: Literal["compatible"]

    def judge(self, case: Case) -> Iterator[Verdict]:
        """Whether callers of the version now in the stage can call the new one."""
        rule, expected = "signature compatible", "a signature that callers of the stage can use"
        new, old = case.new.signature, case.old.signature if case.old else None
        if new is None:
            actual = f"version {case.new.number} has no signature"
            yield verdict(rule, False, expected, actual)
        elif old is None:
            none = "the current version has no signature" if case.old else "the stage is empty"
            yield verdict(rule, True, expected, none)
        else:
            breaks = breaking(old, new)
            yield verdict(rule, not breaks, expected, "; ".join(breaks) or "compatible")
