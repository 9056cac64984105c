"""The verb that writes what a deployment applies as a folder for kustomize."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from mlgitops.cli.image import build_options, log_in, options_for
from mlgitops.cli.options import Target, registry_options, tell
from mlgitops.cli.progress import progress
from mlgitops.core.deployments import DockerHosts, GitopsRepository
from mlgitops.errors import UsageError
from mlgitops.errors.deploying import DeployIncompleteError
from mlgitops.file.load import load


@click.command(
    epilog="""\b
Examples:
  mlgitops render farm deploy/farm
  kubectl diff --kustomize deploy/farm
"""
)
@click.argument("name")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@build_options
@registry_options
def render(name: str, out: Path, file: Path | None, target: Target, **chosen: Any) -> None:
    """Write what the deployment NAME serves to the folder OUT, for kustomize.

    A file for each stage of each model, and kustomization.yaml, which lists them: the same bytes as
    long as the same versions are to be served the same way. Images are named by digest, and built
    and pushed if they are not there. Files of stages that are not served any more are removed;
    other files in OUT stay. For deployments of kind kubernetes or gitops.
    """
    from mlgitops.deploy import reconcile
    from mlgitops.deploy.gitops.local import Local
    from mlgitops.deploy.values import Action
    from mlgitops.history.owner import owned

    desired = load(file or Path("models.yaml"))
    (declared,) = reconcile.named(desired, (name,))
    place = declared.place
    if isinstance(place, DockerHosts) or (isinstance(place, GitopsRepository) and place.field):
        what = "is of kind docker" if isinstance(place, DockerHosts) else "only sets a digest"
        raise UsageError(f"{name} {what}; there is nothing to render for kustomize")
    if desired.images:
        log_in(desired.images)
    with progress() as say:
        say("reading the registry")
        client = target.connect()
        desired = owned(desired, client.identity)
        image = options_for(desired, **chosen)
        made = partial(Local, out=out)
        found = reconcile.read(desired, client, image, (name,), target=made)
        done = list(reconcile.make(found, say))
    for one in done:
        if one.step.action is not Action.NOTHING and not one.error:
            tell(f"{one.step.action}: {one.step}")
    if failed := [one.error for one in done if one.error]:
        raise DeployIncompleteError("\n".join(failed))
