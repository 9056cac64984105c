"""What MLflow's REST API answers, as rows; whatever is of another form is refused, never guessed.

Every function raises ValueError, KeyError, TypeError or AttributeError for what MLflow does not
send; `Calls.understood` tells that to people.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mlgitops.core.evaluated import Measurement
from mlgitops.core.prompts import is_prompt
from mlgitops.core.version import READY, DatasetUse
from mlgitops.registry.api import (
    CONTEXT,
    LoggedRow,
    ModelRow,
    RunRow,
    VersionRow,
)

if TYPE_CHECKING:
    from mlgitops.registry.calls import Json

# protobuf writes numbers of 64 bits as text, and what JSON has no number for as a word
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_MOMENT = re.compile(r"[0-9]{1,15}")
_STEP = re.compile(r"-?[0-9]{1,19}")
_LAST = 253_402_300_799_999  # milliseconds: the last that dates reach
_WORDS = ("NaN", "Infinity", "-Infinity")


def model(found: Json) -> ModelRow:
    """A registered model."""
    tags = _pairs(found, "tags")
    return ModelRow(
        name=text(found, "name"),
        aliases={text(one, "alias"): _version_in(one) for one in listed(found, "aliases")},
        latest={
            text(one, "current_stage"): _version_in(one)
            for one in listed(found, "latest_versions")
            if "current_stage" in one
        },
        is_prompt=is_prompt(tags),
        tags=tags,
    )


def version(found: Json) -> VersionRow:
    """A model version."""
    return VersionRow(
        name=text(found, "name"),
        number=_version_in(found),
        status=text(found, "status", READY),
        stage=text(found, "current_stage", "None"),
        run_id=text(found, "run_id", "") or None,
        tags=_pairs(found, "tags"),
        created=_milliseconds(found.get("creation_timestamp")),
        source=text(found, "source", ""),
        model_id=text(found, "model_id", ""),
    )


def run(found: Json) -> RunRow:
    """A run."""
    info, data = found["info"], found.get("data", {})
    return RunRow(
        run_id=text(info, "run_id"),
        experiment=text(info, "experiment_id"),
        begun=_milliseconds(info.get("start_time")),
        ended=_milliseconds(info.get("end_time")),
        status=text(info, "status", "RUNNING"),
        artifacts=text(info, "artifact_uri", ""),
        metrics={text(one, "key"): _measured(one["value"]) for one in listed(data, "metrics")},
        params=_pairs(data, "params"),
        tags=_pairs(data, "tags"),
        datasets=tuple(map(_dataset, listed(found.get("inputs", {}), "dataset_inputs"))),
        models=tuple(
            text(one, "model_id") for one in listed(found.get("outputs", {}), "model_outputs")
        ),
    )


def logged(found: Json) -> LoggedRow:
    """A logged model."""
    info, data = found["info"], found.get("data", {})
    return LoggedRow(
        model_id=text(info, "model_id"),
        experiment=text(info, "experiment_id"),
        run_id=text(info, "source_run_id", "") or None,
        location=text(info, "artifact_uri"),
        measured=tuple(map(_of_model, listed(data, "metrics"))),
        params=_pairs(data, "params"),
    )


def listed(found: Json, name: str) -> list[Json]:
    """The list of a field; protobuf leaves out empty ones."""
    value = found.get(name, [])
    if not isinstance(value, list):
        raise TypeError(name)
    return value


def text(found: Json, name: str, default: str | None = None) -> str:
    """The text of a field, which has to be there where there is no default."""
    value = found[name] if default is None else found.get(name, default)
    if type(value) is not str:
        raise TypeError(name)
    return value


def token(found: Json) -> str | None:
    """The token of the next page."""
    return text(found, "next_page_token", "") or None


def _dataset(found: Json) -> DatasetUse:
    return DatasetUse(
        name=text(found["dataset"], "name"),
        digest=text(found["dataset"], "digest"),
        context=_pairs(found, "tags").get(CONTEXT, ""),
        source=text(found["dataset"], "source", ""),
        schema=text(found["dataset"], "schema", ""),
    )


def _of_model(found: Json) -> Measurement:
    return Measurement(
        metric=text(found, "key"),
        value=_measured(found["value"]),
        dataset=text(found, "dataset_name", ""),
        digest=text(found, "dataset_digest", ""),
        logged=_milliseconds(found.get("timestamp")) or 0,
        step=_whole(found.get("step", 0), _STEP),
        run_id=text(found, "run_id", ""),
    )


def _pairs(found: Json, name: str) -> dict[str, str]:
    if name not in found:  # most have none: thousands of models and versions
        return {}
    return {text(one, "key"): text(one, "value", "") for one in listed(found, name)}


def _version_in(found: Json) -> int:
    return _number(found["version"])


@lru_cache(maxsize=10_000, typed=True)  # the same few, tens of thousands of times
def _number(found: Any) -> int:
    return _whole(found, _NUMBER)


def _milliseconds(found: Any) -> int | None:
    if not found:
        return None
    moment = _whole(found, _MOMENT)
    if moment > _LAST:
        raise ValueError(moment)
    return moment or None


def _whole(found: Any, form: re.Pattern[str]) -> int:
    """A number, or the text of one: `int` alone takes ` 1`, `１` and `1_0` too."""
    if type(found) is int:
        found = str(found)
    elif type(found) is not str:
        raise TypeError(found)
    if not form.fullmatch(found):
        raise ValueError(found[:40])
    return int(found)


def _measured(found: Any) -> float:
    if isinstance(found, bool) or not (isinstance(found, int | float) or found in _WORDS):
        raise TypeError(found)
    return float(found)
