"""The whole job on one machine, step by step.

Trains what models.yaml asks for, applies it, promotes a version, serves it, and rolls back with
`git revert`, in a scratch clone of this repository, on an embedded tracking server or on the stack.
It skips the steps that an earlier demo finished.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from mlgitops.cli import run
from mlgitops.core.stage import PRODUCTION, alias_of
from mlgitops.errors import MlgitopsError
from mlgitops.file.load import load
from mlgitops.history import owner
from mlgitops.registry.connect import connect
from mlgitops.serve.local import start
from mlgitops.serve.smoke import predict
from mlgitops.system import git
from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mlgitops.core.held import HeldModel
    from mlgitops.core.stamp import Stamp

MODEL = "power-forecasting-model"
CANDIDATE = 2
# one day of the wind farm: temperature in °C, wind direction in degrees, wind speed in m/s
READING = {
    "temperature_00": 8.875944,
    "wind_direction_00": 97.246960,
    "wind_speed_00": 11.665322,
    "temperature_08": 11.955358,
    "wind_direction_08": 98.636955,
    "wind_speed_08": 12.240791,
    "temperature_16": 14.668171,
    "wind_direction_16": 112.411930,
    "wind_speed_16": 9.737414,
}


class DemoError(MlgitopsError):
    """A step of the demo did not do what it shows."""


@dataclass(kw_only=True)
class Demo:
    """The steps and what they took.

    Attributes:
        url: the tracking server.
        served: serves NAME/VERSION and gives the URL of the model server.
    """

    root: Path
    state: Path
    data: str | None
    url: str
    served: Callable[[str], AbstractContextManager[str]]
    took: list[tuple[str, float]] = field(default_factory=list)

    @property
    def scratch(self) -> Path:
        """The clone in which the demo commits."""
        return self.state / "scratch"

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step and note how long it took, in seconds."""
        click.secho(f"\n== {title}", bold=True)
        begun = time.monotonic()
        yield
        self.took.append((title, time.monotonic() - begun))

    def mlgitops(self, *arguments: str) -> None:
        """Run one verb in the scratch clone."""
        click.secho(f"$ mlgitops {' '.join(arguments)}", dim=True)
        with chdir(self.scratch):
            code = run(list(arguments))
        if code:
            raise DemoError(f"mlgitops {arguments[0]} ended with exit code {code}")

    def git(self, *arguments: str) -> None:
        """Run git in the scratch clone, as an author of the demo's own."""
        click.secho(f"$ git {' '.join(arguments)}", dim=True)
        who = {"NAME": "demo", "EMAIL": "demo@localhost"}
        author = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}
        if said := git.run(self.scratch, *arguments, environment=author):
            click.echo(said)

    def clone(self) -> None:
        """Clone this repository, with models.yaml as it lies in the work tree."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        if (self.root / ".git").exists():
            git.run(self.root, "clone", "--quiet", str(self.root), str(self.scratch))
        else:
            git.run(self.root, "init", "--quiet", str(self.scratch))
        # what the demo leaves in the registry is this repository's, not that of the scratch clone
        os.environ.setdefault(owner.VARIABLE, owner.of_origin(self.root) or owner.LOCAL)
        shutil.copy(self.root / "models.yaml", self.scratch)
        self.git("add", "models.yaml")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Start the demo")

    def held(self) -> HeldModel:
        """The demo's model as it is now."""
        model = connect(self.url).model(MODEL)
        if model is None:
            raise DemoError(f"the registry has no {MODEL}")
        return model

    def resolved(self, version: int) -> None:
        """Check that both addresses of Production resolve to a version."""
        held = self.held()
        alias = alias_of(PRODUCTION)
        for address, found in {
            f"models:/{MODEL}@{alias}": held.aliases.get(alias),
            f"models:/{MODEL}/{PRODUCTION}": held.classic.get(PRODUCTION),
        }.items():
            if found != version:
                actual = "no version" if found is None else f"version {found}"
                raise DemoError(f"{address} resolves to {actual} instead of version {version}")
            click.echo(f"{address} resolves to version {version}")


def train(demo: Demo) -> None:
    """Train and register every recipe whose version is missing."""
    data = ("--data", demo.data) if demo.data else ()
    demo.mlgitops("train", *data)


def deploy(demo: Demo) -> None:
    """Show the plan and apply it."""
    demo.mlgitops("plan")
    demo.mlgitops("apply", "--actor", "demo")


def promote(demo: Demo) -> None:
    """One changed line, one commit, one apply."""
    demo.mlgitops("promote", MODEL, PRODUCTION, str(CANDIDATE))
    demo.git("diff", "--unified=0", "--", "models.yaml")
    message = f"Promote {MODEL} {CANDIDATE} to {PRODUCTION}"
    demo.git("commit", "--quiet", "--all", "--message", message)
    deploy(demo)
    demo.resolved(CANDIDATE)


def serve(demo: Demo) -> None:
    """Serve what Production holds, smoke-test it and ask it for a forecast."""
    version = demo.held().aliases[alias_of(PRODUCTION)]
    with demo.served(f"{MODEL}/{version}") as url:
        demo.mlgitops("smoke", MODEL, PRODUCTION, "--url", url)
        (power,) = predict(url, [READING])
    if not 0 <= power <= 20_000:
        raise DemoError(f"a power of {power} kW is not plausible")
    click.echo(f"version {version} forecasts {power:,.0f} kW for the day {READING}")


def roll_back(demo: Demo, version: int) -> None:
    """`git revert` of the promotion, applied."""
    demo.git("revert", "--no-edit", "HEAD")
    deploy(demo)
    demo.resolved(version)


def promoted_before(model: HeldModel) -> Stamp | None:
    """The stamp of the candidate in Production, if an earlier demo put it there."""
    return model.stamps.get(alias_of(PRODUCTION), {}).get(CANDIDATE)


def play(demo: Demo) -> None:
    """All steps."""
    with demo.step("Clone"):
        demo.clone()
    with demo.step("Train and register what models.yaml asks for"):
        train(demo)
    with demo.step("Plan and apply models.yaml"):
        deploy(demo)
    before = promoted_before(demo.held())
    if before:
        click.echo(
            f"\nAn earlier demo promoted version {CANDIDATE} and rolled back; its last stamp: "
            f"{before.time}, commit {before.commit[:12]}"
        )
        with demo.step("Serve and smoke-test"):
            serve(demo)
    else:
        first = demo.held().aliases[alias_of(PRODUCTION)]
        with demo.step(f"Promote version {CANDIDATE} to {PRODUCTION}"):
            promote(demo)
        with demo.step("Serve and smoke-test"):
            serve(demo)
        with demo.step("Roll back with git revert"):
            roll_back(demo, first)
    with demo.step("Status"):
        demo.mlgitops("status")


@contextmanager
def process(version: str) -> Iterator[str]:
    """Serve NAME/VERSION in a process of this machine."""
    with start(f"models:/{version}") as url:
        yield url


def summary(demo: Demo) -> None:
    """What happened, and what to try next."""
    click.secho("\n== What happened", bold=True)
    for title, seconds in demo.took:
        click.echo(f"{seconds:6.1f} s  {title}")
    models = load(demo.root / "models.yaml").models
    click.echo(
        f"{count(len(models), 'model')} registered, promoted and stamped. Run the demo again: it "
        "skips finished steps.\n"
        "Next: python3 -I noxfile.py -s plan, or edit models.yaml and run it again."
    )
