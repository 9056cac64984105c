"""Starts what waits, one after the other, beside the server that takes deliveries."""

from __future__ import annotations

import time
from threading import Condition
from typing import TYPE_CHECKING, Any

from mlgitops.errors import GitHubDeniedError, GitHubError, GitHubRejectedError
from mlgitops.errors.registry import RegistryError
from mlgitops.receiver.events import Kind
from mlgitops.receiver.waiting import Waiting
from mlgitops.words import count, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mlgitops.core.held import HeldModel
    from mlgitops.core.registry import RegistryReader
    from mlgitops.receiver.events import Event
    from mlgitops.receiver.waiting import Batch, Pace

_NAMED = 20  # events that a run is told of
_MOMENT = 0.5  # seconds until a signal is noticed: its handler cannot wake who waits
_DRAIN = 20.0  # seconds; Docker and Kubernetes kill after 30


class Worker:
    """What waits, and the loop that starts it.

    Deliveries come from several threads; `run` belongs to the main one.
    """

    def __init__(
        self,
        *,
        registry: RegistryReader,
        start: Callable[[str, Mapping[str, Any]], None],
        pace: Pace,
        tell: Callable[[str], None],
    ) -> None:
        """A worker.

        Args:
            registry: tells whose changes they were.
            start: sends GitHub an event: its type and what it carries.
            pace: how fast.
            tell: is told what was started, and what was not, in a line each.
        """
        self._registry, self._start, self._tell = registry, start, tell
        self._waiting, self._ending = Waiting(pace), False
        self._changed = Condition()

    @property
    def waiting(self) -> int:
        """How many events wait."""
        with self._changed:
            return len(self._waiting)

    def offer(self, event: Event) -> bool:
        """Take an event; False if there is no room for it, or the worker ends."""
        with self._changed:
            taken = not self._ending and self._waiting.add(event, time.monotonic())
            self._changed.notify()
        return taken

    def run(self, stopped: Callable[[], bool]) -> None:
        """Start what is due until `stopped` says so; then start all that waits, each once."""
        while not stopped():
            for batch in self._next():
                self._attempt(batch)
        with self._changed:
            self._ending, left = True, self._waiting.all()
        until = time.monotonic() + _DRAIN
        for batch in left:
            if time.monotonic() < until:
                self._attempt(batch)
            else:
                self._tell(f"did not start {batch}: stopped")

    def _next(self) -> list[Batch]:
        """What is due; waits for it for a moment."""
        with self._changed:
            now, following = time.monotonic(), self._waiting.next
            if following is None or following > now:
                wait = _MOMENT if following is None else min(_MOMENT, following - now)
                self._changed.wait(wait)
            return self._waiting.due(time.monotonic())

    def _attempt(self, batch: Batch) -> None:
        """Start a batch, unless nothing in it is somebody else's; or try again later."""
        try:
            theirs = self._theirs(batch)
            if not theirs:
                return
            self._start(batch.kind, _payload(batch.kind, theirs))
        except GitHubError as error:
            self._postpone(batch, error)
            return
        with self._changed:
            self._waiting.started(batch, time.monotonic())
        self._tell(f"started {batch}")

    def _postpone(self, batch: Batch, error: GitHubError) -> None:
        hopeless = isinstance(error, (GitHubDeniedError, GitHubRejectedError))
        with self._changed:
            again = (
                not hopeless and not self._ending and self._waiting.failed(batch, time.monotonic())
            )
        if not again:
            attempts = count(batch.tries + 1, "attempt")
            self._tell(f"could not start {batch} in {attempts}: {error}")

    def _theirs(self, batch: Batch) -> list[Event]:
        """The events that nobody at this end has made, as far as the registry tells."""
        events = sorted(batch.events, key=str)
        try:
            if batch.kind is Kind.VERSION:
                return self._existing(events)
            return self._foreign(events)
        except RegistryError as error:
            self._tell(f"{batch} is started unchecked: {error}")
            return events

    def _existing(self, events: Iterable[Event]) -> list[Event]:
        """The newest version of each model that exists: no example of MLflow's, no deleted one."""
        asked = {(event.model, event.version or 0): event for event in events}
        found = self._registry.versions(asked)
        if missing := [str(asked[key]) for key in sorted(asked.keys() - found.keys())]:
            self._tell(f"not in the registry: {listed(missing)}")
        newest = {model: asked[model, number] for model, number in sorted(found)}
        return list(newest.values())

    def _foreign(self, events: Iterable[Event]) -> list[Event]:
        """The aliases that are not as a stamp of ours says."""
        held = self._registry.held_again({event.model for event in events})
        return [one for one in events if not _is_ours(held.model(one.model), one.alias)]


def _is_ours(model: HeldModel, alias: str) -> bool:
    """Whether an alias is as the last move of its stage left it."""
    stamp, spelled = model.stamp_in_force(alias), model.spelled.get(alias)
    return stamp is not None and stamp.version == (model.aliases[spelled] if spelled else None)


def _payload(kind: Kind, events: list[Event]) -> dict[str, Any]:
    """What the workflow is told."""
    if kind is Kind.VERSION and len(events) == 1:
        return {"model": events[0].model, "version": events[0].version}
    named = "versions" if kind is Kind.VERSION else "aliases"
    return {named: [str(event) for event in events[:_NAMED]], "count": len(events)}
