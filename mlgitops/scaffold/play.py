"""The whole job on one machine, step by step.

Trains what models.yaml asks for, applies it, promotes a version, serves it, and rolls back with
`git revert`, in a scratch clone of the repository. It skips what an earlier demo finished.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import time
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from mlgitops.core.stage import classic_stage
from mlgitops.errors import DemoError
from mlgitops.file.load import load
from mlgitops.history import owner
from mlgitops.registry.connect import connect
from mlgitops.scaffold import render
from mlgitops.scaffold.answers import Answers
from mlgitops.serve import payloads
from mlgitops.serve.local import start
from mlgitops.serve.smoke import predict
from mlgitops.system import git
from mlgitops.words import when

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from mlgitops.core.desired import Desired, DesiredModel, DesiredStage
    from mlgitops.core.held import HeldModel
    from mlgitops.core.stamp import Stamp

_MODELS = "models.yaml"
_STATE = ".mlgitops"  # which verbs look into by themselves
_LAST = 20  # lines of the log that an error shows
_PATIENCE = 600.0  # seconds; the first import of a fresh install compiles thousands of modules


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """What the demo promotes: from one version that has a recipe to another."""

    model: str
    stage: DesiredStage
    old: int
    new: int


def promotion_of(desired: Desired) -> Promotion:
    """The first promotion that a models.yaml lets one show.

    Raises:
        DemoError: no model has two versions with recipes, one of them in a production stage.
    """
    for model in desired.models.values():
        for stage in model.stages:
            old, new = stage.version, _candidate(model, stage)
            if old and old in model.versions and new and desired.stages.is_guarded(stage.alias):
                return Promotion(model=model.name, stage=stage, old=old, new=new)
    raise DemoError(
        f"{desired.file} has no model with two recipes and one of their versions in production, "
        "which the demo would promote; run `mlgitops demo` in an empty folder"
    )


def _candidate(model: DesiredModel, stage: DesiredStage) -> int | None:
    """What is in another stage, or else any other version; only those that have a recipe."""
    held = [one.version for one in model.stages if one.version in model.versions]
    others = (version for version in (*held, *model.versions) if version != stage.version)
    return next(others, None)


@dataclass(kw_only=True)
class Demo:
    """What the steps work with.

    Attributes:
        root: the repository; where it has no models.yaml, the demo makes one of the example.
        state: the folder of the scratch clone, the log, the report and the site.
        run: runs one verb, and returns its exit code.
        url: the tracking server.
        served: serves NAME/VERSION and gives the URL of the model server.
    """

    root: Path
    state: Path
    run: Callable[[list[str]], int]
    url: str
    data: str | None = None
    served: Callable[[str], AbstractContextManager[str]]

    @property
    def scratch(self) -> Path:
        """The clone in which the demo commits."""
        return self.state / "scratch"

    @property
    def log(self) -> Path:
        """All that the commands print."""
        return self.state / "demo.log"

    @property
    def report(self) -> Path:
        """The page of the promotion's plan."""
        return self.state / "plan.html"

    @property
    def site(self) -> Path:
        """The folder of the status site."""
        return self.state / "site"

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One line with the seconds that a step took; what it prints goes to the log.

        Raises:
            DemoError: the step did; with the last lines of the log.
        """
        click.echo(f"{title:<56}", nl=False)
        begun = time.monotonic()
        try:
            with self._logged(title):
                yield
        except BaseException as error:
            click.echo()
            if isinstance(error, DemoError):
                said = self.log.read_text(encoding="utf-8").splitlines()[-_LAST:]
                raise DemoError("\n".join([f"{error}; the end of {self.log}:", *said])) from None
            raise
        click.echo(f"{time.monotonic() - begun:6.1f} s")

    @contextmanager
    def _logged(self, title: str) -> Iterator[None]:
        self.state.mkdir(parents=True, exist_ok=True)
        with (
            self.log.open("a", encoding="utf-8", buffering=1) as log,
            redirect_stdout(log),
            redirect_stderr(log),
        ):
            click.echo(f"\n== {title}")
            yield

    def mlgitops(self, *arguments: str) -> None:
        """Run one verb in the scratch clone.

        Raises:
            DemoError: it failed.
        """
        click.echo(f"$ mlgitops {shlex.join(arguments)}")
        with chdir(self.scratch):
            code = self.run(list(arguments))
        if code:
            raise DemoError(f"mlgitops {arguments[0]} ended with exit code {code}")

    def git(self, *arguments: str) -> None:
        """Run git in the scratch clone, as an author of the demo's own."""
        click.echo(f"$ git {shlex.join(arguments)}")
        who = {"NAME": "demo", "EMAIL": "demo@localhost"}
        author = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}
        if said := git.run(self.scratch, *arguments, environment=author):
            click.echo(said)

    def commit(self, subject: str, reason: str) -> None:
        """Commit all changes; what applies them records the reason."""
        self.git("commit", "--quiet", "--all", "--message", f"{subject}\n\nReason: {reason}")

    def clone(self) -> None:
        """Clone the repository, with models.yaml and the recipes as they lie in the work tree."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        if (self.root / ".git").exists():
            git.run(self.root, "clone", "--quiet", str(self.root), str(self.scratch))
            self._own()
        else:
            self.scratch.parent.mkdir(parents=True, exist_ok=True)
            git.run(self.scratch.parent, "init", "--quiet", str(self.scratch))
        # what the demo leaves in the registry is this repository's, not that of the scratch clone
        os.environ.setdefault(owner.VARIABLE, owner.of_origin(self.root) or owner.LOCAL)
        if (self.root / _MODELS).exists():
            self._copy()
        else:
            self._make()
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Start the demo")

    def _own(self) -> None:
        """Have the clone's origin say that its stages are this repository's; nothing is pushed."""
        if origin := git.origin(self.root):
            git.run(self.scratch, "remote", "set-url", "origin", origin)
            git.run(self.scratch, "remote", "set-url", "--push", "origin", os.devnull)
        else:
            git.run(self.scratch, "remote", "remove", "origin")

    def _copy(self) -> None:
        shutil.copy(self.root / _MODELS, self.scratch)
        recipes = Path(*load(self.root / _MODELS).recipes.split("."))
        if (self.root / recipes).is_dir():
            nothing = shutil.ignore_patterns("__pycache__")
            target = self.scratch / recipes
            shutil.copytree(self.root / recipes, target, ignore=nothing, dirs_exist_ok=True)

    def _make(self) -> None:
        for name, text in render.team(Answers()).items():
            (self.scratch / name).parent.mkdir(parents=True, exist_ok=True)
            (self.scratch / name).write_text(text, encoding="utf-8")

    @property
    def desired(self) -> Desired:
        """What the scratch clone declares."""
        return load(self.scratch / _MODELS)

    def held(self, model: str) -> HeldModel:
        """A model as it is now."""
        found = connect(self.url).model(model)
        if found is None:
            raise DemoError(f"the registry has no {model}")
        return found

    def resolved(self, shown: Promotion, version: int) -> None:
        """Check that every address of the stage resolves to a version."""
        held, alias = self.held(shown.model), shown.stage.alias
        addresses = {f"models:/{shown.model}@{alias}": held.aliases.get(alias)}
        if classic := classic_stage(alias):
            addresses[f"models:/{shown.model}/{classic}"] = held.classic.get(classic)
        for address, found in addresses.items():
            if found != version:
                actual = "no version" if found is None else f"version {found}"
                raise DemoError(f"{address} resolves to {actual} instead of version {version}")
            click.echo(f"{address} resolves to version {version}")


def train(demo: Demo) -> None:
    """Train and register every recipe whose version is missing."""
    data = ("--data", demo.data) if demo.data else ()
    demo.mlgitops("train", *data)


def promote(demo: Demo, shown: Promotion) -> None:
    """One changed line, one commit."""
    demo.mlgitops("promote", shown.model, shown.stage.name, str(shown.new))
    subject = f"Promote {shown.model} {shown.new} to {shown.stage.name}"
    demo.commit(subject, "the demo shows a promotion")


def review(demo: Demo) -> None:
    """Show the line that has changed, and its plan: what a reviewer of the promotion sees."""
    changed = git.run(demo.scratch, "show", "--unified=0", "--format=", "HEAD", "--", _MODELS)
    for line in changed.splitlines():
        if line.startswith(("-  ", "+  ")):
            click.secho(line, fg="red" if line[0] == "-" else "green")
    click.echo()
    demo.mlgitops("plan", "--report", str(demo.report))
    click.echo()


def apply(demo: Demo, shown: Promotion, version: int) -> None:
    """Make the registry what models.yaml says."""
    demo.mlgitops("apply", "--actor", "demo")
    demo.resolved(shown, version)


def serve(demo: Demo, shown: Promotion) -> None:
    """Serve what the stage holds, smoke-test it and ask it for a prediction."""
    import mlflow

    version = demo.held(shown.model).aliases[shown.stage.alias]
    with demo.served(f"{shown.model}/{version}") as url:
        demo.mlgitops("smoke", shown.model, shown.stage.name, "--url", url)
        folder = mlflow.artifacts.download_artifacts(f"models:/{shown.model}/{version}")
        asked = json.loads(payloads.request_in(Path(folder)).body)
        if rows := asked.get("dataframe_records"):
            (answer,) = predict(url, rows)
            click.echo(f"version {version} answers {answer} to {rows[0]}")


def roll_back(demo: Demo, shown: Promotion) -> None:
    """`git revert` of the promotion, applied."""
    demo.git("revert", "--no-commit", "HEAD")
    subject = f"Take {shown.model} {shown.stage.name} back to {shown.old}"
    demo.commit(subject, "the demo shows a rollback")
    apply(demo, shown, shown.old)


def promoted_before(model: HeldModel, shown: Promotion) -> Stamp | None:
    """The stamp of the new version in the stage, if an earlier demo put it there."""
    return model.stamps.get(shown.stage.alias, {}).get(shown.new)


def play(demo: Demo) -> None:
    """All steps.

    Raises:
        DemoError: a step did not do what it shows.
    """
    with demo.step("Clone"):
        demo.log.write_text("", encoding="utf-8")
        demo.clone()
    shown = promotion_of(demo.desired)
    with demo.step("Train and register what models.yaml asks for"):
        train(demo)
    with demo.step("Apply models.yaml"):
        demo.mlgitops("apply", "--actor", "demo")
    if before := promoted_before(demo.held(shown.model), shown):
        click.echo(
            f"An earlier demo promoted version {shown.new} and rolled back; its last stamp: "
            f"{when(before.time)}, commit {before.commit[:12]}"
        )
    else:
        with demo.step(f"Promote version {shown.new} to {shown.stage.name}"):
            promote(demo, shown)
        review(demo)
        with demo.step("Apply the promotion"):
            apply(demo, shown, shown.new)
    with demo.step(f"Serve {shown.model} and smoke-test it"):
        serve(demo, shown)
    if not before:
        with demo.step("Roll back with git revert"):
            roll_back(demo, shown)
    with demo.step("Build the status site"):
        demo.mlgitops("status")
        demo.mlgitops("site", str(demo.site))


@contextmanager
def process(version: str) -> Iterator[str]:
    """Serve NAME/VERSION in a process of this machine."""
    with start(f"models:/{version}", timeout=_PATIENCE) as url:
        yield url


def summary(demo: Demo) -> None:
    """Where to look, and what to try next."""
    click.secho("\nLook at", bold=True)
    places = {"the status site": demo.site / "index.html", "the promotion's plan": demo.report}
    for what, path in places.items():
        if path.exists():
            click.echo(f"  {what:<21} {path.as_uri()}")
    click.echo(f"  {'MLflow itself':<21} {_interface(demo)}")
    click.echo(f"  {'all that was printed':<21} {demo.log}")
    click.secho("Try", bold=True)
    click.echo(f"  {_serving(demo)}: the site with its search")
    if (demo.root / _MODELS).exists():
        click.echo("  mlgitops plan; or edit models.yaml and run the demo again")
    else:
        click.echo("  mlgitops init")


def _interface(demo: Demo) -> str:
    """Where the registry's own pages are, or the command that shows them."""
    if urlsplit(demo.url).scheme in ("http", "https"):
        return demo.url
    return f"mlflow ui --backend-store-uri {demo.url}"


def _serving(demo: Demo) -> str:
    """The command that serves the site, to be run where the demo was."""
    here = demo.root.resolve()

    def short(path: Path) -> str:
        return str(path.relative_to(here) if path.is_relative_to(here) else path)

    command = ["mlgitops", "site", short(demo.site), "--serve"]
    command += ["--file", short(demo.scratch / _MODELS)]  # whose history is the demo's
    if urlsplit(demo.url).scheme in ("http", "https"):
        command += ["--registry", demo.url]
    elif short(demo.state) != _STATE:
        command += ["--state", short(demo.state)]
    return shlex.join(command)
