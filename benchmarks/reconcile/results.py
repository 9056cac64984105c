"""What was measured, and what that says of the goals."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.costs import CommandFailedError, least

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from benchmarks.reconcile.servers import Request, Server
    from harness.costs import Cost

OURS, BEFORE = "mlgitops", "before"
LOOP, CLIENT, YAML, PYTHON = "the page loop", "MLflow's client", "yaml.load", "python"
SERVERS = ("SQLite", "MySQL")
_MIB = 250
_MANY = 10_000  # models


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What a program cost for one task.

    Attributes:
        task: such as "plan".
        who: the program.
        on: the server; empty where there is none.
        size: how many models, changes or commits.
        requests: that the server got.
        routes: how many of them each route got.
        sample: how many were measured, where cost and requests are scaled up from fewer.
    """

    task: str
    who: str
    on: str = ""
    size: int = 0
    cost: Cost
    requests: int | None = None
    routes: Mapping[str, int] | None = None
    sample: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        value: what is compared with the goal.
        unit: of the value and the goal.
        goal: at most this; with `least`, at least this; None where nothing was promised.
        beside: what the value comes from.
    """

    what: str
    value: float
    unit: str
    beside: str
    goal: float | None = None
    least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the goal is met."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.least else self.value <= self.goal

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as text."""
        limit = "" if self.goal is None else f"{'≥' if self.least else '≤'} {self._in(self.goal)}"
        mark = {True: "yes", False: "NO", None: ""}[self.met]
        return self.what, self._in(self.value), limit, mark, self.beside

    def _in(self, value: float) -> str:
        return f"{value:,.4g} {self.unit}".rstrip()


