"""The gate on the size of the payload."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from mlgitops.core.gate import Need, verdict
from mlgitops.gates import units
from mlgitops.gates.form import GateForm, unmeasured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlgitops.core.gate import Case, Verdict


class ArtifactSizeGate(GateForm):
    """A bound on the size of the version's payload."""

    need: ClassVar[Need] = Need.ARTIFACT
    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"max_artifact_size": "a size in kB, MB, GB, KiB, MiB or GiB, such as 50MB"}
    )

    max_artifact_size: Annotated[
        str, Field(pattern=units.SIZE, description="kB MB GB KiB MiB GiB, such as 50MB")
    ]

    @property
    def most(self) -> int:
        """The bound in bytes."""
        return units.size(self.max_artifact_size)

    def findings(self, stage: str) -> Iterator[tuple[str | None, str]]:  # noqa: ARG002
        """A limit that nothing meets."""
        if not self.most:
            yield "max_artifact_size", units.unmeetable(self.max_artifact_size)

    def judge(self, case: Case) -> Iterator[Verdict]:
        """Whether the payload is small enough."""
        rule = f"max_artifact_size {self.max_artifact_size}"
        expected = f"at most {self.max_artifact_size} ({self.most:,} bytes)"
        artifact = case.comparison.new.artifact if case.comparison else None
        if artifact is None:
            yield verdict(rule, False, expected, unmeasured(case))
        else:
            yield verdict(rule, artifact.size <= self.most, expected, f"{artifact.size:,} bytes")
