"""What waits for a person: what is out of step, blocked, proposed, frozen or soaking. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of
from mlgitops.core.status import StageState
from mlgitops.deploy.values import State
from mlgitops.gates import units
from mlgitops.gates.promoted_from import PromotedFromGate
from mlgitops.report.wording import version_or_empty
from mlgitops.site.values import Need

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlgitops.core.desired import Desired, Freeze
    from mlgitops.site.values import ModelShown, PullRequest, StageShown

_WRONG = (StageState.DRIFT, StageState.PENDING)
# what is wrong comes before what only takes time
ORDER = ("drift", "failing", "blocked", "proposed", "pending", "frozen", "soaking")


def of(
    desired: Desired,
    models: Iterable[ModelShown],
    now: datetime,
    pulls: Iterable[PullRequest] = (),
) -> tuple[Need, ...]:
    """All of them, the worst first.

    Args:
        desired: models.yaml.
        models: what the site shows of each.
        now: the end of what lasts.
        pulls: the pull requests that are open.
    """
    models = tuple(models)
    found = [*_proposed(pulls, models), *_frozen(desired.freeze, None, now)]
    for model in models:
        found += _frozen(model.declared.freeze if model.declared else None, model, now)
        for stage in model.stages:
            found += _of_stage(model, stage, now)
    return tuple(sorted(found, key=lambda need: ORDER.index(need.kind)))


def _proposed(pulls: Iterable[PullRequest], models: Iterable[ModelShown]) -> Iterator[Need]:
    known = {model.name: model for model in models}
    for pull in pulls:
        said = f"{pull.title}, by {pull.by}" if pull.by else pull.title
        model = known.get(pull.model)
        yield Need(kind="proposed", said=said, model=model, stage=pull.stage, pull=pull)


def _frozen(freeze: Freeze | None, model: ModelShown | None, now: datetime) -> Iterator[Need]:
    if freeze and now < freeze.until:
        said = f"no changes until {freeze.end}: {freeze.reason}"
        yield Need(kind="frozen", said=said, model=model)


def _of_stage(model: ModelShown, stage: StageShown, now: datetime) -> Iterator[Need]:
    status = stage.status
    if status.state in _WRONG:
        wanted, found = version_or_empty(status.desired), version_or_empty(status.actual)
        said = f"models.yaml: {wanted}; registry: {found}" if wanted != found else "out of step"
        yield Need(
            kind=status.state.value,
            said=f"{said}; {status.note}" if status.note else said,
            model=model,
            stage=status.stage,
        )
    blocked = model.declared.blocked.get(status.actual or 0) if model.declared else None
    if blocked:
        said = f"version {status.actual}: {blocked.reason}"
        yield Need(kind="blocked", said=said, model=model, stage=status.stage)
    for place in stage.served:
        if place.state not in (State.SERVING, State.EMPTY):
            said = f"{place.place}: {place.state.value}{f': {place.note}' if place.note else ''}"
            yield Need(kind="failing", said=said, model=model, stage=status.stage)
    yield from _soaking(model, stage, now)


def _soaking(model: ModelShown, stage: StageShown, now: datetime) -> Iterator[Need]:
    """The version that this stage may take once it has been elsewhere for long enough."""
    gates = model.declared.gates_for(alias_of(stage.status.stage)) if model.declared else ()
    for gate in gates:
        if not isinstance(gate, PromotedFromGate) or not gate.soak:
            continue
        origin = next(
            (s for s in model.stages if alias_of(s.status.stage) == alias_of(gate.promoted_from)),
            None,
        )
        stamp = origin.status.stamp if origin else None
        if origin is None or stamp is None or origin.status.actual in (None, stage.status.actual):
            continue
        through = datetime.fromisoformat(stamp.time) + units.duration(gate.soak)
        if now < through:
            said = (
                f"version {origin.status.actual} has been in {gate.promoted_from} since "
                f"{stamp.time}; {gate.soak} are over at {through:%Y-%m-%d %H:%M} UTC"
            )
            yield Need(kind="soaking", said=said, model=model, stage=stage.status.stage)
