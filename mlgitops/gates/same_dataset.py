"""The gate on the data that both versions were evaluated on."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from mlgitops.core.gate import verdict
from mlgitops.gates.form import GateForm, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlgitops.core.gate import Case, Verdict
    from mlgitops.core.version import Version

_DEFAULT_CONTEXT = "test"  # of a data set: what a version was evaluated on
_Context = Annotated[
    Annotated[Literal[True], Tag("<true>")] | Annotated[Text, Tag("<context>")],
    Discriminator(lambda value: "<true>" if isinstance(value, bool) else "<context>"),
]


class SameDatasetGate(GateForm):
    """The version was evaluated on the same data set as the version now in the stage."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"same_dataset": "true, or the context of a data set, such as test"}
    )

    same_dataset: Annotated[
        _Context, Field(description="the context it was logged with; true: test")
    ]

    @property
    def context(self) -> str:
        """The context as MLflow has it."""
        return _DEFAULT_CONTEXT if self.same_dataset is True else self.same_dataset

    def judge(self, case: Case) -> Iterator[Verdict]:
        """Whether both versions were evaluated on the same data: by name and digest."""
        rule, new = f"same_dataset {self.context}", _used(case.new, self.context)
        if case.old is None:
            expected = "recorded; the stage is empty, so there is nothing to compare with"
            yield verdict(rule, bool(new), expected, _listed(new))
        elif old := _used(case.old, self.context):
            expected = f"{_listed(old)}, as version {case.old.number}"
            yield verdict(rule, new == old, expected, _listed(new))
        else:
            what = f"version {case.old.number} has no {self.context} data set to compare with"
            yield verdict(rule, False, what, _listed(new))


def _used(version: Version, context: str) -> frozenset[tuple[str, str]]:
    return frozenset((use.name, use.digest) for use in version.datasets if use.context == context)


def _listed(used: frozenset[tuple[str, str]]) -> str:
    return ", ".join(f"{name} (digest {digest})" for name, digest in sorted(used)) or "not recorded"
