"""Payloads of versions, by MLflow itself: only it knows every store that artifacts are kept in."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.registry.failures import translated
from mlgitops.registry.signature import signature_in

if TYPE_CHECKING:
    from mlgitops.core.signature import Signature
    from mlgitops.registry.address import Address


def download(uri: str, folder: Path, address: Address) -> Path:
    """Download a model, or a file of one, into a folder; where it lies then.

    Raises:
        RegistryError: the registry or its store could not be used, or it is not there.
    """
    from mlflow.artifacts import download_artifacts

    address.publish()  # MLflow resolves models:/ by its own idea of the registry alone
    with translated(address.registry):
        return Path(download_artifacts(uri, dst_path=str(folder)))


def signature_of(uri: str, address: Address) -> Signature | None:
    """A version's signature; downloads the MLmodel file only. None if it has none.

    Raises:
        RegistryError: the registry or its store could not be used, or it is not there.
    """
    with TemporaryDirectory(prefix="mlgitops-") as made:
        found = download(f"{uri}/MLmodel", Path(made), address)
        with translated(address.registry):
            return signature_in(found.parent)
