"""The verb that serves what a stage holds on one host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlgitops.cli.image import build_options, image_options
from mlgitops.cli.options import connect, format_option, progress, registry_options, show
from mlgitops.errors import DeployFailedError, UsageError
from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlgitops.deploy.values import DeployOptions
    from mlgitops.image.spec import BuildOptions
    from mlgitops.registry.client import MlflowRegistry

_SHARE = click.IntRange(1, 50)
_SECONDS = click.FloatRange(1, 86_400)


def _host_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What may be chosen of a deployment."""
    for option in (
        click.option("--port", type=click.IntRange(1, 65535), help="At first: 5001."),
        click.option("--bind", metavar="ADDRESS", help="To listen on; at first: 127.0.0.1."),
        click.option("--memory", help="Limit of the model's container; at first: 1g."),
        click.option("--cpus", help="Limit of the model's container; at first: 1."),
        click.option("--canary", type=_SHARE, metavar="PERCENT", help="Try it on a share first."),
        click.option(
            "--canary-seconds", type=_SECONDS, default=60.0, show_default=True, help="How long."
        ),
        click.option(
            "--watch",
            type=click.FloatRange(0, 3600),
            default=5.0,
            show_default=True,
            help="Seconds for which the old version could still return.",
        ),
    ):
        command = option(command)
    return command


@click.command(
    epilog="""\b
Examples:
  mlgitops deploy power-forecasting-model Production --port 5001
  mlgitops deploy power-forecasting-model Production --canary 10
  mlgitops deploy --all                      each deployment here to what its stage holds
  mlgitops deploy --status
  DOCKER_HOST=ssh://serving.example.org mlgitops deploy --all

\b
Without --from, images are built where they are to run. The host is DOCKER_HOST,
or this machine; for ssh://, MLGITOPS_DEPLOY_KEY may hold the key and
MLGITOPS_DEPLOY_KNOWN_HOSTS the host's.
"""
)
@click.argument("model", required=False)
@click.argument("stage", required=False)
@click.option("--all", "every", is_flag=True, help="Every deployment on the host.")
@click.option("--status", is_flag=True, help="Show what serves.")
@click.option("--remove", is_flag=True, help="Remove the deployment of STAGE of MODEL.")
@click.option("--from", "repository", help="Pull REPOSITORY/MODEL:stage instead of building it.")
@_host_options
@build_options
@registry_options
@format_option
def deploy(
    model: str | None,
    stage: str | None,
    every: bool,
    status: bool,
    remove: bool,
    registry: str | None,
    state: Path,
    form: str,
    **chosen: Any,
) -> None:
    """Serve the version that STAGE of MODEL holds on one host, replacing what serves there.

    The new version starts beside the old one, is tested through the proxy, gets the traffic, and
    the old one ends once it has answered what it had begun. If anything fails, the old one stays.
    """
    if sum((every, status, bool(model))) != 1 or bool(model) != bool(stage):
        raise UsageError("name a MODEL and a STAGE, or ask for --all or --status")
    if remove and not model:
        raise UsageError("--remove needs a MODEL and a STAGE")
    from mlgitops.deploy.ssh import access

    with access():
        if model and stage and remove:
            _remove(model, stage)
        elif status:
            _status(connect(registry, state), form)
        else:
            named = (model, stage) if model and stage else None
            _deploy(connect(registry, state), named, *_options(chosen))


def _remove(model: str, stage: str) -> None:
    from mlgitops.deploy import fleet

    fleet.remove(model, stage)
    click.echo(f"removed {model} {stage}")


def _deploy(
    reader: MlflowRegistry,
    named: tuple[str, str] | None,
    options: DeployOptions,
    image: BuildOptions,
) -> None:
    from mlgitops.deploy import fleet

    pull = image.repository is not None
    with progress() as say:
        if named is None:
            for one in fleet.deploy_all(reader, options, image, pull=pull, say=say):
                click.echo(str(one))
            return
        click.echo(str(fleet.deploy(reader, *named, options, image, pull=pull, say=say)))


@click.command(
    "deploy-rehearsal",
    epilog="""\b
Examples:
  mlgitops plan --out plan.json && mlgitops deploy-rehearsal plan.json --report deploy.md
""",
)
@click.argument("plan", type=click.Path())
@click.option("--report", type=click.Path(), help="Write the results, as Markdown.")
@build_options
@registry_options
def rehearsal(
    plan: str, report: str | None, registry: str | None, state: Path, **chosen: Any
) -> None:
    """Replace each version that PLAN replaces, here and under load; nothing of it stays."""
    from pathlib import Path

    from mlgitops.deploy.rehearsal import rehearse
    from mlgitops.proposal import planfile
    from mlgitops.report import deployments as reports
    from mlgitops.system import docker

    docker.require(compose=True)
    changes = planfile.read(Path(plan)).plan.changes
    with progress() as say:
        image = image_options(**chosen)
        found = tuple(rehearse(connect(registry, state), changes, image, say=say))
    if report:
        files.write_text(Path(report), reports.rehearsed_markdown(found))
    for one in found:
        click.echo(reports.rehearsed_line(one))
    if not found:
        click.echo("no version is replaced: no replacement to rehearse")
    if failed := [one for one in found if not one.good]:
        raise DeployFailedError("\n".join(map(reports.rehearsed_line, failed)))


def _options(chosen: dict[str, Any]) -> tuple[DeployOptions, BuildOptions]:
    from mlgitops.deploy.values import Canary, DeployOptions

    share, seconds = chosen.pop("canary"), chosen.pop("canary_seconds")
    names = ("bind", "port", "memory", "cpus", "watch")
    options = DeployOptions(
        canary=Canary(share=share, seconds=seconds) if share else None,
        **{name: chosen.pop(name) for name in names},
    )
    return options, image_options(**chosen)


def _status(reader: MlflowRegistry, form: str) -> None:
    from mlgitops.deploy import fleet
    from mlgitops.report import deployments as reports

    found = fleet.states(reader)
    show(
        form,
        text=lambda console: reports.states_text(found, console),
        markdown=lambda: reports.states_markdown(found),
        document=lambda: reports.states_document(found),
    )


COMMANDS = (deploy, rehearsal)
