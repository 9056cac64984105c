"""Payloads of the registry held against the pins of models.yaml."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.core.pins import mismatch
from mlgitops.errors import DigestMismatchError, PayloadError, Problem
from mlgitops.errors.registry import RegistryRequestError, StoreError
from mlgitops.registry import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mlgitops.core.pins import Pin, Pins
    from mlgitops.core.registry import RegistryReader
    from mlgitops.errors import Where


def verify_pins(
    pins: Iterable[Pin], reader: RegistryReader, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Hold pins against the registry; each version is downloaded once.

    Raises:
        DigestMismatchError: payloads that do not match or cannot be had; all of them at once.
        RegistryError: the registry could not be read.
    """
    if problems := list(failing(pins, reader, progress)):
        raise DigestMismatchError(problems)


def failing(
    pins: Iterable[Pin], reader: RegistryReader, progress: Callable[[str], None] = lambda _: None
) -> Iterator[Problem]:
    """The pins whose payloads do not match or cannot be had; each version is downloaded once.

    Raises:
        RegistryError: the registry could not be read.
    """
    digests = Digests(reader, progress)
    for pin in pins:
        found = digests.find(pin.model, pin.version)
        if found.digest is None:
            yield found.trouble_at(pin.where, pin.stage)
        elif problem := mismatch(pin, pin.version, found.digest):
            yield problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A version's digest, or why there is none."""

    model: str
    digest: str | None = None
    trouble: str = ""

    def trouble_at(self, where: Where, stage: str) -> Problem:
        """The trouble as a problem of a stage."""
        return Problem(where=where, model=self.model, stage=stage, message=self.trouble)


class Digests:
    """The digests of versions, each worked out once however many stages hold it."""

    def __init__(self, reader: RegistryReader, progress: Callable[[str], None]) -> None:
        self._reader, self._progress = reader, progress
        self._known: dict[tuple[str, int], Found] = {}

    def find(self, model: str, version: int) -> Found:
        """A version's digest.

        Raises:
            RegistryError: the registry could not be read.
        """
        key = (model, version)
        if key not in self._known:
            self._progress(f"reading {model} version {version}")
            self._known[key] = self._found(model, version)
        return self._known[key]

    def _found(self, model: str, version: int) -> Found:
        if self._reader.version(model, version) is None:
            return Found(model=model, trouble=f"version {version} does not exist or was deleted")
        try:
            with _downloaded(self._reader, model, version, self._progress) as folder:
                return Found(model=model, digest=digest.of_folder(folder))
        except (RegistryRequestError, StoreError, PayloadError) as error:
            trouble = f"cannot download the payload of version {version}: {error}"
            return Found(model=model, trouble=trouble)


@contextmanager
def _downloaded(
    reader: RegistryReader,
    model: str,
    version: int,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Path]:
    with TemporaryDirectory(prefix="mlgitops-") as made:
        yield reader.download(f"models:/{model}/{version}", Path(made), say)


@contextmanager
def verified(
    pins: Pins, registry: RegistryReader, model: str, version: int, stage: str | None
) -> Iterator[str]:
    """The folder to load a version from, until the block ends.

    It is downloaded once, and what was verified is what is loaded: a second download could bring
    something else.

    Args:
        pins: what models.yaml pins.
        registry: where the version is.
        model: the registered model's name.
        version: the version that is wanted.
        stage: the stage that it is wanted for; None if it is wanted by its number.

    Raises:
        DigestMismatchError: the payload is not the one that is pinned.
        RegistryError, PayloadError: it cannot be had.
    """
    with _downloaded(registry, model, version) as folder:
        pins.verify(model, version, stage, digest.of_folder(folder))
        yield str(folder)
