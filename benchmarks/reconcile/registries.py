"""Verbs against registries that grow: plan, status and apply, beside what else reads and writes."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from benchmarks.reconcile import declared, seed
from benchmarks.reconcile.engines import environment
from benchmarks.reconcile.results import CLIENT, LOOP, Measured
from harness.costs import measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.reconcile.engines import Engine
    from benchmarks.reconcile.results import Results
    from benchmarks.reconcile.servers import Request, Server
    from harness.costs import Cost

PROGRAMS = Path(__file__).with_name("programs")
# more would only take longer: each request of MLflow's client costs what the one before cost
_ASKED = 250  # models
_WRITTEN = 250  # changes
_WRITTEN_BEFORE = 50  # changes
_TABLE_BEFORE = 1_000  # models; a table of ten times as many takes minutes


class Registry:
    """One server, whose registry grows while it is measured."""

    def __init__(self, server: Server, folder: Path, results: Results) -> None:
        self._server, self._results = server, results
        self._file = declared.in_repository(folder / f"registry-{server.name}")
        self._seeder = seed.Seeder(server.database, server.log.with_name("payload"))
        self._size = 0
        self._moved: set[int] = set()  # models

    def grow(self, size: int) -> None:
        """Add models until there are so many."""
        self._seeder.add(range(self._size, size))
        self._size = size
        self._declare()

    def read(self, ours: Engine, before: Engine) -> None:
        """Measure plan and status with nothing to do, and what else reads."""
        self._stamp(ours)
        seen = self._verb("plan", ours)
        if self._size:
            self._pages(seen)
            self._verb("status", ours)
            self._ask()
        self._stamp(before)
        self._verb("plan", before)
        if 0 < self._size <= _TABLE_BEFORE:
            self._verb("status", before)

    def apply(self, ours: Engine, before: Engine, changes: int) -> None:
        """Measure moves of Staging from version 2 to 3: each a stamp, an alias, a classic stage."""
        self._stamp(ours)
        self._apply(ours, changes)
        self._write(changes)
        self._stamp(before)
        self._apply(before, changes, sample=_WRITTEN_BEFORE)

    def _stamp(self, engine: Engine) -> None:
        self._seeder.stamp(engine.stamped, self._server.url)

    def _verb(self, verb: str, engine: Engine) -> list[Request]:
        return self._measure(verb, engine.name, lambda: self._run(engine, verb))

    def _run(self, engine: Engine, *arguments: str) -> Cost:
        return engine.run(*arguments, folder=self._file.parent, registry=self._server.url)

    def _measure(self, task: str, who: str, run: Callable[[], Cost]) -> list[Request]:
        return self._results.measure(task, who, run, server=self._server, size=self._size)

    def _pages(self, seen: list[Request]) -> None:
        """Measure the bare loop over the same pages."""
        pages = [json.dumps(one) for one in searches(seen)]
        self._measure("plan", LOOP, lambda: self._program("page_loop", *pages))

    def _ask(self) -> None:
        """Measure MLflow's client, asked once for each model and alias."""
        count = min(_ASKED, self._size)
        names = [seed.name_of(n * self._size // count) for n in range(count)]
        self._sample("plan", "client_reads", list(seed.STAGES), names, of=self._size)

    def _write(self, changes: int) -> None:
        """Measure MLflow's client, which writes what an apply writes and reads nothing."""
        names = [seed.name_of(n) for n in self._move(min(_WRITTEN, changes))]
        arguments = ["Staging", "3", *seed.ours(names[0], "staging", 3, self._server.url)]
        self._sample("apply", "client_writes", arguments, names, of=changes)

    def _sample(
        self, task: str, program: str, arguments: list[str], names: list[str], of: int
    ) -> None:
        """Measure a program of MLflow's client with some models, and scale it up to more."""
        self._results.say(f"{self._server.name} {of:,} {task} {CLIENT}")
        idle = self._program(program, *arguments)
        with self._server.watched() as seen:
            cost = self._program(program, *arguments, *names)
        self._results.add(
            Measured(
                task=task,
                who=CLIENT,
                on=self._server.name,
                size=of,
                cost=cost.scaled(idle, of / len(names)),
                requests=len(seen) * of // len(names),
                sample=len(names),
            )
        )

    def _apply(self, engine: Engine, changes: int, sample: int | None = None) -> None:
        """Measure an apply, or one of fewer changes and scale it up."""
        self._results.say(f"{self._server.name} {changes:,} apply {engine.name}")
        count = sample or changes
        with self._server.watched() as idling:
            idle = self._run(engine, "plan")
        self._move(count)
        with self._server.watched() as seen:
            cost = self._run(engine, "apply", "--commit", "0" * 40, "--actor", "octocat")
        self._run(engine, "plan", "--exit-code")  # fails if anything is left to do
        self._results.add(
            Measured(
                task="apply",
                who=engine.name,
                on=self._server.name,
                size=changes,
                cost=cost.scaled(idle, changes / count),
                requests=len(idling) + (len(seen) - len(idling)) * changes // count,
                routes=dict(Counter(f"{one.method} {one.route}" for one in seen)),
                sample=sample,
            )
        )

    def _move(self, count: int) -> range:
        """Declare so many more moves of Staging; the models' numbers."""
        numbers = range(len(self._moved), len(self._moved) + count)
        self._moved.update(numbers)
        self._declare()
        return numbers

    def _declare(self) -> None:
        self._file.write_text(declared.plain(self._size, self._moved))

    def _program(self, name: str, *arguments: str) -> Cost:
        command = [sys.executable, str(PROGRAMS / f"{name}.py"), self._server.url, *arguments]
        return measured(command, folder=self._file.parent, environment=environment())


def searches(seen: list[Request]) -> Iterator[dict[str, str]]:
    """The distinct searches among requests: the first page of each, as large as its largest."""
    found: dict[tuple[str, str], int] = {}
    for request in seen:
        if request.method == "GET" and request.route.endswith("/search"):
            asked = parse_qs(request.query)
            key = (request.route, asked.get("filter", [""])[0])
            found[key] = max(found.get(key, 0), int(asked["max_results"][0]))
    for (route, query), size in found.items():
        yield {"route": route, "max_results": str(size), "filter": query}
