"""What waits for a person: what is out of step, blocked, proposed, frozen or soaking. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.refused import latest, refusal
from mlgitops.core.stage import alias_of
from mlgitops.core.status import StageState
from mlgitops.deploy.values import State
from mlgitops.gates.waiting import soaks
from mlgitops.report.wording import version_or_empty
from mlgitops.site.values import Need, grouped
from mlgitops.words import when

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from mlgitops.core.desired import Desired, Freeze
    from mlgitops.errors import Problem
    from mlgitops.site.values import ModelShown, PullRequest, StageShown

_WRONG = (StageState.DRIFT, StageState.PENDING)
# what is wrong comes before what only takes time
ORDER = ("drift", "failing", "refused", "blocked", "proposed", "pending", "frozen", "soaking")


def of(
    desired: Desired,
    models: Iterable[ModelShown],
    now: datetime,
    pulls: Iterable[PullRequest] = (),
    pins: Iterable[Problem] = (),
) -> tuple[Need, ...]:
    """All of them, the worst first.

    Args:
        desired: models.yaml.
        models: what the site shows of each.
        now: the end of what lasts.
        pulls: the pull requests that are open.
        pins: those that payloads do not meet.
    """
    models = tuple(models)
    broken = grouped(pins, lambda one: one.model or "")
    found = [*_proposed(pulls, models), *_frozen(desired.freeze, None, now)]
    soaking = soaks(desired, [one.status for model in models for one in model.stages], now)
    for model in models:
        found += _frozen(model.declared.freeze if model.declared else None, model, now)
        for problem in broken.get(model.name, ()):
            stage_name = problem.stage or ""
            found.append(Need(kind="failing", said=problem.message, model=model, stage=stage_name))
        last = latest(model.entries)
        for stage in model.stages:
            soak = soaking.get((model.name, alias_of(stage.status.stage)))
            refused = refusal(last, stage.status, soaks=soak is not None)
            found += _of_stage(model, stage, refused, soaks=soak is not None)
            if soak:
                said = (
                    f"version {soak.version} has been in {soak.stage} since {when(soak.since)}; "
                    f"{soak.span} are over at {soak.end}"
                )
                found.append(Need(kind="soaking", said=said, model=model, stage=stage.status.stage))
    return tuple(sorted(found, key=lambda need: ORDER.index(need.kind)))


def _proposed(pulls: Iterable[PullRequest], models: Iterable[ModelShown]) -> Iterator[Need]:
    known = {model.name: model for model in models}
    for pull in pulls:
        said = f"{pull.title}, by {pull.by}" if pull.by else pull.title
        model = known.get(pull.model)
        yield Need(kind="proposed", said=said, model=model, stage=pull.stage, pull=pull)


def _frozen(freeze: Freeze | None, model: ModelShown | None, now: datetime) -> Iterator[Need]:
    if freeze and freeze.lasts(now):
        yield Need(kind="frozen", said=str(freeze), model=model)


def _of_stage(model: ModelShown, stage: StageShown, refused: str, *, soaks: bool) -> Iterator[Need]:
    status = stage.status
    if status.state in _WRONG and (refused or not soaks):  # that it soaks is told by itself
        wanted, found = version_or_empty(status.desired), version_or_empty(status.actual)
        said = f"models.yaml: {wanted}; registry: {found}" if wanted != found else "out of step"
        yield Need(
            kind="refused" if refused else status.state.value,
            said="; ".join(filter(None, (said, status.note, refused))),
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
