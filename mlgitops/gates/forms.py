"""The form of each gate in models.yaml, and the value that it becomes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from mlgitops.core.desired import (
    ArtifactSizeGate,
    Gate,
    LatencyGate,
    MetricGate,
    Mode,
    PromotedFromGate,
    PythonGate,
    Regression,
    SameDatasetGate,
    SignatureGate,
    Soak,
    TagGate,
)
from mlgitops.core.metrics import direction
from mlgitops.gates import units
from mlgitops.gates.form import Form, Number, StageName, Text

# A union's tag stands in an error's location; "<" keeps it apart from every key of the file.

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
DEFAULT_CONTEXT = "test"  # of a data set: what a version was evaluated on

RegressionForm = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False), Tag("<number>")]
    | Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?%$"), Tag("<percent>")],
    Discriminator(lambda value: "<percent>" if isinstance(value, str) else "<number>"),
]
ContextForm = Annotated[
    Annotated[Literal[True], Tag("<true>")] | Annotated[Text, Tag("<context>")],
    Discriminator(lambda value: "<true>" if isinstance(value, bool) else "<context>"),
]


class GateForm(Form):
    """What every gate may have."""

    mode: Annotated[
        Mode, Field(description="enforce: a failure refuses the plan; warn: it is only shown")
    ] = "enforce"


class MetricForm(GateForm):
    """A bound on a metric of the version's run."""

    metric: Text
    min: Number | None = None
    max: Number | None = None
    max_regression: Annotated[
        RegressionForm | None,
        Field(description="how much worse than the present version: 0.5, or 2%"),
    ] = None
    better: Annotated[
        Literal["higher", "lower"] | None,
        Field(description="which way is better, where the metric's name does not tell"),
    ] = None


class SignatureForm(GateForm):
    """Callers of the present version must be able to call this one."""

    signature: Literal["compatible"]


class PromotedFromForm(GateForm):
    """The version must hold, or have held, another stage first."""

    promoted_from: StageName
    # not None: a key whose value was forgotten must not weaken the gate
    soak: Annotated[
        str, Field(pattern=units.DURATION, description="for at least: 30m, 24h or 7d, in one stay")
    ] = ""


class SameDatasetForm(GateForm):
    """The version was evaluated on the very data set that the present one was evaluated on."""

    same_dataset: Annotated[
        ContextForm, Field(description="the context it was logged with; true: test")
    ]


class ArtifactSizeForm(GateForm):
    """A bound on the size of the version's payload."""

    max_artifact_size: Annotated[
        str, Field(pattern=units.SIZE, description="kB MB GB KiB MiB GiB, such as 50MB")
    ]


class LatencyForm(GateForm):
    """A bound on the median time of a prediction of one row, on the machine that plans."""

    max_latency: Annotated[str, Field(pattern=units.LATENCY, description="ms or s, such as 20ms")]


class TagForm(GateForm):
    """The version must have a tag."""

    requires_tag: Text
    value: Annotated[Text, Field(description="the tag's very value; any if not given")] = ""


class PythonForm(GateForm):
    """A team's own check; docs/evidence.md says what it is called with and returns."""

    python: Annotated[
        str,
        Field(
            pattern=rf"^{_NAME}(\.{_NAME})*:{_NAME}$",
            description="package.module:function, beside models.yaml or installed",
        ),
    ]


GATES: dict[str, type[GateForm]] = {
    "metric": MetricForm,
    "signature": SignatureForm,
    "promoted_from": PromotedFromForm,
    "same_dataset": SameDatasetForm,
    "max_artifact_size": ArtifactSizeForm,
    "max_latency": LatencyForm,
    "requires_tag": TagForm,
    "python": PythonForm,
}


def _kind(value: object) -> str | None:
    if isinstance(value, dict):
        return next((f"<{kind}>" for kind in GATES if kind in value), None)
    return None


AnyGateForm = Annotated[
    Annotated[MetricForm, Tag("<metric>")]
    | Annotated[SignatureForm, Tag("<signature>")]
    | Annotated[PromotedFromForm, Tag("<promoted_from>")]
    | Annotated[SameDatasetForm, Tag("<same_dataset>")]
    | Annotated[ArtifactSizeForm, Tag("<max_artifact_size>")]
    | Annotated[LatencyForm, Tag("<max_latency>")]
    | Annotated[TagForm, Tag("<requires_tag>")]
    | Annotated[PythonForm, Tag("<python>")],
    Discriminator(_kind),
]


def gate(form: AnyGateForm, folders: tuple[str, ...]) -> Gate:
    """The value of a gate's form; `folders` are where a team's own checks are looked for."""
    match form:
        case MetricForm():
            return MetricGate(
                mode=form.mode,
                metric=form.metric,
                minimum=form.min,
                maximum=form.max,
                max_regression=_regression(form.max_regression),
                better=form.better or direction(form.metric),
            )
        case SignatureForm():
            return SignatureGate(mode=form.mode)
        case PromotedFromForm():
            return PromotedFromGate(mode=form.mode, stage=form.promoted_from, soak=_soak(form.soak))
        case SameDatasetForm():
            context = DEFAULT_CONTEXT if form.same_dataset is True else form.same_dataset
            return SameDatasetGate(mode=form.mode, context=context)
        case ArtifactSizeForm():
            text = form.max_artifact_size
            return ArtifactSizeGate(mode=form.mode, most=units.size(text), text=text)
        case LatencyForm():
            text = form.max_latency
            return LatencyGate(mode=form.mode, most=units.milliseconds(text), text=text)
        case TagForm():
            return TagGate(mode=form.mode, tag=form.requires_tag, value=form.value or None)
        case PythonForm():
            module, function = form.python.split(":")
            return PythonGate(mode=form.mode, module=module, function=function, folders=folders)


def _regression(value: float | str | None) -> Regression | None:
    if value is None:
        return None
    if isinstance(value, str):
        return Regression(amount=float(value.removesuffix("%")) / 100, relative=True, text=value)
    return Regression(amount=value, relative=False, text=f"{value:g}")


def _soak(text: str) -> Soak | None:
    return Soak(span=units.duration(text), text=text) if text else None
