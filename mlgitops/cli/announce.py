"""The verb that tells others of changed stages."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mlgitops.cli.options import Target, file_option, registry_options, tell, warn
from mlgitops.cli.progress import progress
from mlgitops.errors import DockerError, GitHubDeniedError, ImageError
from mlgitops.file.load import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlgitops.core.announced import Announcement

_TOKEN = "MLGITOPS_ANNOUNCE_TOKEN"  # noqa: S105 - the name of a variable


@click.command(
    epilog="""\b
Examples:
  mlgitops announce
  mlgitops announce --images registry.example.org/wind

\b
Variables:
  MLGITOPS_ANNOUNCE_TOKEN        may write contents of the repositories that are told
  MLGITOPS_ANNOUNCE_NAME_URL     the address of the webhook NAME
  MLGITOPS_ANNOUNCE_NAME_SECRET  what its requests are signed with
"""
)
@click.option(
    "--images",
    "repository",
    default="",
    metavar="REPOSITORY",
    help="Tell which image of a version is there, if it is.",
)
@file_option
@registry_options
def announce(repository: str, file: Path, target: Target) -> None:
    """Tell others of changed stages.

    Tells whom `announce` of a model names of the last change of each stage: at least once, under
    the same key each time. The tag mlgitops.announced of the model keeps who was told. After a
    failure, the next run tells the rest.
    """
    from mlgitops.core.announced import due
    from mlgitops.notify import announce as announcing
    from mlgitops.proposal.propose import read

    with progress() as say:
        say("reading the registry")
        client = target.connect()
        desired, held = read(load(file), client)
        names = {one.model for one in due(desired, held)}
        # searches may leave tags out, and another run may have told since
        held = client.held_again(names) if names else held
    if names and repository:
        from mlgitops.cli.image import log_in

        log_in(repository)
    if not names:
        tell("everybody was told of the last change of each stage")
    announcing.announce(
        desired,
        held,
        _dispatch,
        client.keep_told,
        complete=lambda one: _with_image(one, repository),
        tell=tell,
    )


def _dispatch(repository: str, event: str, payload: Mapping[str, object]) -> None:
    """Send an event to a repository.

    Raises:
        GitHubError: it was not taken.
    """
    from mlgitops.github import context
    from mlgitops.github.api import GitHub

    token = os.environ.get(_TOKEN)
    if not token:
        raise GitHubDeniedError(f"set {_TOKEN}")
    given = {**os.environ, "GITHUB_REPOSITORY": repository, "GITHUB_TOKEN": token}
    GitHub(context.read(given)).dispatch(event, payload)


def _with_image(one: Announcement, repository: str) -> Announcement:
    """An announcement that names the image of the version, where that is the one of the stage."""
    if not repository or one.new is None:
        return one
    from mlgitops.image.publish import look
    from mlgitops.image.spec import numbered_tag, stage_tag

    try:
        found = look(stage_tag(one.model, one.stage, repository))
        labels = found.labels if found else {}
    except (DockerError, ImageError) as error:
        warn(f"{one}: {error}")
        return one
    digest = labels.get("mlgitops.digest")
    if not digest or labels.get("mlgitops.version") != str(one.new):
        return one
    tag = numbered_tag(one.model, one.new, digest, repository)
    return replace(one, digest=one.digest or digest, image=tag)
