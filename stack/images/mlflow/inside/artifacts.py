"""Where the two servers keep artifacts: `artifact-server:` and `artifact-folder:`, for MLflow.

MLflow could do both by itself. It would answer a missing file of the other server with 500, offer
multipart uploads that the other server does not know, and keep silent about a full disk; clients
repeat what was answered with 500 for minutes.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import requests
from mlflow.exceptions import (
    MlflowException,
    _UnsupportedMultipartUploadException,
    get_error_code,
)
from mlflow.protos.databricks_pb2 import ABORTED
from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.tracking.request_header.abstract_request_header_provider import RequestHeaderProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterator

_SERVER = "http://artifacts:5500/api/2.0/mlflow-artifacts/artifacts"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def _passed_on() -> Iterator[None]:
    """What the artifact server answers is what the client gets."""
    try:
        yield
    except requests.HTTPError as error:
        try:
            message = error.response.json()["message"]
        except (ValueError, KeyError):
            message = f"the artifact server answered {error.response.status_code}"
        raise MlflowException(message, get_error_code(error.response.status_code)) from None


class ArtifactServer(HttpArtifactRepository):
    """The artifact server of this stack, for the tracking server to pass files on to."""

    def __init__(self, _: str, tracking_uri: str | None = None, registry_uri: str | None = None):
        super().__init__(_SERVER, tracking_uri, registry_uri)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Send a file; in one request, between two servers on one network."""
        with _passed_on():
            super().log_artifact(local_file, artifact_path)

    def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str:
        """Fetch a file: clients ask for files, one by one, and list folders themselves."""
        target = Path(dst_path or ".", Path(artifact_path).name)
        with _passed_on():
            self._download_file(artifact_path, str(target))
        return str(target)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Remove a file or a folder."""
        with _passed_on():
            super().delete_artifacts(artifact_path)

    def create_multipart_upload(self, *_: object, **__: object) -> NoReturn:
        """Tell the client to send the file in one request."""
        raise _UnsupportedMultipartUploadException

    def _is_multipart_upload_enabled(self) -> bool:
        return False


class NotKept(RequestHeaderProvider):
    """A connection of its own for each request between the servers.

    A kept one may close just as the next request is on it, whenever the artifact server is replaced
    (RFC 9112, 9.3.1), and the client would be answered 500.
    """

    def in_context(self) -> bool:
        """For all of them."""
        return True

    def request_headers(self) -> dict[str, str]:
        """What is added to MLflow's own headers."""
        return {"Connection": "close"}


class Folder(LocalArtifactRepository):
    """The artifact server's folder."""

    def __init__(self, uri: str, tracking_uri: str | None = None, registry_uri: str | None = None):
        super().__init__(urlsplit(uri).path, tracking_uri, registry_uri)

    async def log_artifact_from_async_stream(
        self, chunks: AsyncIterable[bytes], name: str, artifact_path: str | None = None
    ) -> None:
        """Receive a file under a temporary name, then give it its own.

        409 for a full disk: MLflow's clients repeat 429 and everything from 500 on.
        """
        try:
            await super().log_artifact_from_async_stream(chunks, name, artifact_path)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise MlflowException(
                f"{name} was not stored: {error.strerror} on the volume of the artifact server",
                ABORTED,
            ) from None
