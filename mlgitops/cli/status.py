"""The verb that shows how every stage stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from mlgitops.cli.options import (
    Target,
    deployments_option,
    file_option,
    format_option,
    models_argument,
    only_option,
    registry_options,
    show_report,
    tell,
)
from mlgitops.cli.progress import progress
from mlgitops.cli.records import recorded
from mlgitops.cli.terms import tell_of_freezes, warn_of_exceptions
from mlgitops.core.status import StageState
from mlgitops.core.way_back import FEW
from mlgitops.file.load import load

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.deploy.values import Served

_RECENT = timedelta(days=30)  # refusals that are older are not looked for


@click.command(
    epilog="""\b
Examples:
  mlgitops status
  mlgitops status --only drift,pending
  mlgitops status 'churn-*'
  mlgitops status --format json | jq '.stages[] | select(.state == "drift")'
"""
)
@models_argument
@click.option(
    "--payloads",
    is_flag=True,
    help=f"Look for the payloads of more than {FEW} versions to roll back to; a request each.",
)
@only_option(tuple(StageState), "Show only stages")
@deployments_option
@file_option
@registry_options
@format_option
def status(
    models: tuple[str, ...],
    payloads: bool,
    only: frozenset[str],
    deployments: bool,
    file: Path,
    target: Target,
    form: str,
) -> None:
    """Show the desired and actual versions, what really serves, and drift.

    Shows MODELS, by name or pattern, or all models. Says of each production stage whether a
    rollback would find the version that it returns to, and of what waits whether an apply of the
    last 30 days refused it. A place that does not answer is `unknown`.
    """
    from mlgitops.gates.waiting import noted
    from mlgitops.history.way_back import with_ways_back
    from mlgitops.proposal.propose import read
    from mlgitops.report import document, tables

    desired = load(file)
    warn_of_exceptions(desired)
    tell_of_freezes(desired)
    with progress() as say:
        say("reading the registry")
        reader = target.connect()
        whole = desired
        desired, held = read(desired, reader, models)
        say("looking for ways back")
        most = None if payloads else FEW
        stages = with_ways_back(desired, held, reader, payloads=most)
        now = datetime.now(UTC)
        waits = any(one.state is StageState.PENDING for one in stages)
        entries = recorded(reader, now - _RECENT) if waits else ()
        stages = noted(desired, stages, now, entries)
        served: tuple[Served, ...] = ()
        if deployments and whole.deployments:
            from mlgitops.cli.deploy import what_serves

            # of all models: what is not listed is told apart from what was not asked for
            found = what_serves(replace(whole, owner=desired.owner), reader, say)
            served = tuple(one for one in found if not models or one.model in desired.models)
    clear = sum(bool(s.way_back and s.way_back.version and not s.way_back.blocked) for s in stages)
    if most is not None and clear > most:
        said = f"the payloads of {clear:,} versions to roll back to were not looked for"
        tell(f"{said}; to look, pass --payloads", err=True)
    shown = [one for one in stages if one.state in only]
    report = tables.status(stages, shown, served)
    show_report(form, report, lambda: document.status(shown, served))
