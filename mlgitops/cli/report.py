"""The verb that writes a page for reviewers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlgitops.cli.evidence import (
    cache_option,
    cached,
    environments_option,
    installing,
    quick_option,
    reviewed,
)
from mlgitops.cli.options import Target, failures_reported, file_option, registry_options, tell
from mlgitops.cli.progress import progress
from mlgitops.cli.proposed import origin
from mlgitops.cli.terms import terms, terms_options
from mlgitops.errors import UsageError
from mlgitops.file.load import load
from mlgitops.system import files


def _page(_: click.Context, __: click.Parameter, path: Path) -> Path:
    if path.suffix != ".html":
        raise UsageError(
            f"{path}: the name must end in .html; for other formats, run `mlgitops plan --report`"
        )
    return path


@click.command(
    epilog="""\b
Examples:
  mlgitops report
  mlgitops report --file staging/models.yaml staging.html
"""
)
@click.argument(
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    callback=_page,
)
@quick_option
@environments_option
@cache_option
@terms_options
@file_option
@registry_options
def report(
    out: Path,
    file: Path,
    target: Target,
    quick: bool,
    environments: bool,
    cache: bool | None,
    **allowed: Any,
) -> None:
    """Write the plan to an HTML page with charts.

    OUT defaults to report.html. The page needs no scripts and no network. The page is also written
    if the plan is refused or fails; it then says why.
    """
    from mlgitops.proposal.propose import propose
    from mlgitops.report import html, wording

    with progress() as say:
        with failures_reported((out,)):
            desired = load(file)
            on = terms(desired, **allowed)
            proposal = propose(
                *(desired, target.connect(), on, say),
                need=reviewed(quick=quick),
                installing=installing(wanted=environments, quick=quick),
                store=cached(wanted=cache, quick=quick),
            )
        files.write_pieces(out, html.plan(proposal, progress=say, origin=origin(target, file)))
    tell(f"{out}: {wording.headline(proposal.plan)}")
    proposal.check()
