"""The verbs of deployments: make them so, show what that would change, and rehearse it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops.cli.image import build_options, image_options, log_in, options_for
from mlgitops.cli.options import (
    Target,
    format_option,
    registry_options,
    show_report,
    tell,
    warn,
)
from mlgitops.cli.progress import progress
from mlgitops.core.deployments import GitopsRepository
from mlgitops.errors import EXIT_PENDING
from mlgitops.errors.deploying import DeployFailedError, DeployIncompleteError
from mlgitops.file.load import load
from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlgitops.core.deployments import DesiredDeployment
    from mlgitops.core.desired import Desired
    from mlgitops.core.registry import RegistryReader
    from mlgitops.deploy.reconcile import Deployment
    from mlgitops.deploy.target import Target as Place
    from mlgitops.deploy.values import Outcome, Served, Step
    from mlgitops.image.spec import BuildOptions


@click.command(
    epilog="""\b
Examples:
  mlgitops deploy
  mlgitops deploy edge --plan
  mlgitops deploy --plan --exit-code --format markdown >> "$GITHUB_STEP_SUMMARY"

\b
For hosts at ssh://, MLGITOPS_DEPLOY_KEY can hold the private key and
MLGITOPS_DEPLOY_KNOWN_HOSTS the hosts' public keys; for clusters,
MLGITOPS_KUBECONFIG the content of a kubeconfig.
"""
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would change; change nothing.")
@click.option("--exit-code", is_flag=True, help="With --plan, exit with 2 if there are changes.")
@build_options
@registry_options
@format_option
def deploy(
    names: tuple[str, ...],
    only_plan: bool,
    exit_code: bool,
    file: Path | None,
    target: Target,
    form: str,
    **chosen: Any,
) -> int:
    """Serve what stages hold, in the places that models.yaml declares.

    Makes the deployments of these NAMEs so, or all: each serves the versions that the registry's
    stages hold, and nothing else. A new version starts next to the old one, is tested, and takes
    its place without a dropped request; if it fails, the old version continues to serve. Exits with
    6 if a version did not prove itself, and with 4 if a place failed otherwise; a later run does
    what is left. Does nothing if models.yaml declares no deployments.
    """
    from mlgitops.deploy import reconcile
    from mlgitops.deploy.access import kubeconfig
    from mlgitops.report import deployments as reports
    from mlgitops.report import document

    desired = load(file or Path("models.yaml"))
    if not reconcile.named(desired, names):
        tell(f"{desired.file} declares no deployments; nothing to do", err=True)
        return 0
    if desired.images:
        log_in(desired.images)
    with kubeconfig(), progress() as say:
        say("reading the registry")
        found = _read(desired, names, target, chosen)
        if only_plan:
            steps = tuple(reconcile.plan(found))
            show_report(form, reports.planned(steps), lambda: document.deploy_plan(steps))
            return EXIT_PENDING if exit_code and any(step.pending for step in steps) else 0
        done = []
        for outcome in reconcile.make(found, say):
            done.append(outcome)
            if form == "text":
                tell(reports.line(outcome))
    if form != "text":
        show_report(form, reports.made(done), lambda: document.deployed(done))
    _check(done)
    return 0


def what_serves(
    desired: Desired,
    registry: RegistryReader,
    say: Callable[[str], None],
) -> tuple[Served, ...]:
    """What really serves, in the places that models.yaml declares."""
    from mlgitops.deploy import reconcile
    from mlgitops.deploy.access import kubeconfig

    if not desired.deployments:
        return ()
    say("asking what serves")
    with kubeconfig():
        found = reconcile.read(desired, registry, options_for(desired))
        return tuple(reconcile.served(found))


def served_otherwise(desired: Desired, registry: RegistryReader) -> tuple[Step, ...]:
    """What a deploy would change; of places that do not answer, somebody is warned."""
    from mlgitops.deploy import reconcile
    from mlgitops.deploy.access import kubeconfig
    from mlgitops.github import drift

    if desired.images:
        log_in(desired.images)
    with kubeconfig(), progress() as say:
        say("asking what serves")
        found = reconcile.read(desired, registry, options_for(desired))
        steps = tuple(reconcile.plan(found))
    for step in steps:
        if step.trouble:
            warn(f"{step}: {step.trouble}")
    return drift.behind(steps)


def _read(
    desired: Desired, names: tuple[str, ...], target: Target, chosen: dict[str, Any]
) -> tuple[Deployment, ...]:
    from mlgitops.deploy import reconcile
    from mlgitops.history.owner import owned

    client = target.connect()
    desired = owned(desired, client.identity)
    image = options_for(desired, **chosen)
    return reconcile.read(desired, client, image, names, target=_target)


def _target(
    deployment: DesiredDeployment, desired: Desired, registry: RegistryReader, image: BuildOptions
) -> Place:
    """The target of a deployment's kind; that of a repository asks GitHub for merges."""
    from mlgitops.deploy import reconcile

    if not isinstance(deployment.place, GitopsRepository):
        return reconcile.target_of(deployment, desired, registry, image)
    from mlgitops.deploy.gitops.target import GitopsTarget
    from mlgitops.github import merging

    return GitopsTarget(deployment, desired, registry, image, opener=merging.ask)


def _check(done: Sequence[Outcome]) -> None:
    """Fail if something did.

    Raises:
        DeployFailedError: versions did not prove themselves, and nothing else failed.
        DeployIncompleteError: something else failed.
    """
    from mlgitops.deploy import failures, reconcile

    failed = [one.error for one in done if one.error]
    if not failed:
        return
    unproven = reconcile.exit_code(done) == failures.FAILED
    raise (DeployFailedError if unproven else DeployIncompleteError)("\n".join(failed))


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
    from mlgitops.deploy.docker.rehearsal import rehearse
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
