"""Payloads of versions: from servers over plain HTTP, from all other stores by MLflow's client."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlgitops.errors import PayloadError
from mlgitops.errors.registry import StoreRefusedError
from mlgitops.registry import allowed
from mlgitops.registry.failures import of_store
from mlgitops.registry.signature import signature_in
from mlgitops.system import files, yamls
from mlgitops.words import brief, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.core.signature import Signature
    from mlgitops.registry.address import Address
    from mlgitops.registry.api import RegistryApi, RunApi
    from mlgitops.registry.served import Served

MLMODEL = "MLmodel"  # the file that says of a payload what it is
GONE = "it has no MLmodel file: its artifacts were deleted, or it is no MLflow model"
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_HOPS = 5  # addresses that lead to others
_LONGEST = 200  # characters of what others say


@dataclass(frozen=True, kw_only=True, slots=True)
class Payloads:
    """The payloads of a registry's versions, in whatever stores `allowed` lets pass.

    Every method raises
        RegistryError: the registry or the store could not be used, or has no such version.
        PayloadError: the store does not have it, or it cannot be read.

    Attributes:
        address: where the registry is.
        api, runs: how it and its tracking server are asked.
    """

    address: Address
    api: RegistryApi
    runs: RunApi

    def download(
        self, uri: str, folder: Path, file: str = "", say: Callable[[str], None] = lambda _: None
    ) -> Path:
        """Download a model, or a file of it, into a folder; where it lies then.

        How much has come is told of what plain HTTP brings.
        """
        store = self.store(uri)
        if served := self._served(uri, store):
            name = uri.removeprefix("models:/").replace("/", " ")
            return served.download(folder, file, lambda much: say(f"downloading {name}: {much}"))
        with self._opened(uri, store) as opened:
            return Path(opened.download_artifacts(file, str(folder)))

    def signature(self, uri: str) -> Signature | None:
        """A version's signature; downloads the MLmodel file only. None if it has none."""
        with TemporaryDirectory(prefix="mlgitops-") as made:
            self._describe(uri, Path(made))
            try:
                return signature_in(Path(made))
            except Exception as error:  # whoever logged the model wrote the file
                said = f"its signature cannot be read: {brief(error, _LONGEST)}"
                raise PayloadError(said) from error

    def check(self, uri: str) -> None:
        """Whether a payload is there, from here; downloads the MLmodel file only."""
        with TemporaryDirectory(prefix="mlgitops-") as made:
            self._describe(uri, Path(made))

    def _describe(self, uri: str, folder: Path) -> None:
        """Download an MLmodel file that can be read.

        Stores differ in what they say of a file that is not there; all of them list what is.
        """
        store = self.store(uri)
        if served := self._served(uri, store):
            names = served.names()
        else:
            with self._opened(uri, store) as opened:
                names = {PurePosixPath(one.path).name for one in opened.list_artifacts("")}
        if MLMODEL not in names:
            raise PayloadError(GONE)
        read(self.download(uri, folder, MLMODEL).read_bytes())

    def store(self, uri: str) -> str:
        """Where a model lies that is registered or logged, whatever it goes through."""
        for _ in range(_HOPS):
            kind, _, rest = uri.partition(":/")
            if kind == "models":
                found = self._models(rest.strip("/"))
            elif kind == "runs":
                found = self._of_run(*rest.strip("/").partition("/")[::2])
            else:
                return uri
            if found is None:
                return uri
            uri = found
        raise PayloadError(f"its address leads through more than {_HOPS} others")

    def _models(self, path: str) -> str | None:
        name, slash, number = path.rpartition("/")
        if not slash:
            return self.runs.logged(number).location
        if not _NUMBER.fullmatch(number):
            raise PayloadError(f"models:/{plain(path)[:_LONGEST]} is no address of a version")
        return self.api.source(name, int(number))

    def _of_run(self, run_id: str, path: str) -> str:
        run = self.runs.run(run_id)
        if run is None:
            raise PayloadError(f"the run {plain(run_id)[:_LONGEST]} that logged it was deleted")
        return f"{run.artifacts.rstrip('/')}/{path}".rstrip("/")

    def _served(self, uri: str, store: str) -> Served | None:
        """The store, where plain HTTP reaches it.

        Raises:
            StoreRefusedError: the registry may not name it.
        """
        try:
            allowed.require(store, self.address)
        except StoreRefusedError as error:
            raise StoreRefusedError(f"{uri}: {error}") from None
        return self.runs.served(store)

    @contextmanager
    def _opened(self, uri: str, store: str) -> Iterator[Any]:
        """The store as MLflow's client opens it; whatever that raises says why it did."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        self.address.publish()  # MLflow has its own idea of the registry alone
        allowed.guard(self.address)
        try:
            yield get_artifact_repository(store)
        except StoreRefusedError as error:
            raise StoreRefusedError(f"{uri}: {error}") from None
        except Exception as error:  # stores raise what their clients do
            raise of_store(error, store, self.address.tracking) from error


def of_folder(folder: Path) -> dict[str, Any]:
    """What the MLmodel file of a model in a folder says, as `read` does.

    Raises:
        PayloadError: there is none, as in the empty folder that some stores give of a payload that
            is gone, or it cannot be read.
    """
    try:
        mlmodel = files.read_bytes(folder / MLMODEL, limit=yamls.LARGEST)
    except FileNotFoundError as error:
        raise PayloadError(GONE) from error
    except OSError as error:
        raise PayloadError(f"its MLmodel file cannot be read: {error.strerror}") from error
    return read(mlmodel)


def read(mlmodel: bytes) -> dict[str, Any]:
    """What an MLmodel file says; `flavors`, without which it is none, is a mapping of mappings.

    Flavours that say nothing readable of themselves are empty.

    Raises:
        PayloadError: it cannot be read.
    """
    try:
        found = yamls.load(mlmodel)
    except yamls.BROKEN as error:
        said = f"its MLmodel file cannot be read: {brief(error, _LONGEST)}"
        raise PayloadError(said) from error
    has = isinstance(found, dict) and "flavors" in found
    flavours = found["flavors"] or {} if has else None
    if not isinstance(flavours, dict):
        raise PayloadError("its MLmodel file cannot be read: it has no mapping 'flavors'")
    named = {
        str(name): options if isinstance(options, dict) else {}
        for name, options in flavours.items()
    }
    return {**found, "flavors": named}
