"""The wind farm data: from a file, from an address, or else the synthetic sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd

from mlgitops.errors import HttpConnectionError, HttpError, TrainingDataError
from mlgitops.recipes.data import without_secrets
from mlgitops.system.http import HttpClient
from training import synthetic
from training.features import COLUMNS, DATE, VARIABLE
from training.windfarm_checks import Checked, check, summary

NAME = "windfarm"
MAX_BYTES = 64 * 2**20  # the seven years take 0.3 MiB; more than this is another file


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class WindFarm:
    """Checked wind farm data.

    Attributes:
        frame: one row per day, indexed by ascending date; the columns of
            `training.features.COLUMNS`, all float64.
        name: the dataset's name, which says so where the data are synthetic.
        source: the path or address, without credentials; None for synthetic data.
        missing_days: days between the first and the last that the data lack.
    """

    frame: pd.DataFrame
    name: str
    source: str | None
    missing_days: int

    @property
    def synthetic(self) -> bool:
        """Whether nobody measured these data."""
        return self.source is None


def load(data: str | None) -> WindFarm:
    """Load and check the wind farm data.

    Args:
        data: a path or an http(s) address; None for the synthetic sample.

    Raises:
        TrainingDataError: the data cannot be read, or break a rule of
            `training.windfarm_checks`; every problem is named.
    """
    if not data:
        return WindFarm(frame=_synthetic().copy(), name=synthetic.NAME, source=None, missing_days=0)
    shown = without_secrets(data)
    checked = check(_text(data, shown))
    if not isinstance(checked, Checked):
        lines = summary(checked)
        plural = "s" if len(checked) > 1 else ""
        heading = f"{shown}: {len(checked)} problem{plural}; correct the file or name another one"
        raise TrainingDataError("\n  ".join([heading, *lines]))
    index = pd.DatetimeIndex(checked.days, name=DATE)
    frame = pd.DataFrame(checked.values, index=index, dtype="float64")[list(COLUMNS)]
    return WindFarm(frame=frame, name=NAME, source=shown, missing_days=checked.missing_days)


@cache
def _synthetic() -> pd.DataFrame:
    """The synthetic sample, made once for all versions that a plan compares."""
    return synthetic.windfarm()


def _text(place: str, shown: str) -> str:
    """The text of a file or an address."""
    content = _download(place, shown) if "://" in place else _read(Path(place))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{shown}: not UTF-8 text (byte {error.start}); save it as CSV in UTF-8"
        raise TrainingDataError(message) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        reason = "does not exist"
    except (OSError, ValueError) as error:
        reason = f"cannot be read ({getattr(error, 'strerror', None) or error})"
    message = f"{path}: {reason}; name a CSV file with --data or {VARIABLE}"
    raise TrainingDataError(message)


def _download(address: str, shown: str) -> bytes:
    if urlsplit(address).scheme.lower() not in {"http", "https"}:
        message = f"{shown}: only http:// and https:// addresses and paths can be read"
        raise TrainingDataError(message)
    try:
        answer = HttpClient(limit=MAX_BYTES, elsewhere=True).request("GET", address)
    except HttpConnectionError as error:
        reason = f"no connection ({error.reason})"
    except HttpError as error:
        reason = error.reason
    else:
        if answer.ok:
            return answer.body
        reason = f"the server answered {answer.status}"
    raise TrainingDataError(f"{shown}: {reason}; check the address, or name a file")
