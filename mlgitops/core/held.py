"""What the registry's stages hold now, as values that planning compares with the desired state.

Nothing here talks to a registry; `mlgitops.registry` fills these in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of, classic_stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.core.lock import Lock
    from mlgitops.core.stamp import Stamp


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldModel:
    """One registered model, as a single paged search shows it.

    Attributes:
        name: the registered model's name.
        aliases: alias, as the registry spells it → version.
        classic: classic stage → the version that `models:/NAME/STAGE` resolves to.
        stamps: alias → the stamps of that stage on this model's versions, keyed by the version
            that carries the stamp.
        has_classic: whether the registry has classic stages at all.
        told: recipient → alias → the key of the move that it was last told of.
        states: version → `READY` or what else it is, of the versions that carry a stamp.
        stages: what each stage holds, by its alias in lower case: the version of the alias, else
            that of the classic stage.
        spelled: alias in lower case → as the registry spells it.
        clashes: aliases that differ in case only, so that nobody can say what their stage holds.
        prompt: whether it is a prompt, which MLflow keeps among its models.
    """

    name: str
    prompt: bool = False
    aliases: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    classic: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    stamps: Mapping[str, Mapping[int, Stamp]] = field(default_factory=lambda: MappingProxyType({}))
    has_classic: bool = True
    states: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    told: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    stages: Mapping[str, int] = field(init=False, compare=False)
    spelled: Mapping[str, str] = field(init=False, compare=False)
    clashes: tuple[tuple[str, str], ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        stages = {alias_of(stage): version for stage, version in self.classic.items()}
        spelled: dict[str, str] = {}
        clashes = []
        for spelling, version in sorted(self.aliases.items()):
            alias = alias_of(spelling)
            if alias in spelled:
                clashes.append((spelled[alias], spelling))
            stages[alias], spelled[alias] = version, spelling
        for name, value in (("stages", stages), ("spelled", spelled), ("clashes", tuple(clashes))):
            object.__setattr__(self, name, value)

    def newest_stamp(self, alias: str) -> tuple[int, Stamp] | None:
        """The stamp of the last move of a stage and the version that carries it, if any.

        Of two that were written at once, it is the one of the version that holds the stage.
        """
        stamps, holder = self.stamps.get(alias, {}), self.stages.get(alias)
        if len(stamps) == 1:
            return next(iter(stamps.items()))
        found = ((stamp.move, carrier == holder, carrier) for carrier, stamp in stamps.items())
        carrier = max(found, default=(0, False, 0))[2]
        return (carrier, stamps[carrier]) if carrier else None

    def is_contested(self, alias: str) -> bool:
        """Whether two applies stamped the last move of a stage at once: neither is the newest."""
        stamps = self.stamps.get(alias, {})
        if len(stamps) < 2:
            return not stamps
        moves = sorted(stamp.move for stamp in stamps.values())
        return moves[-2:-1] == moves[-1:]

    def name_of(self, alias: str) -> str:
        """What people call a stage that holds a version."""
        return classic_stage(alias) or self.spelled[alias]

    def owner_of(self, alias: str) -> str | None:
        """Who manages a stage; None if nobody does. A stage that its owner emptied is free."""
        newest = self.newest_stamp(alias)
        if newest is None or not newest[1].owner:
            return None
        free = newest[1].version is None and alias not in self.stages
        return None if free else newest[1].owner

    def carried_by(self, version: int) -> dict[str, Stamp]:
        """The stamps that a version carries, by alias."""
        return {a: stamps[version] for a, stamps in self.stamps.items() if version in stamps}

    def stamp_in_force(self, alias: str) -> Stamp | None:
        """The newest stamp of `alias`, provided that the stage is as it left it: filled or empty.

        None means that mlgitops did not put the held version there, or did not take it away.
        """
        newest = self.newest_stamp(alias)
        if newest is None:
            return None
        carrier, stamp = newest
        as_left = self.stages.get(alias) == stamp.version and stamp.version in (None, carrier)
        return stamp if as_left else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """Registered models by name.

    Attributes:
        registry: the identity of the registry that holds them.
        locks: the applies that have begun and not ended in order.
    """

    models: Mapping[str, HeldModel]
    registry: str = ""
    locks: tuple[Lock, ...] = ()

    def model(self, name: str) -> HeldModel:
        """The model `name`, or an empty one where the registry has none."""
        return self.models.get(name) or HeldModel(name=name)
