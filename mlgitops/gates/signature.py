"""The gate on signatures, and what breaks callers of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.gate import verdict
from mlgitops.core.signature import breaking

if TYPE_CHECKING:
    from mlgitops.core.gate import Case, Verdict


def compatible(case: Case) -> Verdict:
    """Whether callers of the present version can call the new one."""
    rule, expected = "signature compatible", "a signature that callers of the stage can use"
    new = case.new.signature
    if new is None:
        return verdict(rule, False, expected, f"version {case.new.number} has no signature")
    if case.old is None or case.old.signature is None:
        return verdict(rule, True, expected, "no present signature to be compatible with")
    breaks = breaking(case.old.signature, new)
    return verdict(rule, not breaks, expected, "; ".join(breaks) or "compatible")
