"""Stages: slots of a model, stored as aliases; two of them are classic stages of MLflow too."""

from __future__ import annotations

PRODUCTION = "Production"
STAGING = "Staging"
ARCHIVED = "Archived"
CLASSIC_STAGES = (PRODUCTION, STAGING)


def alias_of(stage: str) -> str:
    """The alias that stores `stage`: its name in lower case."""
    return stage.lower()


BY_ALIAS = {alias_of(stage): stage for stage in CLASSIC_STAGES}


def classic_stage(alias: str) -> str | None:
    """The classic stage that is kept in step with `alias`, if there is one."""
    return BY_ALIAS.get(alias)
