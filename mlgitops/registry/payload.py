"""Payloads of versions, by MLflow itself: only it knows every store that artifacts are kept in."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.registry.failures import of_store, translated
from mlgitops.registry.signature import signature_in

if TYPE_CHECKING:
    from mlgitops.core.signature import Signature
    from mlgitops.registry.address import Address


def download(uri: str, folder: Path, address: Address) -> Path:
    """Download a model, or a file of one, into a folder; where it lies then.

    Raises:
        RegistryError: the registry or its store could not be used, or has no such version.
        PayloadError: the store does not have it.
    """
    from mlflow.artifacts import download_artifacts

    address.publish()  # MLflow resolves models:/ by its own idea of the registry alone
    try:
        return Path(download_artifacts(uri, dst_path=str(folder)))
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
        RegistryError: the registry or its store could not be used, or has no such version.
        PayloadError: the store does not have it.
    """
    with TemporaryDirectory(prefix="mlgitops-") as made:
        found = download(f"{uri}/MLmodel", Path(made), address)
        with translated(address.registry):
            return signature_in(found.parent)
