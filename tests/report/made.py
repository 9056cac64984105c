"""Plans with full evidence, made by hand: what reports are tested on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlgitops.core import plan
from mlgitops.core.desired import Desired, DesiredModel, DesiredStage
from mlgitops.core.diff import plan_model
from mlgitops.core.evidence import (
    Artifact,
    Comparison,
    Cost,
    Fact,
    Mover,
    Past,
    Predictions,
    Series,
    Side,
    Slice,
)
from mlgitops.core.gate import Result, Verdict
from mlgitops.core.held import Held, HeldModel
from mlgitops.core.metrics import Interval, differences
from mlgitops.core.signature import Column, Signature
from mlgitops.core.version import DatasetUse, Version
from mlgitops.errors import Where
from mlgitops.proposal.collect import Exhibit
from mlgitops.proposal.propose import Proposal

if TYPE_CHECKING:
    from collections.abc import Iterable

POWER = "power-forecasting-model"
TUMOUR = "tumour-diagnosis-model"
_ROWS = "731 held-out rows of windfarm (digest 1a2b3c4d)"


def version(number: int, mae: float, r2: float, **params: str) -> Version:
    """A version of the wind farm's model."""
    return Version(
        number=number,
        status="READY",
        run_id=f"{number:032x}",
        metrics={"test_mae": mae, "test_r2": r2, "training_score": 0.9},
        params=params,
        uri=f"models:/{POWER}/{number}",
        created=f"2026-11-0{number}T12:00:00Z",
        datasets=(DatasetUse(name="windfarm", digest="1a2b3c4d", context="test"),),
        seconds=4.5 * number,
        commit=f"{number}" * 40,
    )


LINEAR = version(1, 361.335, 0.921313, estimator="linear", tol="1e-6")
BOOSTING = version(2, 160.008, 0.977031, estimator="gradient_boosting", max_iter="200")


def side(number: Version, size: int, *columns: str) -> Side:
    """A side with an artifact."""
    inputs = tuple(Column(name=name, type="double") for name in columns)
    artifact = Artifact(
        folder=Path("gone"),
        digest=f"sha256:{number.number:064x}",
        size=size,
        signature=Signature(inputs=inputs, outputs=(Column(name="power", type="double"),)),
        flavour="sklearn",
        serialization="skops",
        python="3.11.7",
        requirements=("mlflow==3.17.2", f"scikit-learn==1.{number.number}"),
        example=True,
    )
    return Side(label=f"version {number.number}", version=number, artifact=artifact)


def part(
    column: str, label: str, rows: int, old: float, new: float, bounds: tuple[float, float]
) -> Slice:
    """The mean absolute error on a slice of the held-out days."""
    low, high = bounds
    return Slice(
        column=column,
        label=label,
        rows=rows,
        metric="mae",
        old=old,
        new=new,
        interval=Interval(low=low, high=high, level=0.95),
        better="lower",
    )


def predictions() -> Predictions:
    """Both versions on the held-out days of the wind farm."""
    days = np.arange(731.0)
    old, new = 900 + days % 90, 900 + days % 90 + 300 * np.sin(days)
    return Predictions(
        kind="regression",
        source=_ROWS,
        series=Series(labels=tuple(map(str, range(731))), new=new, old=old, actual=new + 1),
        new_cost=Cost(milliseconds=3.25, mebibytes=96.5),
        old_cost=Cost(milliseconds=1.5, mebibytes=61.0),
        changed=0.932,
        quantiles={0.05: -296.2, 0.5: 0.25, 0.95: 296.4},
        movers=(
            Mover(row="2019-03-04", old=1800.0, new=1100.5, actual=1090.0),
            Mover(row="2020-11-23", old=300.0, new=910.25, actual=None),
        ),
        scores=tuple(
            replace(one, interval=Interval(low=low, high=high, level=0.95))
            for one, (low, high) in zip(
                differences({"mae": 361.335, "r2": 0.9213}, {"mae": 160.008, "r2": 0.977}),
                ((-227.5, -177.75), (-0.005, 0.12)),
                strict=True,
            )
        ),
    )


