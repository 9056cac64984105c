"""What gates look at, made by hand: cases without a registry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from mlgitops.core import gate as gating
from mlgitops.core.evidence import Artifact, Comparison, Cost, Predictions, Series, Side
from mlgitops.core.held import HeldModel
from mlgitops.core.plan import Action, Change
from mlgitops.core.stamp import Stamp
from mlgitops.core.version import Version
from mlgitops.file.load import loads

if TYPE_CHECKING:
    from mlgitops.core.gate import Gate

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


def gates(*texts: str) -> tuple[Gate, ...]:
    """Gates as models.yaml writes them."""
    text = f"models: {{wind: {{gates: {{Production: [{', '.join(texts)}]}}, stages: {{}}}}}}"
    return loads(text, "models.yaml").models["wind"].gates["Production"]


def after(hours: float) -> datetime:
    """So many hours after the start."""
    return START + timedelta(hours=hours)


def stamp(move: int, version: int | None, previous: int | None, hours: float) -> Stamp:
    """The stamp of a move, so many hours after the start."""
    time = after(hours).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Stamp(
        move=move, version=version, previous=previous, commit="abc", actor="ada", time=time
    )


def case(
    new: int = 2,
    *,
    hours: float = 0,
    staging: int | None = None,
    stamps: dict[int, Stamp] | None = None,
    comparison: Comparison | None = None,
) -> gating.Case:
    """A version that is to enter an empty Production; Staging holds `staging` and has `stamps`."""
    held = HeldModel(
        name="wind",
        aliases=MappingProxyType({} if staging is None else {"staging": staging}),
        stamps=MappingProxyType({"staging": MappingProxyType(stamps)} if stamps else {}),
    )
    change = Change(
        model="wind",
        stage="Production",
        action=Action.FILL,
        old=None,
        new=new,
        move=1,
        carrier=new,
    )
    version = Version(number=new, status="READY")
    return gating.Case(
        change=change, held=held, new=version, old=None, now=after(hours), comparison=comparison
    )


def measured(
    *, size: int | None = None, milliseconds: float | None = None, trouble: str = "", side: str = ""
) -> Comparison:
    """A comparison that measured a size, a time, both or neither."""
    artifact = size is not None and Artifact(
        folder=Path("gone"),
        digest="sha256:" + "0" * 64,
        size=size,
        signature=None,
        flavour="sklearn",
        serialization=None,
        python=None,
        requirements=(),
        example=False,
    )
    predictions = milliseconds is not None and Predictions(
        kind="regression",
        source="one row",
        series=Series(labels=("1",), new=np.zeros(1), old=None, actual=None),
        new_cost=Cost(milliseconds=milliseconds, mebibytes=1.0),
    )
    version = Version(number=2, status="READY")
    return Comparison(
        model="wind",
        new=Side(label="version 2", version=version, artifact=artifact or None, trouble=side),
        predictions=predictions or None,
        trouble=trouble,
    )
