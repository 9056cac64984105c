"""Registries of any size, written into MLflow's own tables: by requests it would take an hour.

Each model has three READY versions, each of a run of its own. Version 2 is in Staging and version
1 in Production: as aliases, as classic stages and by stamp.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy

from mlgitops.core import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

VERSIONS = 3
OWNER = "git.example/acme/farm-models"
STAGES = {"staging": 2, "production": 1}  # alias → version
_CLASSIC = {1: "Production", 2: "Staging", 3: "None"}
_CREATED = 1_767_323_045_000  # ms
_MLMODEL = """\
flavors:
  python_function: {env: {virtualenv: python_env.yaml}, loader_module: mlflow.sklearn}
  sklearn: {pickled_model: model.skops, serialization_format: skops, sklearn_version: 1.9.0}
mlflow_version: 3.17.2
signature:
  inputs: '[{"type": "double", "name": "wind", "required": true}]'
  outputs: '[{"type": "double", "required": true}]'
"""
_TABLES = (
    "runs",
    "registered_models",
    "model_versions",
    "registered_model_aliases",
    "model_version_tags",
)

Row = dict[str, Any]


class Stamper(Protocol):
    """Makes the key and the value of the tag that is on a version in a stage."""

    def __call__(self, model: str, alias: str, version: int, registry: str) -> tuple[str, str]:
        """The tag of one version; the registry is told by its address."""


def name_of(number: int) -> str:
    """The name of a model, from its number."""
    return f"model-{number:05}"


def _hex(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _stamp(model: str, version: int) -> Row:
    return {
        "move": 1,
        "version": version,
        "previous": None,
        "commit": _hex(model, 40),
        "actor": "octocat",
        "time": "2026-01-02T03:04:05Z",
        "pull_request": "12",
    }


def ours(model: str, alias: str, version: int, registry: str) -> tuple[str, str]:
    """The tag that mlgitops writes when a version enters a stage."""
    made = stamp.Stamp(**_stamp(model, version), registry=registry, owner=OWNER)
    return stamp.TAG, stamp.dump({alias: made})


def before(
    package: str,
    model: str,
    alias: str,
    version: int,
    registry: str,  # noqa: ARG001 - stamps did not name it
) -> tuple[str, str]:
    """The tag that was written at the commit that is measured beside: one for each stage."""
    text = json.dumps(_stamp(model, version), separators=(",", ":"))
    return f"{package}.stage.{alias}", text


class Seeder:
    """Writes into the database of an MLflow server, which has made its tables."""

    def __init__(self, database: str, payload: Path) -> None:
        """A seeder.

        Args:
            database: its address.
            payload: the folder that all versions have as their payload; is made.
        """
        payload.mkdir(parents=True, exist_ok=True)
        (payload / "MLmodel").write_text(_MLMODEL)
        self._payload = payload.as_uri()
        # no connection is kept: the server has the database to itself while it is measured
        self._engine = sqlalchemy.create_engine(database, poolclass=sqlalchemy.NullPool)
        known = sqlalchemy.MetaData()
        known.reflect(self._engine, only=_TABLES)
        self._tables = known.tables

    def add(self, numbers: Iterable[int]) -> None:
        """Add models, without stamps."""
        models = [name_of(number) for number in numbers]
        pairs = [(model, number) for model in models for number in range(1, VERSIONS + 1)]
        with self._engine.begin() as connection:
            for table, rows in {
                "runs": [_run(*pair) for pair in pairs],
                "registered_models": [_model(model) for model in models],
                "model_versions": [_version(*pair) | {"source": self._payload} for pair in pairs],
                "registered_model_aliases": [
                    {"name": model, "alias": alias, "version": version}
                    for model in models
                    for alias, version in STAGES.items()
                ],
            }.items():
                self._insert(connection, table, rows)
        self._analyze()

    def stamp(self, stamper: Stamper, registry: str) -> None:
        """Replace all stamps by those of one form, for the versions that hold the stages now."""
        aliases = self._tables["registered_model_aliases"].columns
        held = sqlalchemy.select(aliases.name, aliases.alias, aliases.version)
        with self._engine.begin() as connection:
            rows = [
                {"name": model, "version": version, "key": key, "value": value}
                for model, alias, version in connection.execute(held).tuples()
                for key, value in [stamper(model, alias, version, registry)]
            ]
            connection.execute(self._tables["model_version_tags"].delete())
            self._insert(connection, "model_version_tags", rows)
        self._analyze()

    def _insert(self, connection: sqlalchemy.Connection, table: str, rows: list[Row]) -> None:
        made = self._tables[table]
        everywhere = {"workspace": "default"} if "workspace" in made.columns else {}
        if rows:
            connection.execute(made.insert(), [row | everywhere for row in rows])

    def _analyze(self) -> None:
        """Let the database know how its tables have grown."""
        with self._engine.begin() as connection:
            on_sqlite = self._engine.dialect.name == "sqlite"
            named = "" if on_sqlite else f" TABLE {', '.join(_TABLES)}"
            connection.execute(sqlalchemy.text(f"ANALYZE{named}"))


def _run(model: str, number: int) -> Row:
    run = _run_id(model, number)
    return {
        "run_uuid": run,
        "name": f"{model} {number}",
        "source_type": "LOCAL",
        "user_id": "bench",
        "status": "FINISHED",
        "start_time": _CREATED - 60_000,
        "end_time": _CREATED,
        "lifecycle_stage": "active",
        "artifact_uri": f"mlflow-artifacts:/0/{run}/artifacts",
        "experiment_id": 0,
    }


def _model(model: str) -> Row:
    return {
        "name": model,
        "creation_time": _CREATED,
        "last_updated_time": _CREATED,
        "description": f"What {model} predicts, in a sentence.",
    }


def _version(model: str, number: int) -> Row:
    return {
        "name": model,
        "version": number,
        "creation_time": _CREATED,
        "last_updated_time": _CREATED,
        "current_stage": _CLASSIC[number],
        "run_id": _run_id(model, number),
        "status": "READY",
    }


def _run_id(model: str, number: int) -> str:
    return _hex(f"{model} {number}", 32)
