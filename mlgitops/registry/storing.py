"""Files among the artifacts of a run, where no server takes them by plain HTTP."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from mlgitops.errors import RegistryRequestError
from mlgitops.registry import failures
from mlgitops.system.addresses import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.registry.api import RunRow

_HERE = ("127.0.0.1", "::1", "localhost")


def store(run: RunRow, files: Mapping[str, bytes], tracking: str) -> None:
    """Store files in a folder of this machine, or with MLflow in whatever else takes them.

    Raises:
        RegistryError: the store could not be used, or it is a folder of another machine.
    """
    if (folder := _folder(run.artifacts)) is not None:
        _require_here(tracking, run.artifacts)
        _write(folder, files)
        return
    if find_spec("mlflow") is None:
        raise failures.packages(without_secrets(tracking), "mlflow")
    from mlflow import MlflowClient

    with TemporaryDirectory(prefix="mlgitops-") as made, failures.translated(tracking):
        _write(Path(made), files)
        MlflowClient(tracking_uri=tracking, registry_uri=tracking).log_artifacts(run.run_id, made)


def _folder(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme == "file" and not parts.netloc:
        return Path(unquote(parts.path))
    return None if parts.scheme else Path(uri)


def _require_here(tracking: str, uri: str) -> None:
    """A folder's name means the server's machine; here it would be written where nobody looks.

    Raises:
        RegistryRequestError: the server is not known to run on this machine.
    """
    parts = urlsplit(tracking)
    if parts.scheme in ("http", "https") and parts.hostname not in _HERE:
        raise RegistryRequestError(
            f"the tracking server at {without_secrets(tracking)} keeps artifacts in a folder of "
            f"its machine, {uri}; start it with --default-artifact-root mlflow-artifacts:/"
        )


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Raises RegistryRequestError where the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        said = f"cannot write artifacts into {folder}: {error.strerror}"
        raise RegistryRequestError(said) from error
