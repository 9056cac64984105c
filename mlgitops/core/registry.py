"""What mlgitops asks of a registry. Planning is given a reader only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from mlgitops.core.classic import Transition
    from mlgitops.core.held import Held, HeldModel
    from mlgitops.core.stamp import Stamp
    from mlgitops.core.version import Version


class RegistryReader(Protocol):
    """Reads. Every method raises a subclass of `mlgitops.errors.RegistryError` on failure."""

    def held(self, aliases: Collection[str]) -> Held:
        """All models; stamps of `aliases` and of every alias in use. Costs pages, not models."""
        ...

    def model(self, name: str) -> HeldModel | None:
        """One model as it is now; None if it does not exist."""
        ...

    def classic_stages(self, name: str) -> Mapping[int, str]:
        """Every version of a model and its classic stage."""
        ...

    def recipes(self, name: str) -> Mapping[int, str | None]:
        """Every version of a model and the recipe that it was trained by, where it says so."""
        ...

    def version(self, name: str, number: int) -> Version | None:
        """A version's status and tags; None if it does not exist or was deleted."""
        ...

    def evidence(self, version: Version, *, signature: bool) -> Version:
        """The version with its run's metrics and parameters, and its signature if asked for."""
        ...

    def download(self, uri: str, folder: Path) -> Path:
        """Download a model into a folder; where it lies then."""
        ...

    def metrics(self, name: str, most: int) -> Mapping[int, Mapping[str, float]]:
        """The metrics of a model's latest versions, by their numbers."""
        ...

    def of_run(self, name: str, run_id: str) -> Version | None:
        """The version that a run made, or what it logged, as number 0; None if there is neither."""
        ...


class RegistryWriter(Protocol):
    """Writes: one write request each, safe to repeat."""

    def stamp(self, name: str, number: int, alias: str, stamp: Stamp) -> None:
        """Write a stage's stamp on a version."""
        ...

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        ...

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        ...

    def set_classic_stage(self, name: str, transition: Transition) -> None:
        """Move a version to a classic stage."""
        ...


class Registry(RegistryReader, RegistryWriter, Protocol):
    """Both; only `mlgitops.core.apply` takes it."""
