"""What the forms of models.yaml are made of, and what every kind of gate has.

A kind of gate is a file of this folder and a line in `mlgitops.gates.kinds`. The file has one
class: its fields are the keys that models.yaml may give, its methods say what they mean.
"""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
)

from mlgitops.core.gate import Mode, Need

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mlgitops.core.directions import Direction
    from mlgitops.core.gate import Case, Verdict

# mlflow.utils.validation: alias names, their length, and the two reserved forms.
STAGE_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
RESERVED_ALIAS = re.compile(r"latest|v[0-9]+")


@lru_cache(maxsize=1_000)  # thousands of models have the same few stages
def stage_name(name: str) -> str:
    """The name, if a stage can have it.

    Raises:
        ValueError: MLflow allows no such alias.
    """
    if not STAGE_NAME.fullmatch(name):
        msg = (
            f"stage name {name!r} cannot be an MLflow alias; "
            "use 1 to 255 letters, digits, '_' or '-'"
        )
        raise ValueError(msg)
    if RESERVED_ALIAS.fullmatch(name.lower()):
        msg = f"stage name {name!r} is reserved by MLflow; choose another name"
        raise ValueError(msg)
    return name


StageName = Annotated[str, AfterValidator(stage_name)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(min_length=1)]
Percentage = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?%$")]
# a union's tag stands in an error's location; "<" keeps it apart from every key of the file
Regression = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False), Tag("<number>")]
    | Annotated[Percentage, Tag("<percent>")],
    Discriminator(lambda value: "<percent>" if isinstance(value, str) else "<number>"),
]
REGRESSION = "how much worse than the version now in the stage: 0.5, or 2%"


def fraction(percentage: str) -> float:
    """The share that a percentage says.

    >>> fraction("2.5%")
    0.025
    """
    return float(percentage.removesuffix("%")) / 100


class Form(BaseModel):
    """A mapping of models.yaml: no unknown keys, no conversions between types.

    Attributes:
        asks: key → what its value must be, where a pattern or a list of words does not say it to
            people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)
    asks: ClassVar[Mapping[str, str]] = MappingProxyType({})


class GateForm(Form):
    """What every kind of gate has.

    Attributes:
        for_prompts: whether prompts can have it: it reads nothing that only models have.
    """

    for_prompts: ClassVar[bool] = False

    mode: Annotated[
        Mode, Field(description="enforce: a failure refuses the plan; warn: it is only shown")
    ] = "enforce"

    @property
    def need(self) -> Need:
        """How much must be read of the versions for the gate to be able to pass."""
        return Need.RUN

    @property
    def rule(self) -> str:
        """The gate as models.yaml writes it, without its mode."""
        said = self.model_dump(exclude={"mode"}, exclude_none=True)
        return " ".join(f"{key} {value}" for key, value in said.items())

    @property
    def directions(self) -> Mapping[str, Direction]:
        """Metric → which way is better, as the gate itself says."""
        return {}

    @property
    def directed(self) -> Collection[str]:
        """The metrics that it can only judge if something says which way they are better."""
        return ()

    @property
    def stages(self) -> Mapping[str, str]:
        """Key → the stage that it names."""
        return {}

    def findings(self, stage: str) -> Iterator[tuple[str | None, str]]:  # noqa: ARG002
        """What is wrong although it is well-formed: the key, None for the gate as a whole; why."""
        yield from ()

    def judge(self, case: Case) -> Iterator[Verdict]:
        """One verdict or more, each passed or failed."""
        raise NotImplementedError


def unmeasured(case: Case) -> str:
    """Why there is nothing to hold against a limit."""
    found = case.comparison
    why = (found.trouble or found.new.trouble) if found else ""
    return f"not measured: {why or 'no evidence was collected'}"
