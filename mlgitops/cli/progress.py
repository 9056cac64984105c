"""What a command is doing meanwhile, on its error output."""

from __future__ import annotations

import re
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops import words
from mlgitops.cli.options import tell
from mlgitops.report.screen import is_terminal
from mlgitops.system import outlet
from mlgitops.system.store import Store, caches, key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Task

_SILENCE = 10.0  # seconds
_BESIDE = 10  # columns of a terminal: the spinner, the time, and the blanks between them
_LONG = 2.0  # seconds; of shorter steps nobody asks how long they take
_MOST = 1_000_000  # bytes of what is kept of steps
_NUMBER = re.compile(r"\d+")
_COUNTS = re.compile(r"\d of \d")  # a step that tells itself how far it is


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """What is being done: on a terminal at once, with the time it takes; now and then in a log."""
    if not is_terminal(sys.stderr):
        yield _now_and_then()
        return
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, SpinnerColumn
    from rich.text import Text

    class Step(ProgressColumn):
        """What is being done, and the time that is left of it if it took its time before."""

        def render(self, task: Task) -> Text:
            """See ProgressColumn."""
            said = Text(", ".join(filter(None, (task.description, steps.left()))))
            said.truncate(console.width - _BESIDE, overflow="ellipsis")
            return said

    class Clock(ProgressColumn):
        """The time that the command has taken so far."""

        def render(self, task: Task) -> Text:
            """See ProgressColumn."""
            minutes, seconds = divmod(int(task.elapsed or 0), 60)
            return Text(f"({minutes}:{seconds:02})", style="dim")

    console = Console(file=outlet.drawn(sys.stderr), highlight=False)
    steps = Steps(Store(folder=caches() / "steps", most=_MOST))
    columns = (SpinnerColumn(), Step(), Clock())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task("starting", total=None)

        def say(text: str) -> None:
            steps.begin(text)
            shown.update(task, description=words.plain(text))

        yield say
        steps.end()


class Steps:
    """How long the steps of a command take: as long as the last time, but for numbers.

    The same command in this folder, that is; of another version, it counts too.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._command = (str(Path.cwd()), *(_NUMBER.sub("#", one) for one in sys.argv[1:]))
        self._name = ""
        self._begun = 0.0
        self._before: float | None = None

    def begin(self, text: str) -> None:
        """The step before has ended, and one begins that is told in these words."""
        self.end()
        counts = _COUNTS.search(text)
        self._name = "" if counts else key(*self._command, _NUMBER.sub("#", text))
        known = self._store.get(self._name) if self._name else None
        self._before = known if isinstance(known, float) else None
        self._begun = time.monotonic()

    def end(self) -> None:
        """The last step has ended, and nothing failed."""
        taken = time.monotonic() - self._begun
        if self._name and (taken >= _LONG or self._before):
            self._store.put(self._name, taken)

    def left(self) -> str:
        """The time that is left of the step; empty if it is not known, or has passed."""
        left = (self._before or 0) - (time.monotonic() - self._begun)
        return f"about {words.span(left)} left" if left >= 1 else ""


def _now_and_then() -> Callable[[str], None]:
    """Say something if nothing was said for a while: a long job shall not look dead."""
    said = time.monotonic()

    def say(text: str) -> None:
        nonlocal said
        if time.monotonic() - said >= _SILENCE:
            tell(text, err=True)
            said = time.monotonic()

    return say
