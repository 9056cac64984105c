"""Options of verbs that show evidence: how much of it, and where it comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops import words
from mlgitops.cli.options import tell
from mlgitops.core.gate import Need
from mlgitops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.system.store import Store

_CACHE_MB, _MOST_MB = "MLGITOPS_CACHE_MB", 500

quick_option = click.option(
    "--quick",
    is_flag=True,
    help="Do not download models or compare predictions, unless a gate needs it.",
)
environments_option = click.option(
    "--environments/--no-environments",
    default=True,
    envvar="MLGITOPS_ENVIRONMENTS",
    help="Run versions whose packages are not installed here in environments of their own, made "
    "by uv; never with --quick.  [env: MLGITOPS_ENVIRONMENTS]",
)


def installing(*, wanted: bool, quick: bool) -> Callable[[str], None] | None:
    """What is told of environments that are made; None if none may be."""
    return None if quick or not wanted else lambda line: tell(line, err=True)


cache_option = click.option(
    "--cache/--no-cache",
    default=None,
    envvar="MLGITOPS_CACHE",
    help="Take what versions predicted in earlier runs from this machine's cache; never with "
    "--quick.  [env: MLGITOPS_CACHE; default: yes, but on runners of GitHub Actions]",
)


def cached(*, wanted: bool | None, quick: bool) -> Store | None:
    """Where answers of earlier runs are; None to ask versions in any case.

    On a runner, an earlier job may have run other code, which could have written there.
    """
    if wanted is None:
        wanted = os.environ.get("GITHUB_ACTIONS") != "true"
    if quick or not wanted:
        return None
    from mlgitops.system.store import Store, caches

    written = os.environ.get(_CACHE_MB, "")
    most = words.whole_number(written) if written else _MOST_MB
    if most is None:
        raise UsageError(f"{_CACHE_MB}: {written!r} is not a number of megabytes, such as 500")
    return Store(folder=caches() / "evidence", most=most * 10**6)


checked_option = click.option(
    "--checked",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Load no model for a gate whose verdict is in this file, from github verdicts.",
)


def reviewed(*, quick: bool) -> Need:
    """What a reviewer is shown of the versions."""
    return Need.RUN if quick else Need.PREDICTIONS
