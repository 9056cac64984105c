"""The verb that follows a repository from beside the registry."""

from __future__ import annotations

import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from mlgitops.cli.numbers import Whole
from mlgitops.cli.options import Target, registry_options, tell, warn
from mlgitops.errors import MlgitopsError, UsageError
from mlgitops.errors.applying import SyncEndedError, SyncFolderError
from mlgitops.system import files, secrets, waiting
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.sync.rounds import Sync

_ENDING = "ending: finishing what has begun; interrupt again to stop at once"
_TICK = 0.2  # seconds
_LIMIT = 64 * 1024  # bytes of a token
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command(
    epilog="""\b
Examples:
  mlgitops sync https://github.com/acme/farm-models
  mlgitops sync git@git.example.org:acme/farm-models.git --key-file ~/.ssh/farm
  mlgitops sync git@git.example.org:acme/farm-models.git --once
  mlgitops sync git@git.example.org:acme/farm-models.git --once --accept 3f2a91c

\b
docs/sync.md has a systemd unit, a container and a CronJob.
"""
)
@click.argument("repository")
@click.option("--branch", default="main", show_default=True, help="The branch to follow.")
@click.option(
    "--file",
    "-f",
    default="models.yaml",
    show_default=True,
    help="The file that declares the stages, from the root of the repository.",
)
@click.option(
    "--folder",
    envvar="MLGITOPS_SYNC_FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".mlgitops/sync"),
    show_default=True,
    help="Where the clone and what is remembered are; of this sync alone.",
)
@click.option("--once", is_flag=True, help="Do what is due, then end.")
@click.option("--now", "at_once", is_flag=True, help="With --once: wait for no interval.")
@click.option(
    "--every",
    type=Whole(min=1),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How often to ask the repository for a new commit.",
)
@click.option(
    "--look",
    type=Whole(min=1),
    default=10,
    show_default=True,
    metavar="MINUTES",
    help="How often to look for stages that were moved by hand.",
)
@click.option("--no-heal", is_flag=True, help="Report such stages, but leave them as they are.")
@click.option(
    "--train",
    is_flag=True,
    help="Train versions that the registry lacks: runs code of the repository.",
)
@click.option(
    "--accept",
    metavar="COMMIT",
    default="",
    help="With --once: take this commit of a rewritten history.",
)
@click.option(
    "--context", default="mlgitops/sync", show_default=True, help="The name of the commit status."
)
@click.option(
    "--token-file",
    envvar="MLGITOPS_SYNC_TOKEN_FILE",
    type=_FILE,
    help="A file with the token for an https repository.  [env: MLGITOPS_SYNC_TOKEN has a token]",
)
@click.option(
    "--key-file",
    envvar="MLGITOPS_SYNC_KEY_FILE",
    type=_FILE,
    help="The SSH key for the repository.  [env: MLGITOPS_SYNC_KEY_FILE; default: SSH's own]",
)
@click.option(
    "--known-hosts",
    envvar="MLGITOPS_SYNC_KNOWN_HOSTS",
    type=_FILE,
    help="The file with the host's key.  [env: MLGITOPS_SYNC_KNOWN_HOSTS; default: SSH's own]",
)
@click.option(
    "--github-token-file",
    envvar="GITHUB_TOKEN_FILE",
    type=_FILE,
    help="A file with the token that sets commit statuses.  [env: GITHUB_TOKEN has a token]",
)
@registry_options
def sync(
    repository: str,
    branch: str,
    file: str,
    folder: Path,
    once: bool,
    at_once: bool,
    every: int,
    look: int,
    no_heal: bool,
    train: bool,
    accept: str,
    context: str,
    token_file: Path | None,
    key_file: Path | None,
    known_hosts: Path | None,
    github_token_file: Path | None,
    target: Target,
) -> None:
    """Follow a repository and keep the registry as its branch says.

    Runs beside the registry, so that the repository's host needs no login to it. Applies each new
    commit of REPOSITORY, corrects stages that were moved by hand, tries again what failed or was
    refused, and reports to the chat in MLGITOPS_WEBHOOK_URL and, with GITHUB_TOKEN, as a commit
    status. Ends in order on SIGTERM. With --once, fails if something that was due did.
    """
    from mlgitops.history.owner import of_remote
    from mlgitops.sync import host
    from mlgitops.sync import repository as git
    from mlgitops.sync.rounds import Sync
    from mlgitops.system import signals

    if (at_once or accept) and not once:
        raise UsageError("--now and --accept go with --once")
    inside = PurePosixPath(file)
    if inside.is_absolute() or ".." in inside.parts:
        raise UsageError(f"--file {file}: pass a path from the root of the repository")
    if Path(repository).is_dir():
        repository = str(Path(repository).absolute())  # git runs elsewhere
    if target.named:
        target.named.publish()
    tokens = {git.TOKEN: token_file, host.TOKEN: github_token_file}
    _read(tokens)
    ending = signals.Signals()
    made = Sync(
        remote=git.Remote(address=repository, branch=branch, key=key_file, known_hosts=known_hosts),
        identity=of_remote(repository),
        folder=folder.absolute(),
        state=target.folder.absolute(),
        file=str(inside),
        look=timedelta(minutes=look),
        heal=not no_heal,
        train=train,
        context=context,
        beat=_Beat(file=folder / "alive"),
        stopped=lambda: ending.arrived,
        tell=lambda line: tell(line, err=True),
        warn=warn,
    )
    with signals.caught(ending, _ENDING):
        try:
            if not once:
                _follow(made, every, tokens)
            elif problem := made.round(accept=accept, at_once=at_once).problem:
                raise problem
        except SyncEndedError as error:
            tell(str(error), err=True)


def _follow(made: Sync, every: int, tokens: Mapping[str, Path | None]) -> None:
    """Make rounds until somebody wants it to end; nothing that may go by ends it.

    Raises:
        SyncEndedError: in the middle of a round.
        SyncFolderError: it can never work in this folder.
    """

    def over() -> bool:
        made.beat()
        return made.stopped()

    while not over():
        try:
            _read(tokens)
            done = made.round()
            if done.problem and done.new:
                warn(one_line(done.problem))
        except (SyncEndedError, SyncFolderError):
            raise
        except MlgitopsError as error:
            warn(one_line(error))
        waiting.until(over, timeout=every, every=_TICK)


def _read(tokens: Mapping[str, Path | None]) -> None:
    """Set variables to what files hold: whoever renews a token writes it there."""
    for name, path in tokens.items():
        if path is not None:
            try:
                os.environ[name] = files.read_text(path, limit=_LIMIT).strip()
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"cannot read the token in {path}: {one_line(error)}") from error
    secrets.forget()


@dataclass(kw_only=True, slots=True)
class _Beat:
    """The sign of life: a file whose time is that of the last moment in which the sync worked."""

    file: Path
    last: float = -math.inf

    def __call__(self) -> None:
        if time.monotonic() - self.last >= 1:
            with suppress(OSError):  # a full disk is told elsewhere
                self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.file.touch()
            self.last = time.monotonic()
