"""What the gates of a stage would say of a version if it entered today."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlgitops.core import pins
from mlgitops.core.plan import Action, Change
from mlgitops.errors import UsageError
from mlgitops.proposal.collect import Request, judging
from mlgitops.recipes.package import package_of
from mlgitops.registry.lookup import no_version, require_model
from mlgitops.review.artifacts import Cabinet
from mlgitops.review.compare import NO_PINS, side
from mlgitops.review.tools import tools

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlgitops.core.desired import Desired
    from mlgitops.core.evidence import Side
    from mlgitops.core.held import HeldModel
    from mlgitops.core.pins import Pins
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.version import Version
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.review.environments import Environments
    from mlgitops.review.tools import Tools
    from mlgitops.system.store import Store


def tried(
    registry: RegistryReader,
    desired: Desired,
    model: str,
    number: int,
    stages: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _: None,
    own: Environments | None = None,
    store: Store | None = None,
) -> tuple[Exhibit, ...]:
    """What gates say of a version, for each stage; nothing is written.

    Args:
        registry: where the version is.
        desired: models.yaml.
        model: its name.
        number: of the version.
        stages: those that are meant, as they are declared; all with gates if empty.
        progress: is told of each stage.
        own: as in `mlgitops.proposal.collect.Request`.
        store: the same.

    Raises:
        UsageError: there is no such version, or models.yaml has no gates of the model for these
            stages.
        RegistryError: the registry could not be read.
    """
    held, bare = require_model(registry, model), registry.version(model, number)
    if bare is None:
        raise no_version(registry, model, number)
    declared = desired.models.get(model)
    aliases = [
        one.alias
        for one in desired.stages.listed
        if declared and declared.gates_for(one.alias) and (not stages or one.name in stages)
    ]
    if not aliases:
        of = f"stage {' or '.join(stages)}" if stages else "any stage"
        raise UsageError(f"{desired.file} has no gates of {model} for {of}; add some to try")
    found = []
    with Cabinet(registry, progress) as cabinet, tools(package_of(desired), own, store) as shared:
        new = side_of(registry, model, bare, cabinet, pins.declared(desired))
        for alias in aliases:
            progress(f"judging {model} version {number} for {alias}")
            found.append(entering(registry, desired, held, alias, new, cabinet, shared))
    return tuple(found)


def side_of(
    registry: RegistryReader, model: str, bare: Version, cabinet: Cabinet, pinned: Pins = NO_PINS
) -> Side:
    """A version with its evidence, and its payload unless another one is pinned."""
    known = registry.evidence(bare)
    return side(model, f"version {bare.number}", known, cabinet, pinned)


def entering(
    registry: RegistryReader,
    desired: Desired,
    held: HeldModel,
    alias: str,
    new: Side,
    cabinet: Cabinet,
    shared: Tools,
) -> Exhibit:
    """What the gates of a stage say of a version as if it entered today.

    It is held against what the stage holds now; where that is the version itself, against what the
    stage held before.
    """
    version, stamp = new.version, held.stamp_in_force(alias)
    present = held.stages.get(alias)
    if present == version.number:
        present = stamp.previous if stamp and stamp.previous != version.number else None
    bare = registry.version(held.name, present) if present else None
    pinned = pins.declared(desired)
    old = side_of(registry, held.name, bare, cabinet, pinned) if bare else None
    change = Change(
        model=held.name,
        stage=desired.stages.name_of(alias),
        action=Action.REPLACE if old else Action.FILL,
        old=old.version.number if old else None,
        new=version.number,
        move=stamp.move if stamp else 1,
        carrier=version.number,
    )
    request = Request(now=datetime.now(UTC))
    return judging(change, old, new, desired, held, request, shared)()
