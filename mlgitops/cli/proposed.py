"""The report of a plan, in every format, and where it comes from."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from mlgitops.cli.options import show
from mlgitops.cli.progress import progress
from mlgitops.history import author
from mlgitops.report.origin import Origin
from mlgitops.report.parts import Link
from mlgitops.report.wording import STATES
from mlgitops.system import git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from mlgitops.cli.options import Target
    from mlgitops.core.apply import Outcome
    from mlgitops.core.record import Recorded
    from mlgitops.proposal.propose import Proposal

_OF_A_PULL_REQUEST = re.compile(r"refs/pull/(\d+)/")


def origin(target: Target, file: Path) -> Origin:
    """Where a plan that is made now comes from.

    Protocol: docs.github.com, "Store information in variables": what GitHub Actions sets.
    """
    here = os.environ.get("GITHUB_ACTIONS") == "true"
    repository = f"{os.environ.get('GITHUB_SERVER_URL')}/{os.environ.get('GITHUB_REPOSITORY')}"
    about = _OF_A_PULL_REQUEST.match(os.environ.get("GITHUB_REF", "")) if here else None
    run = os.environ.get("GITHUB_RUN_ID", "") if here else ""
    head = git.ask(file, "rev-parse", "HEAD")
    return Origin(
        registry=target.named.registry if target.named else f"embedded in {target.folder}",
        commit=head,
        uncommitted=bool(head) and not author.is_committed(file),
        pull_request=Link(text=f"#{about[1]}", url=f"{repository}/pull/{about[1]}")
        if about
        else None,
        run=Link(text=run, url=f"{repository}/actions/runs/{run}") if run else None,
        made=datetime.now(UTC),
    )


def show_plan(
    form: str,
    reports: tuple[Path, ...],
    proposal: Proposal,
    document: Callable[[], Mapping[str, object]],
    come: Callable[[], Origin],
    done: tuple[Outcome, ...] = (),
    recorded: Recorded | None = None,
    *,
    only: frozenset[str] = frozenset(STATES),
) -> None:
    """Print a plan, and what became of it; write it to the files that were asked for."""
    from mlgitops.report import text

    come = cache(come)  # one time for all files

    def written() -> str:
        from mlgitops.report import markdown

        return markdown.plan(proposal, done, recorded, come())

    def page() -> Iterator[str]:
        from mlgitops.report import html

        with progress() as say:
            yield from html.plan(proposal, done, say, recorded=recorded, origin=come())

    show(
        form,
        text=lambda screen: text.plan(proposal, screen, done, recorded, only=only),
        markdown=written,
        document=document,
        html=page,
        reports=reports,
    )
