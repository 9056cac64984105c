"""Where the artifact server keeps artifacts in an S3 store: `s3:`, for MLflow.

MLflow could do it by itself. It would answer 500 to whatever the store refuses, keep the reason to
itself, and hand out addresses of a store that clients do not reach.
"""

from __future__ import annotations

import io
import posixpath
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mlflow.environment_variables import MLFLOW_S3_ENDPOINT_URL
from mlflow.exceptions import (
    MlflowException,
    _UnsupportedMultipartDownloadException,
    _UnsupportedMultipartUploadException,
)
from mlflow.protos.databricks_pb2 import (
    ABORTED,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
)
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.exceptions import ClientError
    from mlflow.entities import FileInfo

_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403"}
_KEYS |= {"InvalidToken", "ExpiredToken", "AuthorizationHeaderMalformed"}
_FULL = {"InsufficientStorage", "XMinioStorageFull", "QuotaExceeded", "507"}
_MISSING = {"NoSuchKey", "404"}
_PROBE = ".probe"


class Bucket(S3ArtifactRepository):
    """A bucket. What its store refuses is answered with the reason, and what to do.

    409 for what repeating does not help: MLflow's clients repeat 429 and everything from 500 on.
    """

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Send a file, in parts where it is large; nothing of it shows until all of it is there."""
        with self._explained(writing=Path(local_file).name):
            super().log_artifact(local_file, artifact_path)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """What is directly in a folder."""
        with self._explained():
            return list(super().list_artifacts(path))

    def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str:
        """Fetch a file: clients ask for files, one by one, and list folders themselves."""
        target = Path(dst_path or ".", Path(artifact_path).name)
        with self._explained():
            self._download_file(artifact_path, str(target))
        return str(target)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Remove a file or a folder."""
        with self._explained():
            super().delete_artifacts(artifact_path)

    def create_multipart_upload(self, *_: object, **__: object) -> NoReturn:
        """Tell the client to send the file in one request: it need not reach the store."""
        raise _UnsupportedMultipartUploadException

    def get_download_presigned_url(self, *_: object, **__: object) -> NoReturn:
        """Tell the client to fetch the file here: it need not reach the store."""
        raise _UnsupportedMultipartDownloadException

    @contextmanager
    def _explained(self, writing: str = "") -> Iterator[None]:
        """Answer with the reason.

        Args:
            writing: the name of the file that is to be stored, if one is.
        """
        # not for everybody: the tracking server loads this module too
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (MlflowException, Boto3Error, BotoCoreError, ClientError) as error:
            # boto3 and MLflow wrap the store's answer, and keep it as the context
            cause = error if isinstance(error, ClientError) else error.__context__
            if isinstance(cause, ClientError):
                raise self._refused(cause, writing) from None
            if isinstance(error, MlflowException):
                raise
            raise MlflowException(
                f"the S3 store {self._store} does not answer: {error}", TEMPORARILY_UNAVAILABLE
            ) from None

    def _refused(self, error: ClientError, writing: str) -> MlflowException:
        code = error.response["Error"]["Code"]
        if code in _KEYS:
            return MlflowException(
                f"the S3 store {self._store} refuses the keys of the artifact server ({code}); the "
                "secret s3_credentials must hold the keys of the store that STACK_ARTIFACTS and "
                "STACK_S3_ENDPOINT name",
                ABORTED,
            )
        if code == "NoSuchBucket":
            return MlflowException(
                f"the S3 store {self._store} has no such bucket: create it, or change "
                "STACK_ARTIFACTS",
                ABORTED,
            )
        if code in _MISSING:
            return MlflowException("no such artifact", RESOURCE_DOES_NOT_EXIST)
        if writing and (code in _FULL or (code == "InternalError" and self._stores_nothing())):
            return MlflowException(
                f"{writing} was not stored: the storage of the S3 store {self._store} is full "
                f"({code}); free or add space",
                ABORTED,
            )
        return MlflowException(
            f"the S3 store {self._store} failed: {error}", TEMPORARILY_UNAVAILABLE
        )

    def _stores_nothing(self) -> bool:
        """Whether the store lists the bucket but takes not one byte: it is up, and full.

        SeaweedFS has no code of its own for that.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        bucket, folder = self.parse_s3_compliant_uri(self.artifact_uri)
        client, key = self._get_s3_client(), posixpath.join(folder, _PROBE)
        try:
            client.list_objects_v2(Bucket=bucket, MaxKeys=1)
        except (BotoCoreError, ClientError):
            return False
        try:
            client.put_object(Bucket=bucket, Key=key, Body=io.BytesIO(b"."))
        except ClientError:
            return True
        except BotoCoreError:
            return False
        client.delete_object(Bucket=bucket, Key=key)
        return False

    @property
    def _store(self) -> str:
        return f"{self.artifact_uri} at {MLFLOW_S3_ENDPOINT_URL.get() or 'AWS'}"
