"""Versions that nothing needs: what may be deleted without anybody missing it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.core.stage import CLASSIC_STAGES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mlgitops.core.desired import Desired, DesiredModel
    from mlgitops.core.held import Held, HeldModel
    from mlgitops.core.version import Version, VersionKey


@dataclass(frozen=True, kw_only=True, slots=True)
class Unused:
    """A version that nothing needs."""

    model: str
    version: Version


def unused(
    desired: Desired,
    held: Held,
    versions: Mapping[VersionKey, Version],
    back: Collection[VersionKey],
) -> tuple[Unused, ...]:
    """The versions that nothing needs, in the order of the file, oldest first.

    Only of models that models.yaml lists: of others it does not say what they are for.

    Args:
        desired: what stages, pins and recipes need.
        held: what aliases and classic stages hold, whoever set them.
        versions: all versions of the models.
        back: those that a rollback returns to.
    """
    numbers: dict[str, list[int]] = {name: [] for name in desired.models}
    for model, number in sorted(versions):
        numbers[model].append(number)
    found = []
    for name, wanted in desired.models.items():
        needed = {*_declared(wanted), *_held(held.model(name))}
        for number in numbers[name]:
            key = (name, number)
            in_stage = versions[key].classic in CLASSIC_STAGES
            if not (number in needed or in_stage or key in back):
                found.append(Unused(model=name, version=versions[key]))
    return tuple(found)


def _declared(model: DesiredModel) -> Iterator[int]:
    """The versions that models.yaml names; a recipe's is made anew under no other number."""
    yield from (stage.version for stage in model.stages if stage.version is not None)
    yield from model.versions


def _held(model: HeldModel) -> Iterator[int]:
    """The versions that are in a stage, and those that the last move of one replaced."""
    yield from model.aliases.values()
    yield from model.classic.values()
    for alias in model.stamps:
        newest = model.newest_stamp(alias)
        if newest and newest[1].previous is not None:
            yield newest[1].previous
