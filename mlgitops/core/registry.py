"""What mlgitops asks of a registry. Planning is given a reader only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from mlgitops.core.classic import Transition
    from mlgitops.core.held import Held, HeldModel
    from mlgitops.core.lock import Lock
    from mlgitops.core.signature import Signature
    from mlgitops.core.stamp import Stamp
    from mlgitops.core.version import Version, VersionKey


class RegistryReader(Protocol):
    """Reads. Every method raises a subclass of `mlgitops.errors.RegistryError` on failure."""

    @property
    def identity(self) -> str:
        """The registry's address, with its workspace and without secrets."""
        ...

    @property
    def at_once(self) -> int:
        """How many requests may be made at the same time."""
        ...

    def held(self, declared: Collection[str] = (), *, prompts: bool = False) -> Held:
        """All models, and prompts that are declared or stamped, or all of them.

        Costs pages, and one request for each declared or stamped one that is not in them.
        """
        ...

    def held_again(self, names: Collection[str], *, among: int = 0) -> Held:
        """Models as they are now: each by its name, or all by pages where that costs less.

        Args:
            names: of the models.
            among: how many models the registry has at least, as far as that is known.
        """
        ...

    def locks(self) -> tuple[Lock, ...]:
        """The applies that have begun and not ended in order."""
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

    def versions(self, keys: Collection[VersionKey]) -> Mapping[VersionKey, Version]:
        """Those of some versions that exist: each by its number, or by pages if that costs less."""
        ...

    def all_versions(self, names: Collection[str]) -> Mapping[VersionKey, Version]:
        """All versions of some models: model by model, or by pages if that costs less."""
        ...

    def check_payload(self, name: str, number: int) -> None:
        """Whether a version's payload is there; one request as a rule.

        Raises:
            PayloadError: it is gone, or cannot be read.
        """
        ...

    def evidence(self, version: Version) -> Version:
        """The version with what was recorded of it, but for its signature."""
        ...

    def all_evidence(
        self, versions: Mapping[VersionKey, Version], *, brief: bool = False
    ) -> Mapping[VersionKey, Version]:
        """As `evidence` of each, in their order; few requests for all of them.

        Args:
            versions: of any models.
            brief: to be content with what runs say of their only models.
        """
        ...

    def signature(self, version: Version) -> Signature | None:
        """The signature of a version; None where it was logged without one.

        Raises:
            PayloadError: its payload is gone or cannot be read.
        """
        ...

    def download(self, uri: str, folder: Path, say: Callable[[str], None] = lambda _: None) -> Path:
        """Download a model into a folder; where it lies then.

        Args:
            uri: of the model.
            folder: an empty one.
            say: is told now and then how much has come, where that is known.
        """
        ...

    def of_run(self, name: str, run_id: str) -> Version | None:
        """The version that a run made, or what it logged, as number 0; None if there is neither."""
        ...


class RegistryWriter(Protocol):
    """Writes: one request each, safe to repeat."""

    def stamp(self, name: str, number: int, stamps: Mapping[str, Stamp]) -> None:
        """Write the stamps that a version carries, by alias, over those that it carried."""
        ...

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        ...

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        ...

    def set_classic_stage(self, name: str, transition: Transition) -> None:
        """Move a version to a classic stage; nothing, where the registry has none."""
        ...

    def take_lock(self, lock: Lock) -> None:
        """Let an apply have the lock.

        Raises:
            RegistryExistsError: another one has it.
        """
        ...

    def renew_lock(self, lock: Lock) -> None:
        """Say when the lock's apply was last heard of."""
        ...

    def move_lock(self, lock: Lock, *, aside: bool) -> None:
        """Set a lock aside, so that others may have it, or back.

        Raises:
            RegistryGoneError: it is not where it was.
            RegistryExistsError: another one is there.
        """
        ...

    def remove_lock(self, lock: Lock) -> None:
        """Remove a lock, in force or set aside."""
        ...


class Registry(RegistryReader, RegistryWriter, Protocol):
    """Both; only `mlgitops.core.apply` takes it."""
