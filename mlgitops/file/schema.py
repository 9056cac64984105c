"""The form of models.yaml, once: it checks files and generates models.schema.json.

Only form is checked here. What a well-formed file means is checked in `mlgitops.file.checks`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag

from mlgitops.core.desired import MODELS, PROMPTS, RECIPES
from mlgitops.core.directions import Direction
from mlgitops.core.places import fault
from mlgitops.core.stage import PRODUCTION, STAGING
from mlgitops.file.deployments import (  # noqa: TC001 - files are checked against them
    DeploymentForm,
    DeploymentName,
)
from mlgitops.file.include import INCLUDE
from mlgitops.file.temporary import (  # noqa: TC001 - files are checked against them
    FileExceptionForm,
    FreezeForm,
    ModelExceptionForm,
)
from mlgitops.gates.form import Form, StageName, Text
from mlgitops.gates.kinds import AnyGate
from mlgitops.words import LONGEST_REASON, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_IN_NAMES = frozenset("/:?")
_LONGEST_NAME = 256  # characters; the width of MLflow's column
MAX_VERSION = 2**31 - 1  # the version column is a signed 32-bit integer


def is_model_name(name: str) -> bool:
    """Whether a name can be managed: MLflow's own rule, without what nobody can read or address.

    MLflow allows all but "/" and ":"; a "?" ends the path of the addresses that it makes.
    """
    plain = name.isprintable() and name == name.strip() and _NOT_IN_NAMES.isdisjoint(name)
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


def _mapping_or(mapping: str, other: str) -> Discriminator:
    """Which of two forms a value is to have, by their tags: that of a mapping, or another."""
    return Discriminator(lambda value: mapping if isinstance(value, dict) else other)


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
    digest: Annotated[
        str, Field(pattern=r"^sha256:[0-9a-f]{64}$", description="as mlgitops pin writes it")
    ]


# the tags are written as those of gates are, in mlgitops.gates.metric
StageForm = (
    Annotated[
        Annotated[VersionNumber, Tag("<version>")] | Annotated[PinnedForm, Tag("<pinned>")],
        _mapping_or("<pinned>", "<version>"),
    ]
    | None
)


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
        {
            "merge": "'auto', or be left out: people merge",
            "promote": "'newest', or a mapping such as {from: Staging}",
        }
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


PromoteForm = Annotated[
    Annotated[Literal["newest"], Tag("<newest>")] | Annotated[RuleForm, Tag("<rule>")],
    _mapping_or("<rule>", "<newest>"),
]


def _unit(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError(f"unit {text!r} must be printable text without blanks at its ends")
    return text


class MetricForm(Form):
    """What a metric means."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"metrics": "'higher', 'lower', or a mapping of 'better' and 'unit'"}
    )

    better: Annotated[
        Direction | None, Field(description="which way, if its name has no standard meaning")
    ] = None
    unit: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=20), AfterValidator(_unit)]
        | None,
        Field(description="its unit, such as kW, as reports show it"),
    ] = None


MeaningForm = Annotated[
    Annotated[Direction, Tag("<better>")] | Annotated[MetricForm, Tag("<metric>")],
    _mapping_or("<metric>", "<better>"),
]


class PromptForm(Form):
    """One prompt of MLflow's prompt registry."""

    description: Annotated[Text | None, Field(description="what it does, for people")] = None
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
        dict[Text, MeaningForm],
        Field(
            default_factory=dict,
            description="metric → which way is better, where its name has no standard meaning, "
            "and its unit; in form 2",
        ),
    ]


class DeclaredForm(Form):
    """A stage that models may have."""

    name: Annotated[StageName, Field(description="as models write it")]
    production: Annotated[
        bool,
        Field(description="what it holds serves, so guards watch it; only Production by default"),
    ] = False


DeclaredStageForm = Annotated[
    Annotated[StageName, Tag("<name>")] | Annotated[DeclaredForm, Tag("<declared>")],
    _mapping_or("<declared>", "<name>"),
]


class IncludedForm(Form):
    """A file that models.yaml includes."""

    models: Annotated[
        dict[ModelName, ModelForm], Field(description="by their names in the registry")
    ]
    prompts: Annotated[
        dict[ModelName, PromptForm],
        Field(default_factory=dict, description="of MLflow's prompt registry; in form 2"),
    ]


class FileForm(IncludedForm):
    """The desired version of every model in every stage."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "version": "1 or 2 (to read a later form, upgrade mlgitops)",
            "owner": "a name without spaces, such as acme/farm-models",
            "recipes": "the name of a package, such as training or acme.recipes",
            "images": "a registry of images and a path, such as registry.example.org/team",
            "include": "a path such as models/*.yaml, or a list of them",
            "deployments": "named by lower-case letters, digits and '-', at most 40: edge, farm-1",
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
    include: Annotated[
        Annotated[
            Annotated[Text, Tag("<one>")] | Annotated[list[Text], Tag("<several>")],
            Discriminator(lambda value: "<several>" if isinstance(value, list) else "<one>"),
        ],
        Field(
            default_factory=list,
            description="files with models and prompts, e.g. models/*.yaml; in form 2",
        ),
    ]
    images: Annotated[
        str | None,
        Field(
            # the OCI distribution specification, "Pulling manifests", and Docker's references
            pattern=r"^[a-zA-Z0-9.-]+(:[0-9]+)?(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*$",
            description="what the names of serving images begin with; in form 2",
        ),
    ] = None
    deployments: Annotated[
        dict[DeploymentName, DeploymentForm],
        Field(default_factory=dict, description="name → where stages are served; in form 2"),
    ]
    freeze: FreezeForm | None = None
    allow: Annotated[
        list[FileExceptionForm],
        Field(default_factory=list, description="exceptions to guards, for all models; in form 2"),
    ]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of models.yaml, for editors and check-jsonschema."""
    return _schema(FileForm, "models.yaml", (MODELS, PROMPTS, INCLUDE))


def included_json_schema() -> dict[str, Any]:
    """The JSON Schema of the files that models.yaml includes."""
    return _schema(IncludedForm, "included by models.yaml", (MODELS, PROMPTS))


def _schema(form: type[Form], title: str, either: tuple[str, ...]) -> dict[str, Any]:
    schema = form.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **{key: value for key, value in schema.items() if key not in ("title", "required")},
        "anyOf": [{"required": [key]} for key in either],
    }