REGRESSION = Comparison(
    model=POWER,
    old=side(LINEAR, 41_000, "temperature_00", "wind_speed_00", "temperature_16"),
    new=side(BOOSTING, 1_600_000, "temperature_00", "wind_speed_00"),
    metrics=differences(LINEAR.metrics, BOOSTING.metrics),
    parameters=(
        ("estimator", "linear", "gradient_boosting"),
        ("max_iter", None, "200"),
        ("tol", "1e-6", None),
    ),
    facts=(
        Fact(name="test data", old="windfarm (1a2b3c4d)", new="windfarm (1a2b3c4d)"),
        Fact(
            name="commit",
            old="111111111111",
            new="222222222222",
            link="https://github.com/windy/farm/compare/1111...2222",
        ),
        Fact(name="size", old="41.0 kB", new="1.6 MB"),
        Fact(name="training time", old=None, new="9.0 s"),
    ),
    requirements=(("scikit-learn", "1.1", "1.2"), ("skops", None, "0.13")),
    columns=("input temperature_16 (double) removed",),
    breaks=("input temperature_16 was removed",),
    warnings=("the versions were tested on different data; do not compare their metrics",),
    predictions=predictions(),
    slices=(
        part("quarter", "January to March", 180, 210.5, 260.25, (12.5, 87.0)),
        part("wind_direction_16", "236 to 275", 182, 394.0, 190.0, (-300.25, -111.5)),
        part("month", "June", 60, 239.0, 190.0, (-163.5, 65.5)),
    ),
    history=(
        Past(number=1, metrics={"test_mae": 361.335, "test_r2": 0.921}, stages=("Production",)),
        Past(number=2, metrics={"test_mae": 160.008, "test_r2": 0.977}, stages=()),
        Past(number=3, metrics={"test_mae": float("nan")}, stages=()),
        Past(number=4, metrics={"test_mae": 420.5, "test_r2": 0.9}, stages=("Staging", "canary")),
    ),
)
CLASSIFICATION = Comparison(
    model=TUMOUR,
    old=Side(label="version 1", version=replace(LINEAR, metrics={"test_accuracy": 0.95})),
    new=Side(label="version 2", version=replace(BOOSTING, metrics={"test_accuracy": 0.97})),
    metrics=differences({"test_accuracy": 0.95}, {"test_accuracy": 0.97}),
    predictions=Predictions(
        kind="classification",
        source="the input example, 57 rows",
        series=Series(labels=("0", "1"), new=np.array([0, 1]), old=np.array([0, 0]), actual=None),
        new_cost=Cost(milliseconds=2.0, mebibytes=80.0),
        old_cost=Cost(milliseconds=2.0, mebibytes=80.0),
        changed=2 / 57,
        confusion={
            ("benign", "benign"): 35,
            ("benign", "malignant"): 2,
            ("malignant", "malignant"): 20,
        },
    ),
)
PASSED = Verdict(
    rule="test_r2 min 0.9", result=Result.PASSED, expected="at least 0.9", actual="0.977031"
)
FAILED = Verdict(
    rule="signature compatible",
    result=Result.FAILED,
    expected="a signature that callers of the stage can use",
    actual="input temperature_16 was removed",
)


def exhibit(
    model: str,
    comparison: Comparison | None,
    *verdicts: Verdict,
    stage: str = "Production",
) -> Exhibit:
    """A replacement of version 1 by version 2."""
    held = HeldModel(name=model, aliases={stage.lower(): 1}, classic={stage: 1})
    target = plan.Target(
        stage=stage,
        alias=stage.lower(),
        version=2,
        where=Where(file="models.yaml", line=5, column=9),
    )
    (change,) = plan_model(held, (target,), "").changes
    return Exhibit(change=change, verdicts=verdicts, comparison=comparison)


def proposal(exhibits: Iterable[Exhibit]) -> Proposal:
    """A plan of some changes."""
    listed = tuple(exhibits)
    where = Where(file="models.yaml", line=1, column=1)
    models = {
        one.change.model: DesiredModel(
            name=one.change.model,
            description=None,
            owners=(),
            versions={},
            gates={},
            stages=(DesiredStage(name=one.change.stage, version=2, where=where),),
            where=where,
        )
        for one in listed
    }
    plans = tuple(
        plan.ModelPlan(
            model=one.change.model,
            changes=(one.change,),
            targets=(),
            classic={},
            held_classic={},
            carried={},
        )
        for one in listed
    )
    return Proposal(
        desired=Desired(file="models.yaml", models=models),
        held=Held(models={}),
        plan=plan.Plan(models=plans, stages=len(listed)),
        exhibits=listed,
        objections=(),
    )


def two_changes() -> Proposal:
    """One change that passes, and one that a gate refuses."""
    return proposal(
        [exhibit(TUMOUR, CLASSIFICATION, PASSED), exhibit(POWER, REGRESSION, PASSED, FAILED)]
    )
