"""How a server is asked: MLflow's own environment variables for logins, TLS, time and patience.

Names, defaults and precedence are those of `mlflow.environment_variables`,
`mlflow.utils.credentials` and `mlflow.utils.rest_utils` of MLflow 3.17.
"""

from __future__ import annotations

import os
from base64 import b64encode
from configparser import ConfigParser
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mlgitops.errors import UsageError
from mlgitops.registry.address import WORKSPACE
from mlgitops.words import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value = TypeVar("Value")
_LONGEST = 86_400.0  # seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """One server and how to speak to it.

    Attributes:
        url: without a slash at its end.
        headers: of every request; login and workspace are among them.
        workspace: the workspace that is meant; empty where the server has one only.
        verify: whether the server must prove who it is, or the path of what to trust.
        certificate: the path of the client's own certificate.
        timeout: seconds for one request.
        retries: how often a request is repeated.
        backoff: seconds before the second repetition; doubled before each further one.
        jitter: seconds that are added at random, at most.
        obedient: whether to wait as long as the server says.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    workspace: str
    verify: bool | str
    certificate: str | None
    timeout: float
    retries: int
    backoff: float
    jitter: float
    obedient: bool


def server_at(url: str) -> Server:
    """The server at an address.

    Raises:
        UsageError: a variable does not hold what MLflow expects in it.
    """
    workspace = os.environ.get(WORKSPACE, "").strip()
    return Server(
        url=url.rstrip("/"),
        headers=_headers(workspace),
        workspace=workspace,
        verify=_verify(),
        certificate=os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH") or None,
        timeout=_read("MLFLOW_HTTP_REQUEST_TIMEOUT", _positive, default=120.0),
        retries=_read("MLFLOW_HTTP_REQUEST_MAX_RETRIES", _times, default=7),
        backoff=_read("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", _number, default=2.0),
        jitter=_read("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", _number, default=1.0),
        obedient=_read("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", _boolean, default=True),
    )


def _verify() -> bool | str:
    insecure = _read("MLFLOW_TRACKING_INSECURE_TLS", _boolean, default=False)
    trusted = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    if insecure and trusted:
        raise UsageError(
            "MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH contradict each "
            "other; unset one of them"
        )
    return not insecure and (trusted or True)


def _headers(workspace: str) -> dict[str, str]:
    found = {"X-MLFLOW-WORKSPACE": workspace} if workspace else {}
    name, password = _login()
    if name and password:
        found["Authorization"] = f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"
    elif token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        found["Authorization"] = f"Bearer {token}"
    return found


def _login() -> tuple[str | None, str | None]:
    """Name and password: each from its variable, else from MLflow's file of credentials."""
    stored = ConfigParser(interpolation=None)
    stored.read(Path("~/.mlflow/credentials").expanduser())
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    name, password = (
        os.environ.get(one) or stored.get("mlflow", one.lower(), fallback=None) for one in names
    )
    return name, password


def _read(name: str, kind: Callable[[str], Value], *, default: Value) -> Value:
    text = os.environ.get(name)
    if not text:
        return default
    try:
        return kind(text)
    except ValueError:
        raise UsageError(
            f"{name}={text[:100]} is not what MLflow expects, such as {default}"
        ) from None


def _number(text: str) -> float:
    """A number that a wait can have; less than none is none."""
    number = float(text)
    if not text.isascii() or not isfinite(number) or number > _LONGEST:
        raise ValueError(text)
    return max(0.0, number)


def _times(text: str) -> int:
    number = whole_number(text.removeprefix("-"))
    if number is None:
        raise ValueError(text)
    return 0 if text.startswith("-") else number


def _positive(text: str) -> float:
    number = _number(text)
    if number <= 0:
        raise ValueError(text)
    return number


def _boolean(text: str) -> bool:
    """What MLflow takes for true or false."""
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]
