"""What a stage waits for: a version that soaks, or the end of a freeze. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from mlgitops.core.refused import latest, refusal
from mlgitops.core.stage import alias_of
from mlgitops.core.status import StageState
from mlgitops.gates import units
from mlgitops.gates.promoted_from import PromotedFromGate
from mlgitops.words import over

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mlgitops.core.desired import Desired
    from mlgitops.core.record import Entry
    from mlgitops.core.stage import StageKey
    from mlgitops.core.status import StageStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Soak:
    """A version that a stage may take once it has been in another one for long enough.

    Attributes:
        stage: where it is.
        since: when it came there, as its stamp says.
        span: for how long it must stay, as models.yaml writes it.
        through: when that is over.
    """

    version: int
    stage: str
    since: str
    span: str
    through: datetime

    @property
    def end(self) -> str:
        """When it is over, in words."""
        return over(self.through)


def soaks(
    desired: Desired, stages: Sequence[StageStatus], now: datetime
) -> Mapping[StageKey, Soak]:
    """The version that each stage waits for, where its gates ask for a soak that is not over."""
    slots = {(one.model, alias_of(one.stage)): one for one in stages}
    found = {}
    for (model, alias), stage in slots.items():
        declared = desired.models.get(model)
        for gate in declared.gates_for(alias) if declared else ():
            if not isinstance(gate, PromotedFromGate) or not gate.soak:
                continue
            origin = slots.get((model, alias_of(gate.promoted_from)))
            if origin and (soak := _soak(gate, origin, stage, now)):
                found[model, alias] = soak
    return found


def _soak(
    gate: PromotedFromGate, origin: StageStatus, stage: StageStatus, now: datetime
) -> Soak | None:
    if origin.stamp is None or origin.actual is None or origin.actual == stage.actual:
        return None
    through = datetime.fromisoformat(origin.stamp.time) + units.duration(gate.soak)
    if now >= through:
        return None
    return Soak(
        version=origin.actual,
        stage=gate.promoted_from,
        since=origin.stamp.time,
        span=gate.soak,
        through=through,
    )


def noted(
    desired: Desired, stages: Sequence[StageStatus], now: datetime, entries: Iterable[Entry]
) -> tuple[StageStatus, ...]:
    """Stages, each with what it waits for in its note, and why the last apply refused it.

    Args:
        desired: models.yaml.
        stages: how they stand.
        now: the end of what lasts.
        entries: the changes that applies recorded, the oldest first.
    """
    soaking, last = soaks(desired, stages, now), latest(entries)

    def waits(stage: StageStatus) -> Iterator[str]:
        soak = soaking.get((stage.model, alias_of(stage.stage)))
        if soak:
            yield f"version {soak.version} soaks in {soak.stage} until {soak.end}"
        if stage.state is StageState.PENDING:
            yield refusal(last, stage, soaks=soak is not None)
        declared = desired.models.get(stage.model)
        freezes = (desired.freeze, declared.freeze if declared else None)
        if stage.state in (StageState.PENDING, StageState.DRIFT):
            for freeze in freezes:
                if freeze and freeze.lasts(now):
                    yield str(freeze)

    return tuple(
        replace(one, note="; ".join(filter(None, (one.note, *waits(one))))) for one in stages
    )
