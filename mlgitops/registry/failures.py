"""What a failing registry means: one error for each cause, however the registry is reached.

MLflow's client wraps every transport error in one exception class; its cause, status code and body
are what tells an unreachable server from a slow, a forbidding, a broken or a foreign one.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlgitops.errors.registry import (
    RegistryDeniedError,
    RegistryError,
    RegistryExistsError,
    RegistryFaultError,
    RegistryGoneError,
    RegistryNotFoundError,
    RegistryPackageError,
    RegistryProtocolError,
    RegistryProxyError,
    RegistryRequestError,
    RegistryTimeoutError,
    RegistryUnreachableError,
    RegistryUntrustedError,
)
from mlgitops.registry import stores
from mlgitops.system.addresses import without_secrets
from mlgitops.system.http import reason
from mlgitops.words import brief

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.errors import PayloadError
    from mlgitops.errors.registry import StoreError

GONE = "RESOURCE_DOES_NOT_EXIST"
_EXISTS = "RESOURCE_ALREADY_EXISTS"
NO_ENDPOINT = "ENDPOINT_NOT_FOUND"
_WRONG_HOST = "Invalid Host header"  # what MLflow's server says
_DATABRICKS = ("databricks", "databricks-uc")
# what is installed under another name than it is imported by
_DISTRIBUTIONS = {
    "psycopg": "'psycopg[binary]'",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "databricks": "databricks-sdk",
}
_BODY = re.compile(r"\.? Response body: .*", re.DOTALL)


def slow(uri: str) -> RegistryTimeoutError:
    """It did not answer in time."""
    return RegistryTimeoutError(
        f"the registry at {uri} did not answer in time; "
        "try again, or increase MLFLOW_HTTP_REQUEST_TIMEOUT (seconds)"
    )


def unreachable(uri: str) -> RegistryUnreachableError:
    """Nothing answers."""
    return RegistryUnreachableError(
        f"cannot reach the registry at {uri}; "
        "check MLFLOW_TRACKING_URI, and that the server is running"
    )


def untrusted(uri: str, why: str) -> RegistryUntrustedError:
    """Its certificate is not one that this machine trusts, or it does not speak TLS."""
    return RegistryUntrustedError(
        f"no trusted connection to the registry at {uri}: {why}; set "
        "MLFLOW_TRACKING_SERVER_CERT_PATH to the certificate of its authority, and check that the "
        "address begins with the right one of http and https"
    )


def behind_proxy(uri: str, why: str) -> RegistryProxyError:
    """A proxy is in between."""
    return RegistryProxyError(
        f"the proxy does not lead to the registry at {uri}: {why}; check HTTPS_PROXY, HTTP_PROXY "
        "and NO_PROXY"
    )


def wrong_host(uri: str) -> RegistryDeniedError:
    """It answers to other names only."""
    return RegistryDeniedError(
        f"the registry at {uri} does not answer to that host name (403); add it to the server's "
        "--allowed-hosts, or use a name that is there"
    )


def busy(uri: str) -> RegistryFaultError:
    """It limits how often it is asked."""
    return RegistryFaultError(
        f"the registry at {uri} limits how often it answers (429); try again later"
    )


def packages(uri: str, package: str) -> RegistryPackageError:
    """MLflow's client lacks what reaches it."""
    return RegistryPackageError(
        f"the registry at {uri} needs the package {package}, which is not installed here: "
        f"pip install {_DISTRIBUTIONS.get(package, package)}"
    )


def denied(uri: str, status: int) -> RegistryDeniedError:
    """It answered 401 or 403."""
    if uri.partition(":")[0] in _DATABRICKS:
        return RegistryDeniedError(
            f"the registry at {uri} denied access ({status}); check {stores.DATABRICKS_LOGIN}"
        )
    return RegistryDeniedError(
        f"the registry at {uri} denied access ({status}); set MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to an account with access"
    )


def no_login(uri: str) -> RegistryDeniedError:
    """MLflow's client finds no login for Databricks."""
    return RegistryDeniedError(
        f"there is no login for the registry at {uri}; set {stores.DATABRICKS_LOGIN}"
    )


def no_registry(uri: str) -> RegistryNotFoundError:
    """A server answers, but nothing is at that path."""
    return RegistryNotFoundError(
        f"there is no MLflow registry at {uri} (404); check the path in MLFLOW_TRACKING_URI"
    )


def no_workspaces(uri: str, workspace: str) -> RegistryRequestError:
    """It would take no notice of the workspace that is asked for."""
    return RegistryRequestError(
        f"the registry at {uri} has no workspaces, but MLFLOW_WORKSPACE is {workspace}; "
        "unset it, or start the server with --enable-workspaces"
    )


