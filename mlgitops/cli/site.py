"""The verb that writes the status site."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops.cli.numbers import Whole
from mlgitops.cli.options import (
    Target,
    as_json,
    deployments_option,
    file_option,
    registry_options,
    tell,
    warn,
)
from mlgitops.cli.past import revisions_or_none
from mlgitops.cli.progress import progress
from mlgitops.core.pins import declared
from mlgitops.core.record import FIRST
from mlgitops.core.status import stage_statuses
from mlgitops.core.version import latest
from mlgitops.errors import GitError, GitHubError, UsageError
from mlgitops.file.load import load
from mlgitops.history import paths
from mlgitops.history.stays import timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mlgitops.core.held import Held
    from mlgitops.core.status import StageStatus
    from mlgitops.core.version import VersionKey
    from mlgitops.deploy.values import Served
    from mlgitops.site.values import PullRequest, Site


def _address(_: click.Context, __: click.Parameter, text: str | None) -> str:
    if text is None:
        return ""
    if not text.startswith(("https://", "http://")):
        raise UsageError(f"--url {text}: pass an address such as https://acme.github.io/models/")
    return text.rstrip("/") + "/"


@click.command(
    epilog="""\b
Examples:
  mlgitops site public
  mlgitops site public --serve               and show it on this machine
  mlgitops site public --url https://acme.github.io/models/
"""
)
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--serve", is_flag=True, help="Serve the site on 127.0.0.1 until Ctrl-C.")
@click.option("--port", type=Whole(1, 65535), help="The port for --serve.  [default: a free port]")
@click.option("--url", callback=_address, help="Where it is published, for the links of its feed.")
@click.option(
    "--branch",
    default="main",
    show_default=True,
    help="The branch that the links to edit models.yaml lead to.",
)
@click.option("--pins", is_flag=True, help="Verify pins; downloads each pinned version.")
@deployments_option
@file_option
@registry_options
def site(
    out: Path,
    serve: bool,
    port: int | None,
    url: str,
    branch: str,
    pins: bool,
    deployments: bool,
    file: Path,
    target: Target,
) -> None:
    """Write a static site of the stages and their history.

    Writes to the folder OUT what each stage holds, since when and by whom, and what is wrong.

    The data come from the registry, git's history of models.yaml and the records of applies. With
    a token in GITHUB_TOKEN or GH_TOKEN, GitHub is asked for open pull requests. The pages need no
    server, but the search over all models does: see --serve.
    """
    from mlgitops.site import pages
    from mlgitops.site.serve import serve as serve_folder
    from mlgitops.site.write import write

    with progress() as say:
        found, documents = _read(
            file, target, say, branch=branch, pins=pins, deployments=deployments
        )
        say("writing the pages")

        def every() -> Iterator[tuple[str, str]]:
            yield from pages.files(found, url)
            yield from documents

        count, written = write(out, every())
    tell(f"{out}: {count:,} files, {written:,} of them new or changed")
    if serve:
        tell("Ctrl-C ends it", err=True)
        serve_folder(out, port or 0, tell)


def _read(
    file: Path,
    target: Target,
    say: Callable[[str], None],
    *,
    branch: str,
    pins: bool,
    deployments: bool,
) -> tuple[Site, list[tuple[str, str]]]:
    """What the site shows, and the documents beside its pages."""
    from mlgitops.audit import export
    from mlgitops.history import links
    from mlgitops.proposal.propose import read
    from mlgitops.registry.verify import failing
    from mlgitops.report import document
    from mlgitops.site import cards, needs
    from mlgitops.site.metrics import MOST_VERSIONS
    from mlgitops.site.values import Origin, Site, collected
    from mlgitops.system import git

    now = datetime.now(UTC)
    desired = load(file)
    say("reading the registry")
    reader = target.connect()
    desired, held = read(desired, reader)
    say("reading the history")
    revisions = revisions_or_none(file)
    say("reading the records of applies")
    entries, _ = export.read(reader, FIRST, now)
    stays = timeline(revisions, held, entries)
    served: tuple[Served, ...] = ()
    if deployments and desired.deployments:
        from mlgitops.cli.deploy import what_serves

        served = what_serves(desired, reader, say)
    statuses = stage_statuses(desired, held)
    pulls = _open_pull_requests(file, ((one.model, one.stage) for one in statuses), say, branch)
    say("reading what runs recorded")
    newest = latest(reader.all_versions(held.models), MOST_VERSIONS)
    recorded = reader.all_evidence(newest, brief=True)
    say("reading the model cards")
    carded = cards.read(reader, _held(statuses, held), recorded)
    models = collected(desired, statuses, stays, entries, served, recorded, carded)
    origin = Origin(
        made=now,
        registry=held.registry,
        file=desired.file,
        folder=_folder(file),
        commit=git.ask(file, "rev-parse", "HEAD") or "",
        host=links.page(file),
        branch=branch,
    )
    found = Site(
        origin=origin,
        stages=desired.stages.names,
        models=models,
        needs=needs.of(
            desired,
            models,
            now,
            pulls,
            failing(declared(desired).pinned, reader, say) if pins else (),
        ),
    )
    return found, [
        ("status.json", as_json(document.status(statuses, served)) + "\n"),
        ("history.json", as_json(document.history(stays)) + "\n"),
        ("applies.json", as_json(document.records(entries, FIRST, now)) + "\n"),
    ]


def _held(statuses: Iterable[StageStatus], held: Held) -> list[VersionKey]:
    """The versions that stages hold; a prompt has no card."""
    return [
        (one.model, one.actual)
        for one in statuses
        if one.actual is not None and not held.models[one.model].prompt
    ]


def _open_pull_requests(
    file: Path, stages: Iterable[tuple[str, str]], say: Callable[[str], None], branch: str
) -> tuple[PullRequest, ...]:
    """What GitHub has open; none, and a warning, if it does not answer."""
    from mlgitops.github.waiting import repository_of, waiting

    try:
        repository = repository_of(file)
        if repository is None:
            return ()
        say("reading the open pull requests")
        return tuple(waiting(repository, paths.files_of(file), stages, branch))
    except GitHubError as error:
        warn(f"the site does not show open pull requests: {error}")
        return ()


def _folder(file: Path) -> str:
    try:
        return paths.Files(paths.place(file).path).folder
    except GitError:
        return ""
