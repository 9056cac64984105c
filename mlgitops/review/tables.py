"""Tables that a file or a run names: read where this machine allows it, bounded, with a digest.

Whoever writes models.yaml or logs a run decides what is read by the machine that plans. So only
places count that its owner chose: beside models.yaml, and what `MLGITOPS_DATA_ROOT` names.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlgitops.core.places import fault, is_address
from mlgitops.errors import DataError, HttpError
from mlgitops.system import files
from mlgitops.system.http import HttpClient
from mlgitops.words import one_line

if TYPE_CHECKING:
    import pandas as pd

ROOTS = "MLGITOPS_DATA_ROOT"
MOST_BYTES = 64 * 2**20  # of a file
_MOST_UNPACKED = 2**30  # bytes of a Parquet file's columns
_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Table:
    """A table of shape (rows, columns), and `sha256:…` of the file that holds it."""

    frame: pd.DataFrame
    digest: str


def read(place: str, beside: Path) -> Table:
    """A table of CSV or Parquet.

    Args:
        place: a path, relative to `beside` or absolute, or an address.
        beside: the folder of models.yaml.

    Raises:
        DataError: it is not to be read by this machine, or cannot be.
    """
    if wrong := fault(place):
        raise DataError(f"{place!r} {wrong}")
    content = _fetched(place) if is_address(place) else _local(place, beside)
    try:
        frame = _parsed(content, parquet=place.endswith(".parquet"))
    except DataError:
        raise
    except Exception as error:  # a parser's own errors are of many classes
        raise DataError(f"{place} is not a table: {one_line(error)[:200]}") from error
    return Table(frame=frame, digest=f"sha256:{sha256(content).hexdigest()}")


def _fetched(address: str) -> bytes:
    host = urlsplit(address).netloc.lower()
    if host not in {urlsplit(root).netloc.lower() for root in _roots() if is_address(root)}:
        raise DataError(
            f"{address} is on a host that this machine reads no data from; if that is right, set "
            f"{ROOTS}=https://{host} there"
        )
    try:
        answer = HttpClient(timeout=_SECONDS, limit=MOST_BYTES).request("GET", address)
    except HttpError as error:
        raise DataError(str(error)) from error
    if not answer.ok:
        raise DataError(f"{address} answered {answer.status}")
    return answer.body


def _local(place: str, beside: Path) -> bytes:
    path = (beside / place).resolve()
    roots = [beside, *(Path(root) for root in _roots() if not is_address(root))]
    if not any(path.is_relative_to(root.resolve()) for root in roots):
        raise DataError(
            f"{place} is not in the folder of models.yaml; move it there, or set {ROOTS} to its "
            "folder on this machine"
        )
    try:
        return files.read_bytes(path, limit=MOST_BYTES)
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror}") from error


def _parsed(content: bytes, *, parquet: bool) -> pd.DataFrame:
    import pandas as pd

    if not parquet:
        return pd.read_csv(BytesIO(content))
    from pyarrow.parquet import ParquetFile

    with ParquetFile(BytesIO(content)) as file:
        known = file.metadata
        size = sum(known.row_group(n).total_byte_size for n in range(known.num_row_groups))
        if size > _MOST_UNPACKED:
            raise DataError(f"its columns take more than {_MOST_UNPACKED >> 20:,} MiB")
    frame: pd.DataFrame = pd.read_parquet(BytesIO(content))
    return frame


def _roots() -> list[str]:
    return [root for part in os.environ.get(ROOTS, "").split(",") if (root := part.strip())]
