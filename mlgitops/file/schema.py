"""The form of models.yaml, once: it checks files and generates models.schema.json.

Only form is checked here. What a well-formed file means is checked in `mlgitops.file.checks`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from mlgitops.core.desired import MODELS, PROMPTS, RECIPES
from mlgitops.core.directions import Direction  # noqa: TC001 - files are checked against it
from mlgitops.core.permissions import Guard
from mlgitops.core.places import fault
from mlgitops.core.stage import PRODUCTION, STAGING
from mlgitops.gates.form import Form, StageName, Text
from mlgitops.gates.kinds import AnyGate
from mlgitops.words import LONGEST_REASON, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_NAME = 256  # characters; the width of MLflow's column
MAX_VERSION = 2**31 - 1  # the version column is a signed 32-bit integer


def is_model_name(name: str) -> bool:
    """Whether a name can be managed: MLflow's own rule, without what nobody can read or address.

    MLflow allows all but "/" and ":"; a "?" ends the path of the addresses that it makes.
    """
    plain = name.isprintable() and name == name.strip() and not set(name) & set("/:?")
    return plain and 0 < len(name) <= _LONGEST_NAME and name not in (".", "..")


def _model_name(name: str) -> str:
    if not is_model_name(name):
        msg = (
            f"model name {name!r} must be 1 to {_LONGEST_NAME} printable characters, none of them "
            "'/', ':' or '?', and no blank at its ends; rename the registered model"
        )
        raise ValueError(msg)
    return name


ModelName = Annotated[str, AfterValidator(_model_name)]
VersionNumber = Annotated[int, Field(strict=True, ge=1, le=MAX_VERSION)]


class RecipeForm(Form):
    """How to train a version."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"train": "the name of a recipe, such as power_forecasting"}
    )

    train: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="the name of a recipe")]
    params: Annotated[
        dict[str, Any], Field(default_factory=dict, description="the recipe's parameters")
    ]


class PinnedForm(Form):
    """A version together with the digest of its payload."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"digest": "'sha256:' followed by 64 lower-case hexadecimal digits"}
    )

    version: VersionNumber
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


def _stage_kind(value: object) -> str:
    return "<pinned>" if isinstance(value, dict) else "<version>"


# the tags are written as those of gates are, in mlgitops.gates.metric
StageForm = (
    Annotated[
        Annotated[VersionNumber, Tag("<version>")] | Annotated[PinnedForm, Tag("<pinned>")],
        Discriminator(_stage_kind),
    ]
    | None
)


def _until(text: str) -> str:
    until(text)
    return text


def until(text: str) -> datetime:
    """The moment at which something ends: a day counts whole; in UTC, as a time without a zone.

    Raises:
        ValueError: the text is neither a date nor a time.
    """
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            return datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        msg = f"must be a day such as 2026-12-24, or a time such as 2026-12-24T18:00Z; got {text!r}"
        raise ValueError(msg) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Until = Annotated[
    str, AfterValidator(_until), Field(description="the last day, or a time; UTC by default")
]


class FreezeForm(Form):
    """No changes for a while, but for healing and rollbacks that are named as such."""

    reason: Text
    until: Until


_OF_FILE = tuple(guard.value for guard in Guard if guard is not Guard.STALE_PLAN)
_OF_MODEL = tuple(guard for guard in _OF_FILE if guard != Guard.MANY_CHANGES)


def _guard(names: tuple[str, ...], name: str) -> str:
    if name in names:
        return name
    if name in _OF_FILE:
        msg = f"{name!r} judges the plan as a whole; move the exception to the top of the file"
    elif name in tuple(Guard):
        msg = f"an exception cannot allow {name!r}; plan again instead"
    else:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the guards are {', '.join(names)}"
        msg = f"unknown guard {name[:60]!r}; {hint}"
    raise ValueError(msg)


def _guard_field(names: tuple[str, ...]) -> Any:
    return Field(json_schema_extra={"enum": list(names)})


class FileExceptionForm(Form):
    """What a guard refuses is allowed for a while, for all models."""

    guard: Annotated[str, AfterValidator(partial(_guard, _OF_FILE)), _guard_field(_OF_FILE)]
    reason: Text
    until: Until


class ModelExceptionForm(Form):
    """What a guard refuses is allowed for a while, for the model's own changes."""

    guard: Annotated[str, AfterValidator(partial(_guard, _OF_MODEL)), _guard_field(_OF_MODEL)]
    reason: Text
    until: Until


def _place(text: str) -> str:
    if wrong := fault(text):
        msg = f"the place of data {wrong}"
        raise ValueError(msg)
    return text


