"""Predictions: here if they are quick, else in threads; none waits for ever, and not too many."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from .scoring import Reply, failure

if TYPE_CHECKING:
    from .scoring import Scorer
    from .settings import Settings
    from .watch import Watch


class Predictor:
    """Scores requests of one process."""

    def __init__(self, scorer: Scorer, settings: Settings, watch: Watch) -> None:
        self._scorer, self._settings, self._watch = scorer, settings, watch
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="predict")
        self._given: set[Future[Reply]] = set()  # to the threads, and not yet done

    @property
    def is_stuck(self) -> bool:
        """Whether every thread is at a prediction that has outlived its limit."""
        return min(self._watch.threads_since()) > self._settings.timeout

    async def answer(self, body: bytes, content_type: str | None) -> Reply:
        """Score a request, within its limit; a body that is no request is answered too."""
        if self._scorer.is_quick(body):
            self._watch.begin()
            try:
                return self._scorer.answer(body, content_type)
            finally:
                self._watch.end()
        if self.is_stuck or len(self._given) >= self._settings.threads + self._settings.queue:
            return _busy()
        given = self._threads.submit(self._scored, body, content_type)
        self._given.add(given)
        given.add_done_callback(self._given.discard)
        await asyncio.wait({asyncio.wrap_future(given)}, timeout=self._settings.timeout)
        if given.done():
            return _busy() if given.cancelled() else given.result()
        given.cancel()
        if self.is_stuck:  # this process is about to be replaced: those that wait may go elsewhere
            for waiting in tuple(self._given):
                waiting.cancel()
        seconds = f"{self._settings.timeout:g} s"
        return failure(504, "DEADLINE_EXCEEDED", f"there was no prediction within {seconds}")

    def _scored(self, body: bytes, content_type: str | None) -> Reply:
        with self._watch.thread():
            return self._scorer.answer(body, content_type)


def _busy() -> Reply:
    return failure(503, "TEMPORARILY_UNAVAILABLE", "too many predictions are waiting")
