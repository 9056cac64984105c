"""The verb that serves what a stage holds on one host."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops.cli.image import build_options, image_options
from mlgitops.cli.numbers import Number, Whole
from mlgitops.cli.options import (
    Target,
    format_option,
    progress,
    registry_options,
    show_report,
    tell,
)
from mlgitops.deploy.values import MOST_REPLICAS
from mlgitops.errors import DeployFailedError, UsageError
from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.registry import RegistryReader
    from mlgitops.deploy.values import DeployOptions
    from mlgitops.image.spec import BuildOptions

_SHARE = Whole(1, 50)
_SECONDS = Number(1, 86_400)


def _host_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What may be chosen of a deployment."""
    for option in (
        click.option(
            "--port",
            type=Whole(1, 65535),
            help="The port of the deployment.  [first time: 5001]",
        ),
        click.option(
            "--bind", metavar="ADDRESS", help="The address to listen on.  [first time: 127.0.0.1]"
        ),
        click.option("--memory", help="Memory limit of each replica.  [first time: 1g]"),
        click.option("--cpus", help="CPU limit of each replica.  [first time: 1]"),
        click.option(
            "--replicas",
            type=Whole(1, MOST_REPLICAS),
            help="How many containers serve the version.  [first time: 1]",
        ),
        click.option(
            "--start-timeout",
            type=Whole(1, 86_400),
            metavar="SECONDS",
            help="How long a new version may take to be ready.  [first time: 180]",
        ),
        click.option(
            "--keep-images",
            type=Whole(0, 100),
            metavar="NUMBER",
            help="How many images of former versions stay on the host.  [first time: 1]",
        ),
        click.option(
            "--tls-cert",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Serve HTTPS, with the certificate, chain and key in this PEM file.",
        ),
        click.option(
            "--token-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Ask callers for one of the tokens in this file, one a line.",
        ),
        click.option(
            "--canary",
            type=_SHARE,
            metavar="PERCENT",
            help="First send the new version this share of the requests.",
        ),
        click.option(
            "--canary-seconds",
            type=_SECONDS,
            default=60.0,
            show_default=True,
            help="How long the canary takes.",
        ),
        click.option(
            "--watch",
            type=Number(0, 3600),
            default=5.0,
            show_default=True,
            help="Seconds that the old version stands by afterwards.",
        ),
    ):
        command = option(command)
    return command


@click.command(
    epilog="""\b
Examples:
  mlgitops deploy power-forecasting-model Production --port 5001
  mlgitops deploy power-forecasting-model Production --canary 10
  mlgitops deploy --all                      update every deployment on the host
  mlgitops deploy --status
  DOCKER_HOST=ssh://serving.example.org mlgitops deploy --all

\b
The host is DOCKER_HOST, or this machine. For ssh://, MLGITOPS_DEPLOY_KEY can hold
the private key and MLGITOPS_DEPLOY_KNOWN_HOSTS the host's public key. Without
--from, the image is built on the host.
"""
)
@click.argument("model", required=False)
@click.argument("stage", required=False)
@click.option("--all", "every", is_flag=True, help="Update every deployment on the host.")
@click.option("--status", is_flag=True, help="Show the deployments on the host.")
@click.option("--remove", is_flag=True, help="Remove the deployment of MODEL and STAGE.")
@click.option(
    "--from", "repository", help="Pull the image REPOSITORY/MODEL:stage instead of building it."
)
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
    target: Target,
    form: str,
    **chosen: Any,
) -> None:
    """Serve the version in a stage on one host.

    Replaces the running version without dropping a request: the new version starts next to the old
    one, is tested through the proxy, and gets the traffic; the old version finishes its open
    requests and is removed. If anything fails, the old version continues to serve.
    """
    if sum((every, status, bool(model))) != 1 or bool(model) != bool(stage):
        raise UsageError("pass MODEL and STAGE, or --all, or --status")
    if remove and not model:
        raise UsageError("--remove needs MODEL and STAGE")
    from mlgitops.deploy.ssh import access

    with access():
        if model and stage and remove:
            _remove(model, stage)
        elif status:
            _status(target.connect(), form)
        else:
            named = (model, stage) if model and stage else None
            _deploy(target.connect(), named, *_options(chosen))


def _remove(model: str, stage: str) -> None:
    from mlgitops.deploy import fleet

    fleet.remove(model, stage)
    tell(f"removed {model} {stage}")


def _deploy(
    reader: RegistryReader,
    named: tuple[str, str] | None,
    options: DeployOptions,
    image: BuildOptions,
) -> None:
    from mlgitops.deploy import fleet

    pull = image.repository is not None
    with progress() as say:
        if named is None:
            for one in fleet.deploy_all(reader, options, image, pull=pull, say=say):
                tell(str(one))
            return
        tell(str(fleet.deploy(reader, *named, options, image, pull=pull, say=say)))


@click.command(
    "deploy-rehearsal",
    epilog="""\b
Examples:
  mlgitops plan --out plan.json && mlgitops deploy-rehearsal plan.json --report deploy.md
""",
)
@click.argument("plan", type=click.Path(path_type=Path))
@click.option(
    "--report", type=click.Path(path_type=Path), help="Write the results to this file, as Markdown."
)
@build_options
@registry_options
def rehearsal(plan: Path, report: Path | None, target: Target, **chosen: Any) -> None:
    """Rehearse a plan's deployments on this machine.

    PLAN is a file from `mlgitops plan --out`. Replaces each version under load, but for refused
    changes, and removes everything afterwards.
    """
    from mlgitops.deploy.rehearsal import rehearse
    from mlgitops.proposal import planfile
    from mlgitops.report import deployments as reports
    from mlgitops.report import markdown
    from mlgitops.system import docker

    docker.require(compose=True)
    changes = planfile.read(plan).accepted
    with progress() as say:
        image = image_options(**chosen)
        found = tuple(rehearse(target.connect(), changes, image, say=say))
    if report:
        files.write_text(report, markdown.report(reports.rehearsed(found)))
    for one in found:
        tell(reports.rehearsed_line(one))
    if not found:
        tell("the plan replaces no version; nothing to rehearse")
    if failed := [one for one in found if not one.good]:
        raise DeployFailedError("\n".join(map(reports.rehearsed_line, failed)))


def _options(chosen: dict[str, Any]) -> tuple[DeployOptions, BuildOptions]:
    from mlgitops.deploy.values import Canary, DeployOptions

    share, seconds = chosen.pop("canary"), chosen.pop("canary_seconds")
    names = {field.name for field in fields(DeployOptions)} & chosen.keys()
    options = DeployOptions(
        canary=Canary(share=share, seconds=seconds) if share else None,
        **{name: chosen.pop(name) for name in names},
    )
    return options, image_options(**chosen)


def _status(reader: RegistryReader, form: str) -> None:
    from mlgitops.deploy import fleet
    from mlgitops.report import deployments as reports
    from mlgitops.report import document

    found = fleet.states(reader)
    show_report(form, reports.states(found), lambda: document.deployments(found))
