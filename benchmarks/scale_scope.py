"""What one change of ten thousand models costs, and what none costs.

The CPU of whole processes, the least of some rounds that take turns: `plan --changed-since` beside
`plan MODEL`, which reads the same models.yaml of full entries, and a plan of stages alone with
nothing to do beside the bare loop over the pages that it reads. Requests are counted by the
server's own log. MLflow's server is on SQLite.

MLGITOPS_BENCH_MODELS=1000 measures another size, MLGITOPS_BENCH_FILES=500 spreads the entries over
so many files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click

from benchmarks.reconcile import declared, filled, seed
from benchmarks.reconcile.engines import environment, here
from benchmarks.reconcile.registries import PROGRAMS, searches
from harness.costs import Cost, least, measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from benchmarks.reconcile.servers import Request, Server

_ROUNDS = 5
_GOAL_ONE, _GOAL_NONE = 1.1, 3.5
_WHO = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")


def measure() -> Iterator[str]:
    """The lines of the table; what is being done is told on the error output."""
    count = int(os.environ.get("MLGITOPS_BENCH_MODELS", "10000"))
    files = int(os.environ.get("MLGITOPS_BENCH_FILES", "1"))
    with filled.registry(count) as (server, file):
        name = f"{count:,} models in {files} file{'s' if files > 1 else ''}"
        declared.spread(file, declared.plain(count), files)
        yield from _nothing(server, file.parent, name)
        declared.spread(file, declared.full(count), files)
        _commit(file.parent, "Declare them")
        moved = seed.name_of(count // 2)
        _promote(file, moved)
        _commit(file.parent, "Promote one")
        yield from _one(server, file.parent, name, moved)


def _nothing(server: Server, folder: Path, name: str) -> Iterator[str]:
    """A plan with nothing to do, and the bare loop over its pages."""
    with server.watched() as seen:
        _plan(server, folder)
    loop = [sys.executable, str(PROGRAMS / "page_loop.py"), server.url]
    loop += [json.dumps(one) for one in searches(seen)]
    costs = _turns(
        {
            "plan": lambda: _plan(server, folder),
            "loop": lambda: measured(loop, folder=folder, environment=environment()),
        }
    )
    yield _line(f"{name}: plan, nothing to do", costs["plan"], costs["loop"], _GOAL_NONE)


def _one(server: Server, folder: Path, name: str, model: str) -> Iterator[str]:
    """The plan of a pull request with one change, and that of the model by its name."""
    seen: dict[str, list[Request]] = {}
    asked = {"pull request": ("--changed-since", "HEAD~1"), "plan MODEL": (model,)}
    for who, arguments in asked.items():
        with server.watched() as seen[who]:
            _plan(server, folder, *arguments)
    costs = _turns(
        {
            who: lambda arguments=arguments: _plan(server, folder, *arguments)  # type: ignore[misc]
            for who, arguments in asked.items()
        }
    )
    ours, other = costs["pull request"], costs["plan MODEL"]
    yield _line(f"{name}: plan of one change", ours, other, _GOAL_ONE)
    requests = " to ".join(f"{len(found)}" for found in seen.values())
    yield f"{name}: requests of one change: {requests} of plan MODEL"


def _plan(server: Server, folder: Path, *arguments: str) -> Cost:
    return here().run("plan", "--quick", *arguments, folder=folder, registry=server.url)


def _turns(programs: Mapping[str, Callable[[], Cost]]) -> dict[str, Cost]:
    """The least cost of each program; they take turns, so that what disturbs meets all of them."""
    found: dict[str, list[Cost]] = {who: [] for who in programs}
    for number in range(_ROUNDS):
        for who, run in programs.items():
            click.echo(f"round {number + 1}: {who}", err=True)
            found[who].append(run())
    return {who: least(costs) for who, costs in found.items()}


def _line(what: str, ours: Cost, other: Cost, goal: float) -> str:
    ratio = ours.cpu / other.cpu
    met = "met" if ratio <= goal else "NOT met"
    return (
        f"{what}: {ratio:.2f} × ({ours.cpu:.2f} s to {other.cpu:.2f} s of CPU; "
        f"{ours.wall:.1f} s to {other.wall:.1f} s); goal {goal} ×, {met}"
    )


def _promote(file: Path, model: str) -> None:
    """Move a model's Staging to version 3, in whichever file it is declared."""
    for path in (file, *file.parent.glob("models/*.yaml")):
        before, found, entry = path.read_text().partition(f"  {model}:\n")
        if found:
            path.write_text(before + found + entry.replace("Staging: 2", "Staging: 3", 1))


def _commit(folder: Path, message: str) -> None:
    for command in (("add", "--all"), (*_WHO, "commit", "--quiet", "--message", message)):
        subprocess.run(["git", "-C", folder, *command], check=True)
