"""What a failing artifact store means: one error for each cause, whatever client reaches the store.

MLflow passes on what the stores' clients raise. None of them is a dependency of mlgitops, so their
exceptions are known by their names and by the status codes that they carry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlgitops.errors import PayloadError
from mlgitops.errors.registry import (
    StoreDeniedError,
    StoreError,
    StoreFaultError,
    StorePackageError,
    StoreUnreachableError,
)
from mlgitops.system.addresses import without_secrets
from mlgitops.system.http import reason
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = 200  # characters of what a client says
_CLIENTS = ("boto3", "botocore", "google", "azure", "paramiko", "pysftp", "pyarrow", "ftplib")
# classes by their names, whichever of these packages they are in
_DENIED = {
    *("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "SSOError"),
    *("CredentialRetrievalError", "TokenRetrievalError", "GoogleAuthError"),
    *("ClientAuthenticationError", "SSHException"),
}
_UNREACHABLE = {
    *("HTTPClientError", "ConnectTimeoutError", "ReadTimeoutError", "ServiceRequestError"),
    *("ServiceResponseError", "RetryError", "ConnectionException", "OSError"),
    *("HttpConnectionError", "HttpTimeoutError"),
}
_REPEATED = re.compile(r"too many ([0-9]{3}) error responses")  # urllib3's
_FAILED_FILE = re.compile(r".*?\n##### File .*? #####\n", re.DOTALL)
_LISTED = re.compile(r"Failed to list artifacts in \S+: ")
_GONE = re.compile(r"(\[Errno 2\] )?No such ")
_QUERY = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]*")  # it can hold a signature
_STATUS = re.compile(r"\b(401|403|404|429|50[0-9])\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    """Stores of one kind: the packages that reach them, their login, and where they are said to be.

    Attributes:
        packages: as pip is to install them.
        remote: whether it is a server at all.
    """

    packages: str = ""
    login: str = "its login"
    place: str = "its address and the network"
    remote: bool = True


_AWS = _Kind(
    packages="boto3",
    login="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    place="MLFLOW_S3_ENDPOINT_URL and the network",
)
_ENTRA = "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or run `az login`"
_HADOOP = _Kind(
    packages="pyarrow",
    login="MLFLOW_KERBEROS_USER and MLFLOW_KERBEROS_TICKET_CACHE",
    place="its address, JAVA_HOME, HADOOP_HOME and CLASSPATH",
)
_SERVER = _Kind(
    login="MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    place="that the server of these artifacts is running",
)
DATABRICKS_LOGIN = "DATABRICKS_HOST and DATABRICKS_TOKEN, or run `databricks auth login`"
_KINDS = {
    **dict.fromkeys(("s3", "r2", "b2"), _AWS),
    "gs": _Kind(
        packages="google-cloud-storage",
        login="GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`",
    ),
    "wasbs": _Kind(
        packages="azure-storage-blob azure-identity",
        login=f"AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_ACCESS_KEY, or {_ENTRA}",
    ),
    "abfss": _Kind(packages="azure-storage-file-datalake azure-identity", login=_ENTRA),
    "sftp": _Kind(
        packages="pysftp 'paramiko<4'",  # pysftp imports what paramiko 4 does not have
        login="the user and key in ~/.ssh/config, and the host in ~/.ssh/known_hosts",
    ),
    "ftp": _Kind(login="the login in its address"),
    **dict.fromkeys(("hdfs", "viewfs"), _HADOOP),
    "dbfs": _Kind(packages="databricks-sdk", login=DATABRICKS_LOGIN),
    **dict.fromkeys(("mlflow-artifacts", "http", "https"), _SERVER),
}
_OTHER = _Kind(remote=False)  # a folder, or a store of a plugin


def is_of_client(error: BaseException) -> bool:
    """Whether the client of a store raised it, not MLflow or what reaches MLflow's servers."""
    return any(kind.__module__.partition(".")[0] in _CLIENTS for kind in type(error).__mro__)


def trouble(causes: Sequence[BaseException], store: str, server: str) -> StoreError | PayloadError:
    """What a failure means.

    Args:
        causes: an exception and those below it, itself first.
        store: where the artifacts are.
        server: the tracking server, which passes on those at `mlflow-artifacts:/`.
    """
    parts = urlsplit(store)
    kind = _KINDS.get(parts.scheme.lower(), _OTHER)
    passed_on = parts.scheme == "mlflow-artifacts" and not parts.netloc
    shown = without_secrets(store) + (f" of {without_secrets(server)}" if passed_on else "")
    name = f"the artifact store {shown}"
    if lacking := next((one for one in causes if isinstance(one, ImportError)), None):
        return _packages(name, kind, lacking)
    said = _said(causes[0])
    status = next(filter(None, map(_status, causes)), 0)
    names = {parent.__name__ for one in causes for parent in type(one).__mro__}
    if status in (401, 403) or names & _DENIED or "redentials" in said or said.startswith("530"):
        return StoreDeniedError(f"no access to {name}: {said}; check {kind.login}")
    if status == 404 or _GONE.match(said):
        return PayloadError(f"{name} does not have it: {said}")
    if status == 429:
        return StoreFaultError(f"{name} limits how often it answers (429); try again later")
    if status >= 500:
        return StoreFaultError(f"{name} keeps failing with a server error (5xx); see its log")
    if names & _UNREACHABLE and kind.remote:
        why = reason(causes[0]) if any(getattr(one, "strerror", None) for one in causes) else said
        return StoreUnreachableError(f"cannot reach {name}: {why}; check {kind.place}")
    return StoreError(f"cannot use {name}: {said}")


def _packages(name: str, kind: _Kind, lacking: ImportError) -> StorePackageError:
    missing = lacking.name if isinstance(lacking, ModuleNotFoundError) else None
    said = (
        f"needs the package {missing}, which is not installed here"
        if missing
        else f"cannot be used with the packages that are installed here ({one_line(lacking)})"
    )
    install = kind.packages or (missing or "").partition(".")[0]
    return StorePackageError(f"{name} {said}" + (f": pip install {install}" if install else ""))


def _said(error: BaseException) -> str:
    """What its first line says, of one file where it is about several; without secrets."""
    first = _FAILED_FILE.sub("", str(error), count=1).strip().partition("\n")[0]
    return _QUERY.sub(r"\1", _LISTED.sub("", first)).strip().rstrip(".")[:_LONGEST]


def _status(error: BaseException) -> int:
    """The status code of HTTP in an exception; 0 if it has none."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    found = getattr(response, "status_code", None) or getattr(error, "status_code", None)
    if isinstance(found, int):
        return found
    several = _FAILED_FILE.match(str(error))
    if written := _STATUS.search(_said(error)) if several else _REPEATED.search(str(error)):
        return int(written[1])
    # MLflow's default is INTERNAL_ERROR, whatever went wrong
    known = getattr(error, "error_code", "INTERNAL_ERROR") != "INTERNAL_ERROR"
    return (
        int(error.get_http_status_code()) if known and hasattr(error, "get_http_status_code") else 0
    )
