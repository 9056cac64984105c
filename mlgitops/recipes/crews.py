"""Who trains: processes of this machine, or workers of a Dask cluster."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlgitops.recipes import code
from mlgitops.recipes.order import of_environment
from mlgitops.recipes.running import Crew
from mlgitops.registry.address import REGISTRY, TRACKING
from mlgitops.system.processes import cores
from mlgitops.workers.here import Processes
from mlgitops.workers.joined import joined
from mlgitops.workers.values import Parcel

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.recipes.package import RecipePackage

_PATIENCE = "timeout=120"  # seconds that SQLite waits while another process writes


def processes(models: int, jobs: int | None, say: Callable[[str, str], None]) -> Crew | None:
    """Processes here, one a model up to the number of cores; None where one would do.

    Args:
        models: how many there are to train.
        jobs: how many processes are asked for; None for as many as there are cores.
        say: told each line that a recipe prints, after its version's name.
    """
    width = min(models, jobs or cores())
    if width == 1:
        return None
    return Crew(workers=Processes(width, say, _patient()), far=False)


def cluster(address: str, package: RecipePackage, say: Callable[[str, str], None]) -> Crew:
    """The workers of a Dask cluster; they get the recipes' code, and what logs in to MLflow.

    Args:
        address: of its scheduler, or the path of a scheduler file.
        package: where recipes are found.
        say: told each line that a recipe prints, after its version's name.

    Raises:
        MissingExtraError: Dask is not installed here.
        ClusterError: see `mlgitops.workers.cluster.Cluster`.
        CodeError: there is too much code to send.
    """
    variables = {**of_environment(os.environ), **_patient()}
    parcel = Parcel(variables=variables, code=code.zipped(package))
    workers = joined(address, parcel, say, files=_files(), extra="train")
    return Crew(workers=workers, far=True)


def _files() -> tuple[str, ...]:
    """The databases that runs are recorded in, where they are files."""
    uris = (urlsplit(uri) for uri in _sqlite().values())
    return tuple(sorted({parts.path.removeprefix("/") for parts in uris}))


def _sqlite() -> dict[str, str]:
    named = {name: os.environ.get(name, "") for name in (TRACKING, REGISTRY)}
    return {name: uri for name, uri in named.items() if uri.startswith("sqlite:")}


def _patient() -> dict[str, str]:
    """The variables that name a database in a file, which several processes now write to."""
    return {
        name: f"{uri}{'&' if '?' in uri else '?'}{_PATIENCE}"
        for name, uri in _sqlite().items()
        if "timeout=" not in uri
    }
