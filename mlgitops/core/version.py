"""A model version and what is recorded of it: metrics, parameters, signature, data."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.core.evaluated import Measurement
    from mlgitops.core.signature import Signature

VersionKey = tuple[str, int]  # model, number
READY = "READY"
_LOGGED = "models:/m-"
RECIPE_TAG = "mlgitops.recipe"  # of a version: the recipe that it was trained by


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetUse:
    """A data set that was used.

    Attributes:
        digest: MLflow's, of its content.
        context: what for: `train` or `test`.
        source: where it comes from, and `schema` what its columns are, as JSON of MLflow's; empty
            where that is not recorded.
    """

    name: str
    digest: str
    context: str
    source: str = ""
    schema: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """A model version that exists, with what its logged model and its run recorded.

    Attributes:
        number: MLflow's version number.
        status: `READY`, `PENDING_REGISTRATION` or `FAILED_REGISTRATION`.
        run_id: the run that made it, if it was made by one that still exists.
        metrics: metric name → last value.
        params: parameter name → value as logged.
        signature: None where the model was logged without one.
        uri: where its payload is to be had, such as `models:/NAME/2`.
        created: when it was registered, ISO 8601 in UTC.
        datasets: what it was trained and tested on.
        measured: what was measured of its logged model on named data.
        seconds: how long its run took; None where that is not known.
        commit: git's commit that it was trained from.
        dirty: whether the code was changed since that commit.
        classic: its classic stage; `None`, the word, for none.
        origin: the model that it was registered from: `models:/m-…`, a logged model of MLflow 3, or
            `models:/NAME/2`, a version that it is a copy of, until its evidence is read; empty if
            neither.
    """

    number: int
    status: str
    run_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    metrics: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    signature: Signature | None = None
    uri: str = ""
    created: str | None = None
    datasets: tuple[DatasetUse, ...] = ()
    measured: tuple[Measurement, ...] = ()
    seconds: float | None = None
    commit: str | None = None
    dirty: bool = False
    classic: str = "None"
    origin: str = ""

    @property
    def model_id(self) -> str | None:
        """The id of its logged model; None without one, or before evidence finds it."""
        return self.origin.partition("/")[2] if self.origin.startswith(_LOGGED) else None

    def source(self, digits: int | None = None) -> str | None:
        """The commit, or its first digits, and whether it is the whole truth; None without one."""
        changed = " with uncommitted changes" if self.dirty else ""
        return f"{self.commit[:digits]}{changed}" if self.commit else None


def latest(versions: Mapping[VersionKey, Version], most: int) -> dict[VersionKey, Version]:
    """The latest versions of each model, no more than so many of each, ascending."""
    found: dict[VersionKey, Version] = {}
    for _, keys in groupby(sorted(versions), key=lambda key: key[0]):
        found |= {key: versions[key] for key in list(keys)[-most:]}
    return found