class Results:
    """All that was measured in one run."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.all: list[Measured] = []
        self.failures: list[str] = []

    def measure(
        self,
        task: str,
        who: str,
        run: Callable[[], Cost],
        *,
        server: Server | None = None,
        size: int = 0,
    ) -> list[Request]:
        """Run something some times and note the least; a failure is noted as such.

        Returns:
            The requests of one run.
        """
        on = server.name if server else ""
        self.say(" ".join(filter(None, (on, f"{size:,}" if size else "", task, who))))
        try:
            # the first one also fills caches and compiles bytecode
            watched: AbstractContextManager[list[Request]]
            watched = server.watched() if server else nullcontext([])
            with watched as seen:
                run()
            cost = least([run() for _ in range(_rounds(who, size))])
        except CommandFailedError as error:
            self.failures.append(str(error))
            self.say(str(error))
            return []
        requests = len(seen) if server else None
        self.add(Measured(task=task, who=who, on=on, size=size, cost=cost, requests=requests))
        return seen

    def add(self, measured: Measured) -> None:
        """Note what was measured elsewhere."""
        self.all.append(measured)

    def find(self, task: str, who: str, on: str = "", size: int | None = None) -> Measured | None:
        """The last one that matches; of whatever size unless one is given."""
        for one in reversed(self.all):
            if (one.task, one.who, one.on) == (task, who, on) and size in (None, one.size):
                return one
        return None

    def sizes(self, on: str) -> list[int]:
        """The sizes of registry that were planned on a server, ascending, without the empty one."""
        return sorted({m.size for m in self.all if (m.task, m.on) == ("plan", on) and m.size})

    def figures(self) -> Iterator[Figure]:
        """The lines of the table; those whose parts were not measured are left out."""
        for on in SERVERS:
            for size in self.sizes(on):
                yield from self._plan(on, size)
            yield from self._growth(on)
        yield from self._apply()
        yield from self._file()
        yield from self._history()
        yield from self._start()

    def _plan(self, on: str, size: int) -> Iterator[Figure]:
        ours = self.find("plan", OURS, on, size)
        before = self.find("plan", BEFORE, on, size)
        loop = self.find("plan", LOOP, on, size)
        client = self.find("plan", CLIENT, on, size)
        name = f"plan, {size:,} models, {on}"
        if ours and before:
            yield _ratio(f"{name}: CPU", ours, before, 0.15 if size == 100 else None)
        if ours and loop:
            yield _ratio(f"{name}: CPU", ours, loop, 3 if size == _MANY else None)
            more = (ours.requests or 0) - (loop.requests or 0)
            yield Figure(
                what=f"{name}: requests beside pages",
                value=more,
                unit="",
                goal=2,
                beside=f"{ours.requests} to {loop.requests} pages",
            )
        if ours:
            goal = _MIB if size == _MANY else None
            peak = ours.cost.peak
            yield Figure(what=f"{name}: memory", value=peak, unit="MiB", goal=goal, beside="peak")
        if ours and client:
            faster = client.cost.wall / ours.cost.wall
            yield Figure(
                what=f"{name}: faster",
                value=faster,
                unit="×",
                goal=50 if size == _MANY else None,
                least=True,
                beside=f"{_wall(ours)} to {_wall(client)} of MLflow's client, model by model",
            )
        status = self.find("status", OURS, on, size)
        if status and (old := self.find("status", BEFORE, on, size)):
            yield _ratio(f"status, {size:,} models, {on}: CPU", status, old)

    def _growth(self, on: str) -> Iterator[Figure]:
        for who in (OURS, BEFORE):
            points = {size: self.find("plan", who, on, size) for size in (0, 1_000, _MANY)}
            if all(points.values()):
                costs = [point.cost.cpu for point in points.values() if point]
                idle, thousand, many = costs
                yield Figure(
                    what=f"plan, {on}: exponent of growth of {who}",
                    value=math.log10((many - idle) / (thousand - idle)),
                    unit="",
                    goal=1.05 if who == OURS else None,
                    beside=f"{idle:.2f} s empty, {thousand:.2f} s 1,000, {many:.2f} s {_MANY:,}",
                )

    def _apply(self) -> Iterator[Figure]:
        ours, client, before = (self.find("apply", w, "MySQL") for w in (OURS, CLIENT, BEFORE))
        if ours:
            name = f"apply, {ours.size:,} changes, MySQL"
            requests = ours.requests or 0
            goal = 4.1 * ours.size
            said = f"{requests / ours.size:.2f} a change; {_wall(ours)}, {ours.cost.cpu:.1f} s CPU"
            yield Figure(what=f"{name}: requests", value=requests, unit="", goal=goal, beside=said)
        for other in (client, before):
            if ours and other:
                yield Figure(
                    what=f"{name}: faster",
                    value=other.cost.wall / ours.cost.wall,
                    unit="×",
                    goal=3 if other is client else None,
                    least=True,
                    beside=f"{_wall(ours)} to {_wall(other)} of {other.who}",
                )

    def _file(self) -> Iterator[Figure]:
        for task, goal in (("validate", 1.5), ("promote", 1.2)):
            for size in sorted({one.size for one in self.all if one.task == task}):
                ours, name = self.find(task, OURS, "", size), f"{task}, {size:,} full models: CPU"
                if ours and (load := self.find("load", YAML, "", size)):
                    yield _ratio(name, ours, load, goal if size == _MANY else None)
                if ours and (before := self.find(task, BEFORE, "", size)):
                    yield _ratio(name, ours, before)

    def _history(self) -> Iterator[Figure]:
        ours, before = self.find("history", OURS), self.find("history", BEFORE)
        if ours:
            name = f"history, {ours.size:,} commits: CPU"
            yield Figure(what=name, value=ours.cost.cpu, unit="s", goal=2, beside=_wall(ours))
        if ours and before:
            yield _ratio(name, ours, before)

    def _start(self) -> Iterator[Figure]:
        for task in ("--help", "--version"):
            ours, click = self.find(task, OURS), self.find("import click", "python")
            before = self.find(task, BEFORE)
            if ours and click:
                yield _ratio(f"{task}: CPU", ours, click, 3)
            if ours and before:
                yield _ratio(f"{task}: CPU", ours, before)


def _rounds(who: str, size: int) -> int:
    if who == BEFORE:
        return 2 if size < _MANY else 1
    return 5 if size < _MANY else 3


def _ratio(what: str, ours: Measured, other: Measured, goal: float | None = None) -> Figure:
    scaled = f" ({other.sample:,} measured)" if other.sample else ""
    return Figure(
        what=what,
        value=ours.cost.cpu / other.cost.cpu,
        unit="×",
        goal=goal,
        beside=f"{ours.cost.cpu:.2f} s to {other.cost.cpu:.2f} s of {_named(other)}{scaled}",
    )


def _named(other: Measured) -> str:
    return other.task if other.who == "python" else other.who


def _wall(one: Measured) -> str:
    scaled = f" (from {one.sample:,})" if one.sample else ""
    return f"{one.cost.wall:.1f} s{scaled}"
