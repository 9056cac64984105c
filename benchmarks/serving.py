"""Images of mlgitops beside those of `mlflow models build-docker --env-manager local`.

One model, gradient boosting on the wind farm's nine columns; needs Docker, curl and Linux. Builds
begin with nothing cached: **the engine's whole build cache is removed**, of all projects, and the
environments of images. Wheels
come from the package index in both; the base image lies here in both. Whole commands are timed,
with the start of Python in them.

One worker has one processor (`--cpus 1`), two have two. The client is
mlgitops/serve/load_test.py on the same machine; containers take turns, some seconds each, and
medians are compared, so that what disturbs the machine falls on all.
"""

from __future__ import annotations

import os
import statistics
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import serving_images
from benchmarks.serving_load import Contender, Running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.serving_images import Images

_STARTS = 5
_ROUNDS = 5
_MB, _MIB = 1e6, 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        form: how a number is written.
        target: what ours ÷ theirs is to be at most; at least, if `more` is better.
    """

    name: str
    form: str
    ours: float
    theirs: float
    target: float
    more: bool = False

    @property
    def line(self) -> str:
        """As a row of a Markdown table."""
        ratio = self.ours / self.theirs
        met = ratio >= self.target if self.more else ratio <= self.target
        bound = f"at {'least' if self.more else 'most'} {self.target:g} ×"
        cells = (
            self.name,
            self.form.format(self.ours),
            self.form.format(self.theirs),
            f"{ratio:.2f} ×",
            bound,
            "met" if met else "missed",
        )
        return f"| {' | '.join(cells)} |"


def measure() -> Iterator[str]:
    """Each figure with its ratio and its target, as a Markdown table, then what has no ratio."""
    yield f"load of the machine before it began: {os.getloadavg()[0]:.1f}"
    yield ""
    yield "| figure | mlgitops | mlflow build-docker | ratio | target | |"
    yield "|---|---|---|---|---|---|"
    with serving_images.shop() as shop:
        theirs = serving_images.theirs(shop)
        ours = serving_images.ours(shop)
        for figure in _builds(ours, theirs):
            yield figure.line
        yield from _served(ours, theirs)
    yield f"a build that changes nothing: {ours.again:.1f} s, {theirs.again:.1f} s"
    yield f"load of the machine when it ended: {os.getloadavg()[0]:.1f}"


def _builds(ours: Images, theirs: Images) -> Iterator[Figure]:
    size = (ours.size / _MB, theirs.size / _MB)
    for name, form, (mine, other), target in (
        ("image size", "{:,.0f} MB", size, 0.5),
        ("cold build", "{:.1f} s", (ours.cold, theirs.cold), 0.5),
        ("rebuild for a new version", "{:.1f} s", (ours.rebuild, theirs.rebuild), 0.1),
        ("the same, from a server", "{:.1f} s", (ours.from_server, theirs.from_server), 0.1),
    ):
        yield Figure(name=name, form=form, ours=mine, theirs=other, target=target)


def _served(ours: Images, theirs: Images) -> Iterator[str]:
    one, other = Contender(image=ours.image), Contender(image=theirs.image)
    starts, lost = _starts(one, other)
    name = "start to the first good answer"
    yield Figure(name=name, form="{:.2f} s", ours=starts[0], theirs=starts[1], target=0.6).line
    with ExitStack() as stack:
        mine, its, two, its_two, floor = (
            stack.enter_context(contender.running())
            for contender in (
                *(one, other),
                *(Contender(image=image.image, workers=2) for image in (ours, theirs)),
                Contender(image=ours.image, floor=True),
            )
        )
        memory = [running.memory() / _MIB for running in (mine, its)]
        cost = _rounds([mine, its, two, its_two, floor])
        for figure in _speeds(mine, its, memory):
            yield figure.line
        yield _second("a second worker", two, mine, its_two, its)
        yield ""
        yield f"endpoints that answer: {mine.endpoints()} of 4, {its.endpoints()} of 4"
        yield f"the tutorials' curl, a bare list: {mine.curl()}, {its.curl()}"
        yield from _beside(two, its_two, floor)
    yield f"containers of MLflow that ended by themselves at their start: {lost}"
    yield f"the client's own processor time: {cost * 1e6:.0f} µs a request"


def _starts(*contenders: Contender) -> tuple[list[float], int]:
    """The median seconds of each, and how many containers were lost."""
    taken: list[list[float]] = [[] for _ in contenders]
    lost = 0
    for _ in range(_STARTS):
        for times, contender in zip(taken, contenders, strict=True):
            with contender.running() as running:
                times.append(running.seconds)
                lost += running.lost
    return [statistics.median(times) for times in taken], lost


def _rounds(containers: list[Running]) -> float:
    """Load each in turn, again and again; the client's processor seconds for a request of ours."""
    costs = []
    for _ in range(_ROUNDS):
        for container in containers:
            spent = [container.slice(connections) for connections in (8, 1)]
            if container is containers[0]:
                costs += spent
    return statistics.median(costs)


def _speeds(mine: Running, its: Running, memory: list[float]) -> Iterator[Figure]:
    yield Figure(
        name="memory, one worker, after 2,000 requests",
        form="{:.0f} MiB",
        ours=memory[0],
        theirs=memory[1],
        target=0.6,
    )
    for connections, target in ((8, 3.0), (1, 2.0)):
        yield Figure(
            name=f"requests a second, {connections} connection{'s' * (connections > 1)}",
            form="{:.0f}",
            ours=mine.rate(connections),
            theirs=its.rate(connections),
            target=target,
            more=True,
        )
    yield Figure(
        name="99th percentile, 8 connections",
        form="{:.1f} ms",
        ours=mine.slowest(8),
        theirs=its.slowest(8),
        target=0.4,
    )


def _second(name: str, two: Running, one: Running, its_two: Running, its_one: Running) -> str:
    """What a second worker adds, of ours and of theirs; the target is for ours alone."""
    gain, its = (a.rate(8) / b.rate(8) - 1 for a, b in ((two, one), (its_two, its_one)))
    met = "met" if gain >= 0.5 else "missed"
    return f"| {name} | {gain:+.0%} | {its:+.0%} | | at least +50% | {met} |"


def _beside(two: Running, its_two: Running, floor: Running) -> Iterator[str]:
    yield (
        f"two workers: {two.rate(8):.0f} requests a second at 8 connections, {two.rate(1):.0f} at "
        f"1; MLflow's {its_two.rate(8):.0f} and {its_two.rate(1):.0f}"
    )
    yield (
        f"the floor, our server without a model, one worker: {floor.rate(8):.0f} requests a second "
        f"at 8 connections, {floor.rate(1):.0f} at 1, 99th percentile {floor.slowest(8):.1f} ms"
    )
