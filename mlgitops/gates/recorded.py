"""Gates on what is recorded of a version besides its metrics: data sets and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.gate import verdict

if TYPE_CHECKING:
    from mlgitops.core.desired import SameDatasetGate, TagGate
    from mlgitops.core.gate import Case, Verdict
    from mlgitops.core.version import Version


def same_dataset(gate: SameDatasetGate, case: Case) -> Verdict:
    """Whether both versions were evaluated on the same data: by name and digest."""
    rule, new = f"same_dataset {gate.context}", _used(case.new, gate.context)
    if case.old is None:
        expected = "recorded; the stage is empty, there is nothing to be the same as"
        return verdict(rule, bool(new), expected, _listed(new))
    old = _used(case.old, gate.context)
    if not old:
        expected = f"version {case.old.number} has no {gate.context} data set to compare with"
        return verdict(rule, False, expected, _listed(new))
    return verdict(rule, new == old, f"{_listed(old)}, as version {case.old.number}", _listed(new))


def _used(version: Version, context: str) -> frozenset[tuple[str, str]]:
    return frozenset((use.name, use.digest) for use in version.datasets if use.context == context)


def _listed(used: frozenset[tuple[str, str]]) -> str:
    return ", ".join(f"{name} (digest {digest})" for name, digest in sorted(used)) or "not recorded"


def tagged(gate: TagGate, case: Case) -> Verdict:
    """Whether the version has a tag, and of the value that is asked for."""
    found = case.new.tags.get(gate.tag)
    actual = "no such tag" if found is None else repr(found)
    if gate.value is None:
        return verdict(f"requires_tag {gate.tag}", found is not None, "any value", actual)
    rule = f"requires_tag {gate.tag} value {gate.value}"
    return verdict(rule, found == gate.value, repr(gate.value), actual)
