"""Two versions side by side as plain data. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlgitops.core import evidence as values
    from mlgitops.core.metrics import Difference
    from mlgitops.core.signature import Column, Signature
    from mlgitops.report.schema import comparison as form


def number(value: float) -> form.Number:
    """JSON has no word for NaN and infinity: they become text."""
    return value if math.isfinite(value) else cast("form.Number", str(value))


def _optional(value: float | None) -> form.Number | None:
    return None if value is None else number(value)


def numbers(found: Mapping[str, float]) -> dict[str, form.Number]:
    """Numbers by name."""
    return {name: number(value) for name, value in found.items()}


def metric(one: Difference) -> form.Metric:
    """A metric of both."""
    return {
        "name": one.metric,
        "old": _optional(one.old),
        "new": _optional(one.new),
        "difference": _optional(one.absolute),
        "relative": _optional(one.relative),
        "verdict": cast("form.Verdict", one.verdict) if one.verdict else None,
    }


def comparison(found: values.Comparison) -> form.Compared:
    """Everything but the predictions of single rows, of which there may be thousands."""
    return {
        "model": found.model,
        "old": _side(found.old) if found.old else None,
        "new": _side(found.new),
        "warnings": list(found.warnings),
        "metrics": [metric(one) for one in found.metrics],
        "parameters": _pairs(found.parameters),
        "facts": [
            {"name": fact.name, "old": fact.old, "new": fact.new, "link": fact.link}
            for fact in found.facts
        ],
        "requirements": _pairs(found.requirements),
        "columns": list(found.columns),
        "breaks": list(found.breaks),
        "predictions": _predictions(found.predictions) if found.predictions else None,
        "trouble": found.trouble or None,
        "history": [
            {"version": p.number, "metrics": numbers(p.metrics), "stages": list(p.stages)}
            for p in found.history
        ],
    }


def _pairs(rows: Iterable[tuple[str, str | None, str | None]]) -> list[form.Pair]:
    return [{"name": name, "old": old, "new": new} for name, old, new in rows]


def _side(side: values.Side) -> form.Side:
    version = side.version
    return {
        "label": side.label,
        "version": version.number or None,
        "run": version.run_id,
        "created": version.created,
        "commit": version.commit,
        "seconds": _optional(version.seconds),
        "datasets": [
            {"name": used.name, "digest": used.digest, "context": used.context}
            for used in version.datasets
        ],
        "artifact": _artifact(side.artifact) if side.artifact else None,
        "trouble": side.trouble or None,
    }


def _artifact(artifact: values.Artifact) -> form.Artifact:
    return {
        "digest": artifact.digest,
        "size": artifact.size,
        "signature": _signature(artifact.signature) if artifact.signature else None,
        "flavour": artifact.flavour,
        "serialization": artifact.serialization,
        "python": artifact.python,
        "requirements": list(artifact.requirements),
        "example": artifact.example,
    }


def _signature(signature: Signature) -> form.Signature:
    return {"inputs": _columns(signature.inputs), "outputs": _columns(signature.outputs)}


def _columns(columns: tuple[Column, ...] | None) -> list[form.Column] | None:
    if columns is None:
        return None
    return [{"name": one.name, "type": one.type, "required": one.required} for one in columns]


def _predictions(found: values.Predictions) -> form.Predictions:
    return {
        "kind": found.kind,
        "source": found.source,
        "rows": len(found.series.new),
        "tolerance": found.tolerance,
        "changed": _optional(found.changed),
        "quantiles": [
            {"share": share, "difference": number(value)}
            for share, value in found.quantiles.items()
        ],
        "movers": [
            {
                "row": mover.row,
                "old": number(mover.old),
                "new": number(mover.new),
                "actual": _optional(mover.actual),
            }
            for mover in found.movers
        ],
        "confusion": [
            {"old": old, "new": new, "rows": rows} for (old, new), rows in found.confusion.items()
        ],
        "scores": [metric(score) for score in found.scores],
        "old_cost": _cost(found.old_cost) if found.old_cost else None,
        "new_cost": _cost(found.new_cost),
    }


def _cost(cost: values.Cost) -> form.Cost:
    return {"milliseconds": number(cost.milliseconds), "mebibytes": number(cost.mebibytes)}
