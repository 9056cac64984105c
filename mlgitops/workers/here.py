"""Processes on this machine."""

from __future__ import annotations

import heapq
import os
import threading
from functools import partial
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING

from mlgitops.errors import CallEndedError, ProcessLostError
from mlgitops.system.processes import THREADS, cores
from mlgitops.workers.process import Process
from mlgitops.workers.values import TRIES, Answer, Ended

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Processes:
    """Workers that are processes here, each started when there is work for it.

    Args:
        width: how many there are at most.
        say: told each line that a call prints, after the call's name.
        variables: on top of those of this process.
    """

    def __init__(
        self, width: int, say: Callable[[str, str], None], variables: Mapping[str, str]
    ) -> None:
        self.width = width
        self._say = say
        # each library that computes in threads would take all cores, in each process
        threads = str(max(1, cores() // width))
        limits = {name: threads for name in THREADS if name not in os.environ}
        self._variables = {**limits, **variables}
        self._told: SimpleQueue[Ended | tuple[str, str]] = SimpleQueue()
        self._calls: list[tuple[int, int, str, Callable[..., object], tuple[object, ...]]] = []
        self._order = count()
        self._some = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    def submit(
        self, name: str, function: Callable[..., object], *arguments: object, priority: int = 0
    ) -> None:
        """See `Workers`."""
        with self._some:
            call = (-priority, next(self._order), name, function, arguments)
            heapq.heappush(self._calls, call)
            if len(self._calls) > self._idle and len(self._threads) < self.width:
                thread = threading.Thread(target=self._work, daemon=True)
                self._threads.append(thread)
                thread.start()
            self._some.notify()

    def next(self) -> Ended:
        """See `Workers`."""
        while True:
            told = self._told.get()
            if isinstance(told, Ended):
                return told
            self._say(*told)

    def close(self) -> None:
        """See `Workers`."""
        with self._some:
            self._closed = True
            self._some.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        """Have one process do what there is to do, until the end; a new one where it is lost."""
        process: Process | None = None
        while (call := self._taken()) is not None:
            _, _, name, function, arguments = call
            for tried in range(1, TRIES + 1):
                process = process or Process(self._variables)
                try:
                    answer = process.call(
                        function,
                        arguments,
                        say=partial(self._hear, name),
                        wanted=lambda: not self._closed,
                    )
                except CallEndedError:
                    return
                except ProcessLostError as error:
                    process = None
                    answer = Answer(problem=f"{error}, {TRIES} times")
                    if tried < TRIES:
                        self._told.put((name, f"{error}; it is tried again"))
                else:
                    break
            self._told.put(Ended(name=name, answer=answer, tries=tried))
        if process is not None:
            process.close()

    def _hear(self, name: str, line: str) -> None:
        self._told.put((name, line))

    def _taken(self) -> tuple[int, int, str, Callable[..., object], tuple[object, ...]] | None:
        with self._some:
            self._idle += 1
            while not self._calls and not self._closed:
                self._some.wait()
            self._idle -= 1
            return None if self._closed else heapq.heappop(self._calls)
