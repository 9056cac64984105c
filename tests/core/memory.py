"""A registry of one model in memory, which two applies ask in an order that a test draws."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, cycle
from threading import Condition
from typing import TYPE_CHECKING

from mlgitops.core.held import Held, HeldModel
from mlgitops.core.stage import CLASSIC_STAGES
from mlgitops.errors.registry import RegistryDeniedError, RegistryExistsError, RegistryGoneError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from mlgitops.core.classic import Transition
    from mlgitops.core.lock import Lock
    from mlgitops.core.stamp import Stamp

MODEL = "wind"


class Order:
    """Whose request is the next: who is asked for waits for nobody once the other has ended."""

    def __init__(self, drawn: Iterable[int]) -> None:
        self._changed, self._ended = Condition(), set[int]()
        self._order = chain(drawn, cycle((0, 1)))
        self._next = next(self._order)

    @contextmanager
    def request(self, who: int) -> Iterator[None]:
        """A request of `who`, once it is the next one."""
        with self._changed:
            self._changed.wait_for(lambda: self._next == who or 1 - who in self._ended)
            yield
            self._next = next(self._order)
            self._changed.notify_all()

    def end(self, who: int) -> None:
        """`who` asks nothing any more."""
        with self._changed:
            self._ended.add(who)
            self._changed.notify_all()


@dataclass(kw_only=True)
class Stored:
    """What the registry holds."""

    aliases: dict[str, int] = field(default_factory=dict)
    classic: dict[int, str] = field(default_factory=dict)
    tags: dict[int, Mapping[str, Stamp]] = field(default_factory=dict)
    locks: dict[str, Lock] = field(default_factory=dict)

    @property
    def latest(self) -> dict[str, int]:
        """Classic stage → its latest version."""
        found = {stage: version for version, stage in sorted(self.classic.items())}
        return {stage: found[stage] for stage in CLASSIC_STAGES if stage in found}


@dataclass(kw_only=True)
class Memory:
    """The registry as one apply sees it; each method is one request, or two where it is said.

    Attributes:
        locks_out: whether the registry lets nobody make a model, so that there is no lock.
    """

    stored: Stored
    order: Order
    who: int
    locks_out: bool
    identity: str = "memory"
    at_once: int = 1

    def held(self, declared: Collection[str] = ()) -> Held:
        """Two requests: the aliases, then the stamps."""
        del declared
        with self.order.request(self.who):
            aliases, classic = dict(self.stored.aliases), self.stored.latest
            locks = tuple(self.stored.locks.values())
        stamps: dict[str, dict[int, Stamp]] = defaultdict(dict)
        with self.order.request(self.who):
            for version, tag in self.stored.tags.items():
                for alias, stamp in tag.items():
                    stamps[alias][version] = stamp
        model = HeldModel(name=MODEL, aliases=aliases, classic=classic, stamps=stamps)
        return Held(models={MODEL: model}, registry=self.identity, locks=locks)

    def held_again(self, names: Collection[str], *, among: int = 0) -> Held:  # noqa: ARG002
        """As above."""
        return self.held(names) if names else Held(models={})

    def locks(self) -> tuple[Lock, ...]:
        """The locks."""
        with self.order.request(self.who):
            return tuple(self.stored.locks.values())

    def classic_stages(self, name: str) -> Mapping[int, str]:
        """Every version's classic stage."""
        del name
        with self.order.request(self.who):
            return dict(self.stored.classic)

    def stamp(self, name: str, number: int, stamps: Mapping[str, Stamp]) -> None:
        """Overwrites the tag."""
        del name
        with self.order.request(self.who):
            self.stored.tags[number] = dict(stamps)

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Overwrites the alias."""
        del name
        with self.order.request(self.who):
            self.stored.aliases[alias] = number

    def delete_alias(self, name: str, alias: str) -> None:
        """Removes the alias."""
        del name
        with self.order.request(self.who):
            self.stored.aliases.pop(alias, None)

    def set_classic_stage(self, name: str, transition: Transition) -> None:
        """Moves one version, and archives the others in the same transaction."""
        del name
        with self.order.request(self.who):
            for version, stage in self.stored.classic.items():
                if transition.archive_others and stage == transition.stage:
                    self.stored.classic[version] = "Archived"
            self.stored.classic[transition.version] = transition.stage

    def take_lock(self, lock: Lock) -> None:
        """Makes a name only once."""
        with self.order.request(self.who):
            if self.locks_out:
                raise RegistryDeniedError("no models")
            if lock.name in self.stored.locks:
                raise RegistryExistsError(lock.name)
            self.stored.locks[lock.name] = lock

    def renew_lock(self, lock: Lock) -> None:
        """Overwrites a tag."""
        with self.order.request(self.who):
            if lock.name not in self.stored.locks:
                raise RegistryGoneError(lock.name)
            found = self.stored.locks[lock.name]
            self.stored.locks[lock.name] = replace(found, alive=lock.alive)

    def move_lock(self, lock: Lock, *, aside: bool) -> None:
        """Renames only once."""
        with self.order.request(self.who):
            new = replace(lock, aside=aside)
            if lock.name not in self.stored.locks:
                raise RegistryGoneError(lock.name)
            if new.name in self.stored.locks:
                raise RegistryExistsError(new.name)
            found = self.stored.locks.pop(lock.name)
            self.stored.locks[new.name] = replace(found, aside=aside)

    def remove_lock(self, lock: Lock) -> None:
        """Removes."""
        with self.order.request(self.who):
            if self.stored.locks.pop(lock.name, None) is None:
                raise RegistryGoneError(lock.name)
