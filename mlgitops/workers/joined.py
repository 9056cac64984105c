"""Join a Dask cluster, if Dask is installed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.workers.cluster import Cluster
    from mlgitops.workers.values import Parcel


def joined(
    address: str,
    parcel: Parcel,
    say: Callable[[str, str], None],
    *,
    files: tuple[str, ...] = (),
    extra: str,
) -> Cluster:
    """The workers of a Dask cluster.

    Args:
        address: of its scheduler, or the path of a scheduler file.
        parcel: what each process on a worker needs.
        say: told each line that a call prints, after the call's name.
        files: which must be on the workers as well.
        extra: of this package, which the work needs beside Dask.

    Raises:
        MissingExtraError: Dask is not installed here.
        ClusterError: see `mlgitops.workers.cluster.Cluster`.
        UnfitWorkersError: see there.
    """
    try:
        from mlgitops.workers.cluster import Cluster
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name == "mlgitops":
            raise
        raise MissingExtraError(
            f"`--dask` needs the package {name}, which is not installed: "
            f"pip install 'mlgitops[dask,{extra}]'"
        ) from error
    return Cluster(address, parcel, say, files)
