"""The verbs: where each is, and what it does in a line, so that only the one called is imported."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from mlgitops.cli.completion import TAKES, Completed


class Verb(NamedTuple):
    """A verb that is not imported yet.

    Attributes:
        module: in this package.
        command: its name there.
        summary: the first sentence of its help.
        extra: what brings the packages that it needs beyond the bare install.
        writes: what it changes, in Markdown.
    """

    module: str
    command: str
    summary: str
    extra: str = "review"
    writes: str = "nothing"

    def load(self) -> click.Command:
        """The command itself."""
        command = getattr(import_module(f"mlgitops.cli.{self.module}"), self.command)
        assert isinstance(command, click.Command)
        return command


VERBS = {
    "add-version": Verb(
        "check", "add_version", "Add a recipe to models.yaml.", writes="`models.yaml`"
    ),
    "announce": Verb(
        "announce",
        "announce",
        "Tell others of changed stages.",
        writes="a tag of the model; events on GitHub, webhooks",
    ),
    "apply": Verb(
        "reconcile",
        "apply",
        "Make the registry match models.yaml.",
        writes="the registry, and a run that records it",
    ),
    "card": Verb("card", "card", "Print a model card in Markdown."),
    "compare": Verb("compare", "compare", "Compare two versions of a model."),
    "demo": Verb(
        "demo", "demo", "Run the whole loop on this machine.", "all", writes="`.mlgitops/`"
    ),
    "deploy": Verb(
        "deploy",
        "deploy",
        "Serve what stages hold, in the places that models.yaml declares.",
        "deploy",
        writes="the places; with `--plan`, nothing",
    ),
    "deploy-rehearsal": Verb(
        "deploy", "rehearsal", "Rehearse a plan's deployments on this machine.", "deploy"
    ),
    "doctor": Verb(
        "doctor",
        "doctor",
        "Check this machine, models.yaml, the registry and GitHub.",
        writes="nothing; with `--write`, a model that it removes",
    ),
    "gates": Verb("gates", "gates", "Try the gates of models.yaml."),
    "github": Verb(
        "github", "github", "Run the workflow steps that talk to GitHub.", writes="GitHub"
    ),
    "history": Verb(
        "past",
        "history",
        "Show who put which version into which stage, and when.",
        writes="nothing; with `--export`, a file",
    ),
    "image": Verb(
        "image", "image", "Build, test, scan and push serving images.", "image", writes="images"
    ),
    "import": Verb(
        "start",
        "import_command",
        "Write models.yaml from an existing registry.",
        writes="`models.yaml`",
    ),
    "init": Verb(
        "init",
        "init",
        "Make a team's repository, or add to one.",
        "image",
        writes="files that are not there",
    ),
    "pin": Verb(
        "pin",
        "pin",
        "Pin the payloads of versions in models.yaml.",
        writes="`models.yaml`; with `--check`, nothing",
    ),
    "plan": Verb("reconcile", "plan", "Show what apply would change, and the evidence for it."),
    "promote": Verb(
        "check", "promote", "Put VERSION into a stage in models.yaml.", writes="`models.yaml`"
    ),
    "propose": Verb(
        "propose",
        "propose",
        "Open a pull request that puts VERSION into a stage.",
        writes="a branch and a pull request on GitHub",
    ),
    "rebuild": Verb(
        "start",
        "rebuild",
        "Fill an empty registry from models.yaml.",
        "train",
        writes="runs, versions, the registry",
    ),
    "render": Verb(
        "render",
        "render",
        "Write what the deployment NAME serves to the folder OUT, for kustomize.",
        "deploy",
        writes="a folder",
    ),
    "report": Verb(
        "report", "report", "Write the plan to an HTML page with charts.", writes="a file"
    ),
    "rollback": Verb(
        "rollback",
        "rollback",
        "Put the previous version back into models.yaml.",
        writes="`models.yaml`",
    ),
    "run-recipe": Verb(
        "train",
        "run_recipe",
        "Train RECIPE in an MLflow run.",
        "train",
        writes="runs; with `--register`, versions",
    ),
    "schema": Verb(
        "check",
        "schema_command",
        "Print the JSON Schema of models.yaml, included files or reports.",
    ),
    "serve": Verb("serve", "serve", "Serve a version with MLflow's own server."),
    "site": Verb(
        "site", "site", "Write a static site of the stages and their history.", writes="a folder"
    ),
    "smoke": Verb("serve", "smoke", "Smoke-test a model server."),
    "status": Verb(
        "status",
        "status",
        "Show the desired and actual versions, what really serves, and drift.",
    ),
    "sync": Verb(
        "sync",
        "sync",
        "Follow a repository and keep the registry as its branch says.",
        writes="the registry, and its own folder",
    ),
    "train": Verb(
        "train", "train", "Train and register missing versions.", "train", writes="runs, versions"
    ),
    "unused": Verb("unused", "unused", "List the versions that nothing needs."),
    "upgrade": Verb(
        "upgrade",
        "upgrade",
        "Bring a repository to this version's templates and form.",
        writes="the repository's files",
    ),
    "validate": Verb("check", "validate", "Check models.yaml and report every problem."),
    "webhook": Verb(
        "webhook",
        "webhook",
        "Start workflows when the registry changes.",
        "webhook",
        writes="events on GitHub; with `--register`, the webhook",
    ),
}


class Verbs(click.Group):
    """The verbs as commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's form
        """Their names, sorted."""
        return sorted(VERBS)

    def get_command(
        self,
        ctx: click.Context,
        cmd_name: str,
    ) -> click.Command | None:
        """The command of this name; while a shell completes it, what stands for it."""
        verb = VERBS.get(cmd_name)
        if verb and ctx.resilient_parsing and cmd_name in TAKES:
            return Completed(cmd_name, verb.load)
        return verb.load() if verb else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs and what each does, none of them imported."""
        found = [
            CompletionItem(name, help=verb.summary)
            for name, verb in sorted(VERBS.items())
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them as click does, but from their summaries."""
        shown = [click.Command(name, short_help=one.summary) for name, one in VERBS.items()]
        click.Group(commands=shown).format_commands(ctx, formatter)
