"""The records of applies, for verbs that can do without them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlgitops.cli.options import warn
from mlgitops.errors.registry import RegistryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlgitops.core.record import Entry
    from mlgitops.registry.registry import MlflowRegistry

_SKEW = timedelta(days=1)  # between the clocks of those who commit, apply and ask


def recorded(registry: MlflowRegistry, since: datetime) -> Sequence[Entry]:
    """What applies recorded since some time; nothing, and a warning, if that cannot be read."""
    from mlgitops.audit import export

    try:
        return export.read(registry, since - _SKEW, datetime.now(UTC) + _SKEW)[0]
    except RegistryError as error:
        warn(f"what only the records of applies tell is left out: {error}")
        return ()
