"""Files among the artifacts of a run, where no server takes them by plain HTTP."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlgitops.errors.registry import RegistryRequestError
from mlgitops.registry import allowed, failures
from mlgitops.registry.address import Address
from mlgitops.system.addresses import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.registry.api import RunRow


def store(run: RunRow, files: Mapping[str, bytes], tracking: str) -> None:
    """Store files in a folder of this machine, or with MLflow in whatever else takes them.

    Raises:
        RegistryError: the store could not be used, or the server may not name it.
    """
    address = Address(registry=tracking, tracking=tracking)
    allowed.require(run.artifacts, address)
    if urlsplit(run.artifacts).scheme.lower() in allowed.FOLDERS:
        _write(allowed.folder(run.artifacts), files)
        return
    if find_spec("mlflow") is None:
        raise failures.packages(without_secrets(tracking), "mlflow")
    from mlflow import MlflowClient

    allowed.guard(address)
    with TemporaryDirectory(prefix="mlgitops-") as made, failures.translated(tracking):
        _write(Path(made), files)
        MlflowClient(tracking_uri=tracking, registry_uri=tracking).log_artifacts(run.run_id, made)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Raises RegistryRequestError where the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        said = f"cannot write artifacts into {folder}: {error.strerror}"
        raise RegistryRequestError(said) from error
