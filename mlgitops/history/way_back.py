"""The ways back of stages: found by stamps and, where those do not tell, by git; then checked."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.core.blocking import why
from mlgitops.core.status import stage_statuses
from mlgitops.core.version import READY
from mlgitops.core.way_back import WayBack, is_forward, is_plain, of_stage
from mlgitops.errors import GitError
from mlgitops.history.revisions import revisions_of
from mlgitops.history.stays import former, timeline
from mlgitops.registry.presence import Presence, look

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlgitops.core.desired import Blocked, Desired
    from mlgitops.core.held import Held
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.stage import StageKey
    from mlgitops.core.status import StageStatus
    from mlgitops.core.version import VersionKey
    from mlgitops.core.way_back import Step


def with_ways_back(
    desired: Desired, held: Held, reader: RegistryReader, *, payloads: int | None = None
) -> tuple[StageStatus, ...]:
    """All stages, those of production with their ways back.

    Args:
        desired: models.yaml.
        held: what the registry holds.
        reader: the registry.
        payloads: how many payloads may be looked for, a request each; of more, none is.

    Raises:
        RegistryError: the registry could not be read.
    """
    stages = stage_statuses(desired, held)
    production = desired.stages.production
    steps = {i: step for i, one in enumerate(stages) if (step := of_stage(one, production))}
    found = ways_back(list(steps.values()), desired, held, reader, payloads=payloads)
    ways = dict(zip(steps, found, strict=True))
    return tuple(replace(one, way_back=ways.get(index)) for index, one in enumerate(stages))


def ways_back(
    steps: Sequence[Step],
    desired: Desired,
    held: Held,
    reader: RegistryReader,
    *,
    payloads: int | None = None,
) -> tuple[WayBack, ...]:
    """Where a rollback after each of some moves leads, in their order.

    Stamps that were read with the registry tell nearly all, also that a version is READY. Git is
    read once, where a stage was rolled back, healed or moved by hand. Only versions that carry no
    stamp are asked for. The digest of a pinned one is for `pin --check`, which downloads it.

    Args:
        steps: the last move of each stage.
        desired: models.yaml, whose history git may know; it blocks versions.
        held: what the registry holds.
        reader: the registry.
        payloads: how many payloads may be looked for, a request each; of more, none is.

    Raises:
        RegistryError: the registry could not be read.
    """
    found = _found(steps, desired, held)
    keys = {(s.model, w.version) for s, w in zip(steps, found, strict=True) if w.version}
    states = _states(keys, held, reader)
    ready = sorted(key for key in keys if states.get(key) == READY)
    present = look(reader, ready) if payloads is None or len(ready) <= payloads else {}

    def checked(step: Step, way: WayBack) -> WayBack:
        if way.version is None:
            return way
        key = step.model, way.version
        payload = present.get(key, Presence())
        if (state := states.get(key)) != READY:
            said = f"is {state}, not {READY}" if state else "does not exist or was deleted"
        elif payload.missing:
            said = f"cannot be used: {payload.missing}; restore its artifacts"
        else:
            return replace(way, unchecked=payload.unchecked)
        return replace(way, blocked=f"version {way.version} {said}; {_another(step)}")

    return tuple(checked(step, way) for step, way in zip(steps, found, strict=True))


def _another(step: Step) -> str:
    return f"`mlgitops rollback {step.model} {step.stage} VERSION` takes another"


def _found(steps: Sequence[Step], desired: Desired, held: Held) -> list[WayBack]:
    """The version that each rollback returns to, as far as that can be known."""
    blocked = [_blocked(desired, step.model) for step in steps]
    plain = [
        is_plain(s, held.model(s.model).stamps.get(s.slot[1], {})) and s.previous not in but
        for s, but in zip(steps, blocked, strict=True)
    ]
    declared = {} if all(plain) else declared_versions(Path(desired.file))

    def one(step: Step, simple: bool, but: Mapping[int, Blocked]) -> WayBack:
        told = None if simple else former((*declared.get(step.slot, ()), step.version), but)
        if told is None and (said := why(desired, step.model, step.previous)):
            return WayBack(blocked=f"{said}; {_another(step)}")
        if told is None and (simple or is_forward(step)):
            told = step.previous
        lost = told is None and not simple and not declared
        unchecked = "without git's history nobody knows where it leads" if lost else ""
        return WayBack(version=told, unchecked=unchecked)

    return [one(*each) for each in zip(steps, plain, blocked, strict=True)]


def _blocked(desired: Desired, model: str) -> Mapping[int, Blocked]:
    """The versions of a model that no rollback returns to."""
    declared = desired.models.get(model)
    return declared.blocked if declared else {}


def returned_to(
    desired: Desired, held: Held, declared: Mapping[StageKey, Sequence[int | None]]
) -> frozenset[VersionKey]:
    """The versions that a rollback returns to: from what git knows as declared, or is held now.

    Where git knows nothing, every version that a stamp shows to have been in a stage.
    """
    if not declared:
        return frozenset((m.name, number) for m in held.models.values() for number in m.states)
    return frozenset(
        (model, back)
        for (model, alias), versions in declared.items()
        for now in ((), (held.model(model).stages.get(alias),))
        if (back := former((*versions, *now), _blocked(desired, model))) is not None
    )


def declared_versions(file: Path) -> Mapping[StageKey, Sequence[int | None]]:
    """What each stage was declared to hold, one after the other; nothing where git does not know.

    It does not in a shallow clone, which is what a workflow checks out.
    """
    found: dict[StageKey, list[int | None]] = defaultdict(list)
    with suppress(GitError):
        for stay in timeline(revisions_of(file), None):
            found[stay.slot].append(stay.version)
    return found


def _states(keys: set[VersionKey], held: Held, reader: RegistryReader) -> Mapping[VersionKey, str]:
    """The state of each version that exists; asked for only where it was not read before."""
    known = {
        (model, number): held.model(model).states[number]
        for model, number in keys
        if number in held.model(model).states
    }
    asked = reader.versions(keys - known.keys())
    return known | {key: version.status for key, version in asked.items()}
