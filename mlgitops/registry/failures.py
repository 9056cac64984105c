"""What a failing registry means: the exceptions of MLflow and requests, told apart by cause.

MLflow wraps every transport error in one exception class; its cause, status code and body are
what tells an unreachable server from a slow, a forbidding, a broken or a foreign one.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlgitops.errors import (
    RegistryDeniedError,
    RegistryError,
    RegistryFaultError,
    RegistryNotFoundError,
    RegistryProtocolError,
    RegistryRequestError,
    RegistryTimeoutError,
    RegistryUnreachableError,
)
from mlgitops.system.addresses import without_secrets
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_BODY = re.compile(r"\.? Response body: .*", re.DOTALL)


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn whatever a registry call raises into the subclass of RegistryError that says why."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except RegistryError:
        raise
    except (MlflowException, RequestException, SQLAlchemyError, ValueError, OSError) as error:
        raise _translate(error, without_secrets(uri)) from error


def _translate(error: Exception, uri: str) -> RegistryError:
    from requests.exceptions import RequestException, RetryError, Timeout
    from urllib3.exceptions import ReadTimeoutError

    chain = list(_causes(error))
    if any(isinstance(cause, Timeout | ReadTimeoutError) for cause in chain):
        return RegistryTimeoutError(
            f"the registry at {uri} did not answer in time; "
            "try again, or increase MLFLOW_HTTP_REQUEST_TIMEOUT (seconds)"
        )
    if any(isinstance(cause, RetryError) for cause in chain):
        return _fault(uri)
    if any(isinstance(cause, RequestException) for cause in chain):
        return RegistryUnreachableError(
            f"cannot reach the registry at {uri}; "
            "check MLFLOW_TRACKING_URI, and that the server is running"
        )
    return _answered(error, uri)


def _answered(error: Exception, uri: str) -> RegistryError:
    """The registry answered; its status code tells what it said."""
    code = getattr(error, "error_code", "")
    text = one_line(_BODY.sub("", str(error)))[:300]
    stated = re.search(r"failed with error code (\d+)", text)
    status = int(stated[1]) if stated else getattr(error, "get_http_status_code", lambda: 0)()
    if status in (401, 403):
        return RegistryDeniedError(
            f"the registry at {uri} denied access ({status}); set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to an account with access"
        )
    if stated and status == 404:
        return RegistryNotFoundError(
            f"there is no MLflow registry at {uri} (404); check the path in MLFLOW_TRACKING_URI"
        )
    if "valid JSON" in text or isinstance(error, ValueError):
        return RegistryProtocolError(
            f"the server at {uri} is not an MLflow registry: it did not send JSON; "
            "check MLFLOW_TRACKING_URI, and any proxy or login page in front of it"
        )
    if status >= 500 and (stated or code == "INTERNAL_ERROR"):
        return _fault(uri)
    return RegistryRequestError(f"the registry at {uri} rejected the request: {text}")


def _fault(uri: str) -> RegistryFaultError:
    return RegistryFaultError(
        f"the registry at {uri} keeps failing with a server error (5xx); see its log"
    )


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
