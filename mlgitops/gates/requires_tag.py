"""The gate on a tag of the version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from mlgitops.core.gate import verdict
from mlgitops.gates.form import GateForm, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.gate import Case, Verdict


class TagGate(GateForm):
    """The version must have a tag."""

    for_prompts: ClassVar[bool] = True

    requires_tag: Annotated[Text, Field(description="the name of the tag")]
    value: Annotated[Text, Field(description="the tag's very value; any if not given")] = ""

    def judge(self, case: Case) -> Iterator[Verdict]:
        """Whether the version has the tag, and of the value that is asked for."""
        found = case.new.tags.get(self.requires_tag)
        actual = "no such tag" if found is None else repr(found)
        rule = f"requires_tag {self.requires_tag}"
        if self.value:
            rule = f"{rule} value {self.value}"
            yield verdict(rule, found == self.value, repr(self.value), actual)
        else:
            yield verdict(rule, found is not None, "any value", actual)