class AnnounceForm(Form):
    """Who is told when a stage of the model changes."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "repositories": "OWNER/NAME of a repository on GitHub",
            "webhooks": "capital letters, digits and '_', such as BATCH",
        }
    )

    repositories: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9_.-]{1,100}$")]],
        Field(
            default_factory=list,
            description="OWNER/NAME; each gets the repository_dispatch event mlgitops-stage",
        ),
    ]
    webhooks: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,62}$")]],
        Field(
            default_factory=list,
            description="NAME of MLGITOPS_ANNOUNCE_NAME_URL and MLGITOPS_ANNOUNCE_NAME_SECRET",
        ),
    ]


class EvaluationForm(Form):
    """Held-out rows for versions without a recipe."""

    data: Annotated[
        str,
        AfterValidator(_place),
        Field(description="CSV or Parquet: a path relative to this file, or an https address"),
    ]
    target: Annotated[Text, Field(description="the column of true values")]


Reason = Annotated[
    str,
    AfterValidator(reason),
    Field(json_schema_extra={"minLength": 1, "maxLength": LONGEST_REASON}),
]
GatesForm = Annotated[
    dict[StageName, list[AnyGate]],
    Field(default_factory=dict, description="stage → conditions to enter it"),
]


class RuleForm(Form):
    """Which version is proposed for a stage; the newest one where nothing else is said."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"merge": "'auto', or be left out: people merge"}
    )

    origin: Annotated[
        StageName | None,
        Field(alias="from", description="the stage whose versions are proposed for this one"),
    ] = None
    alias: Annotated[
        StageName | None, Field(description="an MLflow alias, such as candidate, that names it")
    ] = None
    tag: Annotated[Text | None, Field(description="only versions that have this tag")] = None
    value: Annotated[Text | None, Field(description="the tag's very value; any if not given")] = (
        None
    )
    metric: Annotated[
        Text | None, Field(description="the best by this metric, if better than what is there")
    ] = None
    better: Annotated[
        Direction | None,
        Field(description="which way is better, where the metric's name has no standard meaning"),
    ] = None
    merge: Annotated[
        Literal["auto"] | None,
        Field(description="auto: GitHub merges it once all that it requires is there"),
    ] = None


def _rule_kind(value: object) -> str:
    return "<rule>" if isinstance(value, dict) else "<newest>"


PromoteForm = Annotated[
    Annotated[Literal["newest"], Tag("<newest>")] | Annotated[RuleForm, Tag("<rule>")],
    Discriminator(_rule_kind),
]


class PromptForm(Form):
    """One prompt of MLflow's prompt registry."""

    description: Text | None = None
    owners: Annotated[
        list[Text], Field(default_factory=list, description="people or teams, e.g. @wind-team")
    ]
    gates: GatesForm
    stages: Annotated[
        dict[StageName, StageForm],
        Field(description="stage → version; null: the stage is to be empty"),
    ]
    freeze: FreezeForm | None = None
    allow: Annotated[
        list[ModelExceptionForm],
        Field(default_factory=list, description="exceptions to guards, for this model; in form 2"),
    ]
    promote: Annotated[
        dict[StageName, PromoteForm],
        Field(
            default_factory=dict,
            description="stage → which version `propose --new` proposes for it; in form 2",
        ),
    ]
    blocked: Annotated[
        dict[VersionNumber, Reason],
        Field(
            default_factory=dict,
            description="version that no stage may hold → why, on one line; in form 2",
        ),
    ]
    announce: Annotated[
        AnnounceForm | None, Field(description="who is told of changed stages; in form 2")
    ] = None


class ModelForm(PromptForm):
    """One registered model."""

    versions: Annotated[
        dict[VersionNumber, RecipeForm],
        Field(default_factory=dict, description="version number → recipe"),
    ]
    evaluation: Annotated[
        EvaluationForm | None,
        Field(description="held-out rows for versions without a recipe; in form 2"),
    ] = None
    metrics: Annotated[
        dict[Text, Direction],
        Field(
            default_factory=dict,
            description="metric → which way is better, where its name has no standard meaning; "
            "in form 2",
        ),
    ]


class DeclaredForm(Form):
    """A stage that models may have."""

    name: StageName
    production: Annotated[
        bool,
        Field(description="what it holds serves, so guards watch it; only Production by default"),
    ] = False


def _declared_kind(value: object) -> str:
    return "<declared>" if isinstance(value, dict) else "<name>"


DeclaredStageForm = Annotated[
    Annotated[StageName, Tag("<name>")] | Annotated[DeclaredForm, Tag("<declared>")],
    Discriminator(_declared_kind),
]


class FileForm(Form):
    """The desired version of every model in every stage."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "version": "1 or 2 (to read a later form, upgrade mlgitops)",
            "owner": "a name without spaces, such as acme/farm-models",
            "recipes": "the name of a package, such as training or acme.recipes",
        }
    )

    version: Annotated[
        Literal[1, 2], Field(description="of this form; in 2, stages are written as declared")
    ] = 1
    stages: Annotated[
        list[DeclaredStageForm],
        Field(
            default=[STAGING, PRODUCTION],
            description="the stages that models may have, in their order of promotion",
        ),
    ]
    owner: Annotated[
        str | None,
        Field(
            pattern=r"^\S+$",
            description="who manages these stages; default: host and path of git's origin",
        ),
    ] = None
    recipes: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$",
            description="the package that recipes are modules of: beside this file, or installed",
        ),
    ] = RECIPES
    models: dict[ModelName, ModelForm]
    prompts: Annotated[
        dict[ModelName, PromptForm],
        Field(default_factory=dict, description="of MLflow's prompt registry; in form 2"),
    ]
    freeze: FreezeForm | None = None
    allow: Annotated[
        list[FileExceptionForm],
        Field(default_factory=list, description="exceptions to guards, for all models; in form 2"),
    ]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of models.yaml, for editors and check-jsonschema."""
    schema = FileForm.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "models.yaml",
        **{key: value for key, value in schema.items() if key not in ("title", "required")},
        "anyOf": [{"required": [MODELS]}, {"required": [PROMPTS]}],
    }
