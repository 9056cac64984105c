"""What a build says of itself: BuildKit's plain progress → a line for each step that takes long."""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_STEP = re.compile(r"#(\d+) \[([^\]]+)\] (.+)")
_END = re.compile(r"#(\d+) (?:DONE|CACHED|CANCELED|ERROR)")
_KEPT = 12  # lines, for the case that the build fails
_LONG = 3.0  # seconds after which a step is told; what comes from the cache never is
_AGAIN = 30.0  # seconds after which it is told again
_TICK = 1.0  # seconds


@dataclass(kw_only=True)
class _Step:
    """A step under way, and when it is to be told next, in seconds of the clock."""

    name: str
    begun: float
    due: float
    told: bool = False


@dataclass(kw_only=True)
class Steps:
    """The steps under way, by BuildKit's number."""

    say: Callable[[str], None]
    running: dict[str, _Step] = field(default_factory=dict)

    def take(self, line: str, now: float) -> None:
        """Note what a line of the build says."""
        if found := _STEP.match(line):
            name = f"{found[2]}: {found[3]}"
            self.running.setdefault(found[1], _Step(name=name, begun=now, due=now + _LONG))
        elif ended := _END.match(line):
            step = self.running.pop(ended[1], None)
            if step and step.told:
                self.say(f"images: {step.name}: done in {now - step.begun:.0f} s")

    def tell(self, now: float) -> None:
        """Tell the steps that have taken long since they were told last."""
        for step in self.running.values():
            if now >= step.due:
                took = f" ({now - step.begun:.0f} s)" if step.told else ""
                self.say(f"images: {step.name}{took}")
                step.told, step.due = True, now + _AGAIN


def follow(lines: Iterable[str], say: Callable[[str], None]) -> tuple[str, ...]:
    """Tell the long steps of a build while it prints its lines; its last lines."""
    arrived: SimpleQueue[str | None] = SimpleQueue()

    def read() -> None:
        for line in lines:
            arrived.put(line)
        arrived.put(None)

    Thread(target=read, name="build", daemon=True).start()
    steps, last = Steps(say=say), deque[str](maxlen=_KEPT)
    while True:
        try:
            line = arrived.get(timeout=_TICK)
        except Empty:
            line = ""
        if line is None:
            return tuple(last)
        if line.strip():
            last.append(line.rstrip())
            steps.take(line, time.monotonic())
        steps.tell(time.monotonic())
