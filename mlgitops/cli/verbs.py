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
    """

    module: str
    command: str
    summary: str
    extra: str = "review"

    def load(self) -> click.Command:
        """The command itself."""
        command = getattr(import_module(f"mlgitops.cli.{self.module}"), self.command)
        assert isinstance(command, click.Command)
        return command


VERBS = {
    "add-version": Verb("check", "add_version", "Add a recipe to models.yaml."),
    "announce": Verb("announce", "announce", "Tell others of changed stages."),
    "apply": Verb("reconcile", "apply", "Make the registry match models.yaml."),
    "card": Verb("card", "card", "Print a model card in Markdown."),
    "compare": Verb("compare", "compare", "Compare two versions of a model."),
    "demo": Verb("demo", "demo", "Run the whole loop on this machine.", "all"),
    "deploy": Verb("deploy", "deploy", "Serve the version in a stage on one host.", "deploy"),
    "deploy-rehearsal": Verb(
        "deploy", "rehearsal", "Rehearse a plan's deployments on this machine.", "deploy"
    ),
    "doctor": Verb("doctor", "doctor", "Check this machine, models.yaml, the registry and GitHub."),
    "gates": Verb("gates", "gates", "Try the gates of models.yaml."),
    "github": Verb("github", "github", "Run the workflow steps that talk to GitHub."),
    "history": Verb("past", "history", "Show who put which version into which stage, and when."),
    "image": Verb("image", "image", "Build, test, scan and push serving images.", "image"),
    "import": Verb("start", "import_command", "Write models.yaml from an existing registry."),
    "init": Verb("init", "init", "Make a team's repository, or add to one.", "image"),
    "pin": Verb("pin", "pin", "Pin the payloads of versions in models.yaml."),
    "plan": Verb("reconcile", "plan", "Show what apply would change, and the evidence for it."),
    "promote": Verb("check", "promote", "Put VERSION into a stage in models.yaml."),
    "propose": Verb("propose", "propose", "Open a pull request that puts VERSION into a stage."),
    "rebuild": Verb("start", "rebuild", "Fill an empty registry from models.yaml.", "train"),
    "report": Verb("report", "report", "Write the plan to an HTML page with charts."),
    "rollback": Verb("rollback", "rollback", "Put the previous version back into models.yaml."),
    "run-recipe": Verb("train", "run_recipe", "Train RECIPE in an MLflow run.", "train"),
    "schema": Verb(
        "check", "schema_command", "Print the JSON Schema of models.yaml or of reports."
    ),
    "serve": Verb("serve", "serve", "Serve a version with MLflow's own server."),
    "smoke": Verb("serve", "smoke", "Smoke-test a model server."),
    "status": Verb("reconcile", "status", "Show the desired and actual versions, and drift."),
    "sync": Verb("sync", "sync", "Follow a repository and keep the registry as its branch says."),
    "train": Verb("train", "train", "Train and register missing versions.", "train"),
    "unused": Verb("unused", "unused", "List the versions that nothing needs."),
    "upgrade": Verb(
        "upgrade", "upgrade", "Bring a repository to this version's templates and form."
    ),
    "validate": Verb("check", "validate", "Check models.yaml and report every problem."),
    "webhook": Verb("webhook", "webhook", "Start workflows when the registry changes.", "webhook"),
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
        shown = [click.Command(name, help=verb.summary) for name, verb in VERBS.items()]
        click.Group(commands=shown).format_commands(ctx, formatter)
