"""Registered models and their versions."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from mlgitops.core.prompts import is_prompt
from mlgitops.core.version import READY
from mlgitops.registry.answers.form import Form, Moment, Paged, Pair, mapping
from mlgitops.registry.api import ModelRow, Page, VersionRow

Number = Annotated[int, Meta(ge=1, lt=10**10)]


class Alias(Form, frozen=True):
    """An alias, and the version that it points at."""

    alias: str
    version: Number


class Latest(Form, frozen=True):
    """The latest version of a classic stage."""

    version: Number
    current_stage: str | None = None


class Model(Form, frozen=True):
    """A registered model."""

    name: str
    aliases: tuple[Alias, ...] = ()
    latest_versions: tuple[Latest, ...] = ()
    tags: tuple[Pair, ...] = ()

    def row(self) -> ModelRow:
        """What of it is used."""
        tags = mapping(self.tags)
        return ModelRow(
            name=self.name,
            aliases={one.alias: one.version for one in self.aliases},
            latest={
                one.current_stage: one.version
                for one in self.latest_versions
                if one.current_stage is not None
            },
            is_prompt=is_prompt(tags),
            tags=tags,
        )


class OneModel(Form, frozen=True):
    """`registered-models/get`."""

    registered_model: Model


class Models(Paged, frozen=True):
    """`registered-models/search`."""

    registered_models: tuple[Model, ...] = ()

    def page(self) -> Page[ModelRow]:
        """Its rows."""
        return self.holding([one.row() for one in self.registered_models])


class Version(Form, frozen=True):
    """A model version."""

    name: str
    version: Number
    status: str = READY
    current_stage: str = "None"
    run_id: str = ""
    tags: tuple[Pair, ...] = ()
    creation_timestamp: Moment | None = None
    source: str = ""
    model_id: str = ""

    def row(self) -> VersionRow:
        """What of it is used."""
        return VersionRow(
            name=self.name,
            number=self.version,
            status=self.status,
            stage=self.current_stage,
            run_id=self.run_id or None,
            tags=mapping(self.tags),
            created=self.creation_timestamp or None,
            source=self.source,
            model_id=self.model_id,
        )


class OneVersion(Form, frozen=True):
    """`model-versions/get`."""

    model_version: Version


class Versions(Paged, frozen=True):
    """`model-versions/search`."""

    model_versions: tuple[Version, ...] = ()

    def page(self) -> Page[VersionRow]:
        """Its rows."""
        return self.holding([one.row() for one in self.model_versions])


class Source(Form, frozen=True):
    """`model-versions/get-download-uri`."""

    artifact_uri: str
