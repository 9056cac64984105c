"""Turns: an apply waits for its turn to write, keeps it while it writes, and gives it up.

A turn is the lock of the registry. Whoever holds it says every few seconds that it is alive. Who
waits takes the lock over once it has asked many times and seen no sign of life; no clocks of two
machines are compared, and a server that stalls for both does not count against the one. Where the
registry does not let models be made, an apply goes on without a turn: it reads again what it is
about to write, and reads back what it wrote.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Event, Thread
from threading import Lock as Mutex
from typing import TYPE_CHECKING, Self

from mlgitops.core.stamp import iso
from mlgitops.errors.applying import ApplyUnderWayError
from mlgitops.errors.registry import (
    RegistryDeniedError,
    RegistryError,
    RegistryExistsError,
    RegistryFaultError,
    RegistryGoneError,
    RegistryNotFoundError,
    RegistryRequestError,
)
from mlgitops.words import when

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

    from mlgitops.core.lock import Lock
    from mlgitops.core.registry import Registry

INTERRUPTED = "the apply was interrupted"
_LOST = "another apply took over, because this one gave no sign of life; apply again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How often an apply gives signs of life, and asks for those of another; all in seconds.

    Attributes:
        sign: between two signs of life.
        ask: between two questions whether the lock is free.
        silent: how many questions without a sign of life show that the apply is gone.
        wait: how long an apply waits for its turn.
        certain: for how long after a sign of life nobody can have taken over.
    """

    sign: float = 5.0
    ask: float = 1.0
    silent: int = 30
    wait: float = 900.0
    certain: float = 15.0


PACE = Pace()


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """How an apply is told of, and told to end.

    Attributes:
        progress: is told of each step.
        warn: is told what the person who applies has to know.
        stopped: whether the apply is to begin nothing more.
    """

    progress: Callable[[str], None] = lambda _: None
    warn: Callable[[str], None] = lambda _: None
    stopped: Callable[[], bool] = lambda: False


class Turn:
    """The turn of one apply, from entering the block to its end.

    Attributes:
        complete: whether nothing is left half done; if not, the lock is set aside at the end.
    """

    def __init__(
        self, registry: Registry, lock: Lock, now: Callable[[], datetime], watch: Watch
    ) -> None:
        self.complete = True
        self._registry, self._lock, self._now, self._watch = registry, lock, now, watch
        self._has, self._over, self._renewed = False, "", time.monotonic()
        self._ended, self._renewing = Event(), Mutex()
        self._signs = Thread(target=self._give_signs, name="mlgitops lock", daemon=True)

    def __enter__(self) -> Self:
        """Wait for the turn.

        Raises:
            ApplyUnderWayError: another apply does not end.
            RegistryError: the registry could not be used.
        """
        try:
            self._has = self._take() or self._wait()
        except (RegistryDeniedError, RegistryNotFoundError, RegistryRequestError) as error:
            self._watch.warn(f"applying without a lock, which the registry refuses: {error}")
        if self._has:
            self._signs.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._has:
            return
        self._ended.set()
        self._signs.join()
        try:
            if not (self._certain or self._mine()):
                return
            if self.complete and kind is None:
                self._registry.remove_lock(self._lock)
            else:
                self._registry.move_lock(self._lock, aside=True)
        except RegistryGoneError:
            return  # the answer to the first of two tries was lost
        except RegistryError as failed:
            self._watch.warn(f"the lock {self._lock.name} is left behind: {failed}")

    @property
    def over(self) -> str:
        """Why no other model may be begun; empty while one may."""
        if self._watch.stopped():
            return INTERRUPTED
        if self._has and not self._certain:
            with suppress(RegistryError):  # then the writes fail as well
                self._renew()
        return self._over

    @property
    def _certain(self) -> bool:
        """Whether the last sign of life is too young for anyone to have taken over."""
        return time.monotonic() - self._renewed < PACE.certain

    def _take(self) -> bool:
        now = iso(self._now())
        self._lock = replace(self._lock, begun=now, alive=now)
        self._renewed = time.monotonic()
        try:
            self._registry.take_lock(self._lock)
        except (RegistryExistsError, RegistryGoneError):  # it may go while MLflow looks at it
            return self._mine()  # the answer to the first of two tries may be lost
        return True

    def _wait(self) -> bool:
        """Whether it is this apply's turn, after all who came before."""
        deadline = time.monotonic() + PACE.wait
        seen, silent = None, 0
        while not self._watch.stopped():
            found = self._current()
            silent = silent + 1 if found == seen else 0
            seen = found
            if found and silent >= PACE.silent:
                self._set_aside(found)
            if (not found or silent >= PACE.silent) and self._take():
                return True
            if time.monotonic() > deadline:
                raise ApplyUnderWayError(
                    f"{found or 'another apply'}, and has not ended for {PACE.wait / 60:g} minutes;"
                    " nothing was changed; wait for it to end, and apply again"
                )
            if found:
                since = f", since {when(found.begun)}" if found.begun else ""
                self._watch.progress(f"waiting for the apply of {found.actor}{since}")
            time.sleep(PACE.ask)
        self._over = INTERRUPTED
        return False

    def _set_aside(self, gone: Lock) -> None:
        """Take the lock from an apply that gives no sign of life; from nobody else."""
        # on MySQL, MLflow answers a rename to a name that is taken with an error of its own
        with suppress(RegistryGoneError, RegistryExistsError, RegistryFaultError):
            self._registry.move_lock(gone, aside=True)
            found = self._registry.locks()
            if not any(lock.aside and lock.id == gone.id for lock in found):
                # meanwhile it had become another's
                self._registry.move_lock(replace(gone, aside=True), aside=False)

    def _give_signs(self) -> None:
        while not self._ended.wait(PACE.sign):
            with suppress(RegistryError):
                self._renew()

    def _renew(self) -> None:
        with self._renewing:
            if not self._mine():
                self._over, self._renewed = _LOST, -math.inf
                return
            self._registry.renew_lock(replace(self._lock, alive=iso(self._now())))
            self._renewed = time.monotonic()

    def _mine(self) -> bool:
        found = self._current()
        return found is not None and found.id == self._lock.id

    def _current(self) -> Lock | None:
        """The lock that is in force."""
        return next((lock for lock in self._registry.locks() if not lock.aside), None)
