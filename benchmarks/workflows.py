"""What a workflow costs on a pull request that changes one number of models.yaml, under act.

    python -m benchmarks.workflows [CHECKOUT...]

Any checkout can be measured, also an older one, beside this one. Each job begins as on a fresh
runner: it downloads its packages. Docker keeps its build cache. CPU is that of all processes of the
jobs, of containers, and of Docker itself; nothing else may use Docker meanwhile.
"""

from __future__ import annotations

import re
import resource
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from harness.act import Clone
from harness.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.act import Ran

PULL_REQUEST = 12
CHANGED = ("Production: 1", "Production: 2")
FRESH = {"UV_NO_CACHE": "1", "PIP_NO_CACHE_DIR": "1"}
_DOCKER = (  # the CPU of all containers, also of those that have ended: file, unit in seconds
    (Path("/sys/fs/cgroup/cpuacct/docker/cpuacct.usage"), 1e-9),
    (Path("/sys/fs/cgroup/docker/cpu.stat"), 1e-6),
)
_TICK = 0.01  # seconds; of /proc/PID/stat
_STEP = re.compile(
    r"^\[[^/]+/(?P<job>[^\]]+?)\s*\].*(?:Success|Failure) - Main (?P<name>.+) \[(?P<took>[^]]+)\]$"
)
_PART = re.compile(r"([\d.]+)(h|m(?!s)|s|ms|µs|ns)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A step of a job, and its seconds by the clock."""

    job: str
    name: str
    wall: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What a run of a workflow cost, in seconds.

    Attributes:
        cpu: of the jobs' processes.
        docker: the CPU of containers and of Docker itself.
        wall: from the event to the end of the last job.
        steps: in the order in which they ended.
    """

    code: int
    cpu: float
    docker: float
    wall: float
    steps: tuple[Step, ...]

    @property
    def minutes(self) -> int:
        """What GitHub bills: each job's minutes, rounded up."""
        jobs: dict[str, float] = {}
        for step in self.steps:
            jobs[step.job] = jobs.get(step.job, 0.0) + step.wall
        return sum(ceil(wall / 60) for wall in jobs.values())


def measure(checkouts: tuple[Path, ...] = (ROOT,)) -> Iterator[str]:
    """One line for each checkout, and one for each of its steps that took a second."""
    for checkout in checkouts:
        with _clone(checkout) as clone:
            spent = _spent(clone)
        yield (
            f"{checkout.name}: {spent.cpu + spent.docker:.0f} s of CPU ({spent.docker:.0f} s in "
            f"Docker), {spent.wall:.0f} s, {spent.minutes} billed minutes, exit code {spent.code}"
        )
        for step in spent.steps:
            if step.wall >= 1:
                yield f"  {step.wall:6.1f} s  {step.job}: {step.name}"


@contextmanager
def _clone(checkout: Path) -> Iterator[Clone]:
    """A pull request of a copy whose rehearsal is nobody else's."""
    with tempfile.TemporaryDirectory() as made:
        source = Path(made) / "source"
        ignored = shutil.ignore_patterns(".git", ".nox", ".mlgitops", ".*_cache")
        shutil.copytree(checkout, source, ignore=ignored)
        for file in source.glob(".github/workflows/*.yml"):
            text = file.read_text()
            file.write_text(text.replace("STACK_PROJECT: rehearsal", "STACK_PROJECT: measured"))
        folder = Path(made) / "clone"
        folder.mkdir()
        clone = Clone(
            folder=folder,
            registry="",
            source=source,
            models=None,
            environment=FRESH,
            cache=Path(made) / "cache",
        )
        clone.create()
        clone.edit(*CHANGED, branch="promote")
        yield clone


def _spent(clone: Clone) -> Spent:
    """What the plan of a pull request costs; without a token, the report is in the summary."""
    event = clone.proposal(PULL_REQUEST)
    jobs, docker, begun = _of_children(), _of_docker(), time.monotonic()
    ran = clone.run("pull_request", "plan", event)
    if ran.code:
        sys.stderr.write(ran.log)
    return Spent(
        code=ran.code,
        cpu=_of_children() - jobs,
        docker=_of_docker() - docker,
        wall=time.monotonic() - begun,
        steps=tuple(_steps(ran)),
    )


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _of_docker() -> float:
    """Seconds of CPU that containers and Docker have used so far."""
    spent = 0.0
    for file, unit in _DOCKER:
        if file.exists():
            spent += int(re.findall(r"\d+", file.read_text())[0]) * unit
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition(") ")
        except OSError:  # it has ended
            continue
        if name.partition(" (")[2] in ("dockerd", "containerd"):
            spent += sum(map(int, rest.split()[11:13])) * _TICK
    return spent


def _steps(ran: Ran) -> Iterator[Step]:
    for line in ran.log.splitlines():
        if found := _STEP.match(line):
            took = sum(float(n) * _UNITS[unit] for n, unit in _PART.findall(found["took"]))
            yield Step(job=found["job"], name=found["name"].strip(), wall=took)


if __name__ == "__main__":
    for told in measure(tuple(Path(name).resolve() for name in sys.argv[1:]) or (ROOT,)):
        sys.stdout.write(f"{told}\n")
        sys.stdout.flush()
