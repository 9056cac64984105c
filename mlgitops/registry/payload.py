"""Payloads of versions, by MLflow itself: only it knows every store that artifacts are kept in."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlgitops.errors import PayloadError
from mlgitops.registry.failures import of_store, translated
from mlgitops.registry.signature import signature_in
from mlgitops.system import files, yamls
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.signature import Signature
    from mlgitops.registry.address import Address

_MAX_BYTES = 16 * 1024 * 1024
MLMODEL = "MLmodel"  # the file that says of a payload what it is
GONE = "it has no MLmodel file: its artifacts were deleted, or it is no MLflow model"


def download(uri: str, folder: Path, address: Address) -> Path:
    """Download a model, or a file of one, into a folder; where it lies then.

    Raises:
        RegistryError: the registry or its store could not be used, or has no such version.
        PayloadError: the store does not have it.
    """
    from mlflow.artifacts import download_artifacts

    address.publish()  # MLflow resolves models:/ by its own idea of the registry alone
    with _asking_store(uri, address):
        return Path(download_artifacts(uri, dst_path=str(folder)))


@contextmanager
def _asking_store(uri: str, address: Address) -> Iterator[None]:
    """Say of whatever a store raises why it did."""
    try:
        yield
    except Exception as error:  # stores raise what their clients do
        with translated(address.registry):  # which may be what failed
            store = _stored_at(uri)
        raise of_store(error, store, address.tracking) from error


def _stored_at(uri: str) -> str:
    """Where a model lies that is registered or logged."""
    from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository

    model, _ = ModelsArtifactRepository.split_models_uri(uri)
    return str(ModelsArtifactRepository.get_underlying_uri(model))


def signature_of(uri: str, address: Address) -> Signature | None:
    """A version's signature; downloads the MLmodel file only. None if it has none.

    Raises:
        PayloadError: the payload is gone, or cannot be read.
        RegistryError: the registry or its store could not be used, or has no such version.
    """
    with TemporaryDirectory(prefix="mlgitops-") as made:
        _described(uri, Path(made), address)
        with translated(address.registry):
            return signature_in(Path(made))


def check(uri: str, address: Address) -> None:
    """Whether a payload is there, from here; downloads the MLmodel file only.

    Raises:
        PayloadError: it is gone, or cannot be read.
        RegistryError: the registry or its store could not be used, which says nothing of it.
    """
    with TemporaryDirectory(prefix="mlgitops-") as made:
        _described(uri, Path(made), address)


def _described(uri: str, folder: Path, address: Address) -> None:
    """Download an MLmodel file that can be read.

    Stores differ in what they say of a file that is not there; all of them list what is.
    """
    from mlflow.artifacts import list_artifacts

    address.publish()  # as for a download
    with _asking_store(uri, address):
        listed = {Path(one.path).name for one in list_artifacts(artifact_uri=uri)}
    if MLMODEL not in listed:
        raise PayloadError(GONE)
    of_folder(download(f"{uri}/{MLMODEL}", folder, address).parent)


def of_folder(folder: Path) -> dict[str, Any]:
    """What the MLmodel file of a model in a folder says, as `read` does.

    Raises:
        PayloadError: there is none, as in the empty folder that some stores give of a payload that
            is gone, or it cannot be read.
    """
    try:
        mlmodel = files.read_bytes(folder / MLMODEL, limit=_MAX_BYTES)
    except FileNotFoundError as error:
        raise PayloadError(GONE) from error
    except OSError as error:
        raise PayloadError(f"its MLmodel file cannot be read: {error.strerror}") from error
    return read(mlmodel)


def read(mlmodel: bytes) -> dict[str, Any]:
    """What an MLmodel file says; `flavors`, without which it is none, is a mapping of mappings.

    Raises:
        PayloadError: it cannot be read.
    """
    try:
        found: dict[str, Any] = yamls.load(mlmodel)
        found["flavors"] = {name: dict(options or {}) for name, options in found["flavors"].items()}
    except yamls.BROKEN as error:
        raise PayloadError(f"its MLmodel file cannot be read: {one_line(error)}") from error
    return found