def outdated(uri: str) -> RegistryRequestError:
    """A database whose tables are not those of the MLflow that is installed here."""
    return RegistryRequestError(
        f"the database at {uri} was made by an older MLflow; connect to its server instead, or "
        "back it up and run `mlflow db upgrade`"
    )


def foreign(uri: str, sent: str = "did not send JSON") -> RegistryProtocolError:
    """What answers does not speak MLflow's protocol."""
    return RegistryProtocolError(
        f"the server at {uri} is not an MLflow registry: it {sent}; "
        "check MLFLOW_TRACKING_URI, and any proxy or login page in front of it"
    )


def fault(uri: str) -> RegistryFaultError:
    """It answered with an error of its own."""
    return RegistryFaultError(
        f"the registry at {uri} keeps failing with a server error (5xx); see its log"
    )


def unusable(uri: str, said: str) -> RegistryFaultError:
    """MLflow's client gives up, without an answer of a server."""
    return RegistryFaultError(f"MLflow cannot use the registry at {uri}: {said}")


def by_status(uri: str, status: int, said: str) -> RegistryError | None:
    """What a status means, whatever was asked for; None if what was said has to tell."""
    if status == 403 and _WRONG_HOST in said:
        return wrong_host(uri)
    if status in (401, 403):
        return denied(uri, status)
    if status == 407:
        return behind_proxy(uri, "it asks for a login (407)")
    return busy(uri) if status == 429 else None


def is_gone(code: object, said: str) -> bool:
    """Whether what was asked for is not there; without its workspace, nothing was looked for."""
    return code == GONE and not said.removeprefix(f"{GONE}: ").startswith("Workspace ")


def rejected(uri: str, said: str, code: object) -> RegistryRequestError:
    """It understood, and will not; or does not have what was asked for, or has it already."""
    kind = RegistryExistsError if code == _EXISTS else RegistryRequestError
    kind = RegistryGoneError if is_gone(code, said) else kind
    return kind(f"the registry at {uri} rejected the request: {said}")


@contextmanager
def translated(uri: str, store: str = "") -> Iterator[None]:
    """Turn whatever MLflow's client raises into the subclass of RegistryError that says why.

    Args:
        uri: where the registry is.
        store: where artifacts are, if any are read or written in the block.
    """
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except RegistryError:
        raise
    except Exception as error:
        if store and any(map(stores.is_of_client, _causes(error))):
            raise of_store(error, store, uri) from error
        if isinstance(error, ModuleNotFoundError):
            package = (error.name or "").partition(".")[0]
            raise packages(without_secrets(uri), package) from error
        if isinstance(
            error, MlflowException | RequestException | SQLAlchemyError | ValueError | OSError
        ):
            raise _translate(error, without_secrets(uri)) from error
        raise


def of_store(error: Exception, store: str, server: str) -> StoreError | PayloadError:
    """What the failure of an artifact store means."""
    return stores.trouble(list(_causes(error)), store, server)


def _translate(error: Exception, uri: str) -> RegistryError:
    from requests.exceptions import ProxyError, RequestException, RetryError, SSLError, Timeout
    from sqlalchemy.exc import OperationalError
    from urllib3.exceptions import ReadTimeoutError

    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, SSLError):
            return untrusted(uri, reason(cause))
        if isinstance(cause, ProxyError):
            return behind_proxy(uri, reason(cause))
        if isinstance(cause, OperationalError) and uri.partition(":")[0] != "sqlite":
            return unreachable(uri)
    if any(isinstance(cause, Timeout | ReadTimeoutError) for cause in chain):
        return slow(uri)
    if any(isinstance(cause, RetryError) for cause in chain):
        return busy(uri) if "too many 429 error" in str(error) else fault(uri)
    if any(isinstance(cause, RequestException) for cause in chain):
        return unreachable(uri)
    return _answered(error, uri)


def _answered(error: Exception, uri: str) -> RegistryError:
    """The registry answered; its status code tells what it said."""
    from mlflow.exceptions import RestException

    code = getattr(error, "error_code", "")
    text = brief(_BODY.sub("", str(error)), 300)
    stated = re.search(r"failed with error code ([0-9]{3})\b", text)
    status = int(stated[1]) if stated else getattr(error, "get_http_status_code", lambda: 0)()
    if meant := by_status(uri, status, str(error)):
        return meant
    if (stated and status == 404) or code == NO_ENDPOINT:
        return no_registry(uri)
    if "valid JSON" in text or isinstance(error, ValueError):
        return foreign(uri)
    if "Databricks credential" in text:
        return no_login(uri)
    if status >= 500 and (stated or code == "INTERNAL_ERROR"):
        answered = stated or isinstance(error, RestException)
        return fault(uri) if answered else unusable(uri, text)
    return rejected(uri, text, code)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what it wraps: causes, contexts, and urllib3's `reason`."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        one = todo.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args[:1]]
