"""Whether payloads are there for those who would use them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors import PayloadError
from mlgitops.errors.registry import (
    RegistryDeniedError,
    RegistryError,
    RegistryTimeoutError,
    RegistryUnreachableError,
    StoreDeniedError,
    StorePackageError,
    StoreUnreachableError,
)
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.version import VersionKey

# these will meet every other payload too: looking on would only take time
_HOPELESS = (
    *(RegistryUnreachableError, RegistryTimeoutError, RegistryDeniedError),
    *(StoreUnreachableError, StoreDeniedError, StorePackageError),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Presence:
    """What is known of a payload; nothing to say where it is there.

    Attributes:
        missing: why nobody can have it.
        unchecked: why it is not known whether it is there: its store cannot be reached from here.
    """

    missing: str = ""
    unchecked: str = ""


def look(reader: RegistryReader, keys: Collection[VersionKey]) -> Mapping[VersionKey, Presence]:
    """Look for the payloads of versions that exist, several at the same time; never raises."""
    hopeless: list[str] = []

    def one(key: VersionKey) -> Presence:
        if hopeless:
            return Presence(unchecked=hopeless[0])
        try:
            reader.check_payload(*key)
        except PayloadError as error:
            return Presence(missing=one_line(error))
        except RegistryError as error:
            if isinstance(error, _HOPELESS):
                hopeless.append(one_line(error))
            return Presence(unchecked=one_line(error))
        return Presence()

    with ThreadPoolExecutor(reader.at_once) as threads:
        return dict(zip(keys, threads.map(one, keys), strict=True))
