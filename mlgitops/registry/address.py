"""Which registry is meant, by MLflow's own environment variables, and how it is reached."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlgitops.errors import UsageError
from mlgitops.system.addresses import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

TRACKING = "MLFLOW_TRACKING_URI"
REGISTRY = "MLFLOW_REGISTRY_URI"
WORKSPACE = "MLFLOW_WORKSPACE"
_RUN = re.compile(r"[0-9A-Za-z_-]{1,64}")  # a stamp's tag names it, which may say anything
_PORTS = {"http": 80, "https": 443}
_DATABASES = ("mysql", "postgresql", "mssql")  # MLflow's, besides SQLite
# what changes MLflow's requests in ways that only its client knows
_CLIENT_ONLY = ("MLFLOW_TRACKING_AUTH", "DATABRICKS_RUNTIME_VERSION")
_SIGNED = "MLFLOW_TRACKING_AWS_SIGV4"
_HEADERS = "mlflow.request_header_provider"
_STORES = ("mlflow.model_registry_store", "mlflow.tracking_store")


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where versions are registered, and where their runs are; as a rule the same server.

    Raises:
        UsageError: one of them is no address.
    """

    registry: str
    tracking: str

    def __post_init__(self) -> None:
        for uri in (self.registry, self.tracking):
            try:
                parts = urlsplit(uri)
                unfit = parts.scheme in _PORTS and not (parts.hostname and parts.port != 0)
            except ValueError:
                unfit = True
            if unfit:
                raise UsageError(f"{uri!r} is not the address of a registry; write https://HOST")

    @property
    def identity(self) -> str:
        """What tells one registry from another: its address in one spelling, with its workspace."""
        workspace = os.environ.get(WORKSPACE, "").strip()
        return _spelled(self.registry) + (f"#{workspace}" if workspace else "")

    def page_of(self, run_id: str) -> str | None:
        """The page of a run in MLflow's UI; None without a server, or of what is no run's id."""
        if urlsplit(self.tracking).scheme not in _PORTS or not _RUN.fullmatch(run_id):
            return None
        return f"{without_secrets(self.tracking).rstrip('/')}/#/runs/{run_id}"

    def publish(self) -> None:
        """Make it MLflow's own, in this process and in those that it starts."""
        apart = self.registry != self.tracking
        os.environ[TRACKING] = self.tracking
        os.environ.pop(REGISTRY, None)
        if apart:
            os.environ[REGISTRY] = self.registry
        if mlflow := sys.modules.get("mlflow"):  # else it reads the variables when it is imported
            mlflow.set_tracking_uri(self.tracking)
            mlflow.set_registry_uri(self.registry if apart else "")


def from_environment(environment: Mapping[str, str]) -> Address | None:
    """The registry that the variables name; None if they name none.

    MLFLOW_REGISTRY_URI alone names the tracking server as well.
    """
    tracking, registry = (environment.get(name, "").strip() for name in (TRACKING, REGISTRY))
    if not (tracking or registry):
        return None
    tracking = tracking or tracking_of(registry)
    return Address(registry=registry or registry_of(tracking), tracking=tracking)


def registry_of(tracking: str) -> str:
    """The registry that MLflow uses with a tracking server where nothing names another one.

    With that of a Databricks workspace it is Unity Catalog, not the registry of the workspace.
    """
    scheme, separator, profile = tracking.partition("://")
    return f"databricks-uc{separator}{profile}" if scheme == "databricks" else tracking


def tracking_of(registry: str) -> str:
    """The tracking server that goes with a registry where nothing names another one.

    Unity Catalog is none; the runs are in the Databricks workspace.
    """
    scheme, separator, profile = registry.partition("://")
    return f"databricks{separator}{profile}" if scheme == "databricks-uc" else registry


def is_here(uri: str) -> bool:
    """Whether a registry is this machine's own: a folder, or a database that runs here.

    A server that is reached by loopback may be at the end of a tunnel.
    """
    parts = urlsplit(uri)
    scheme = parts.scheme.lower().partition("+")[0]
    if scheme in ("", "file", "sqlite"):
        return True
    return scheme in _DATABASES and parts.hostname in (None, "localhost", "127.0.0.1", "::1")


def speaks_plain_http(uri: str) -> bool:
    """Whether requests to an address need nothing that only MLflow's client has.

    Its client has plugins for headers, logins and schemes, signs requests for AWS, and speaks to
    Databricks, Unity Catalog and databases.
    """
    scheme = urlsplit(uri).scheme.lower()
    return (
        scheme in _PORTS
        and not any(os.environ.get(name) for name in _CLIENT_ONLY)
        and os.environ.get(_SIGNED, "").lower() not in ("true", "1")
        and not _has_plugins(scheme)
    )


def _has_plugins(scheme: str) -> bool:
    """Whether MLflow's client has a plugin for headers, or for a scheme."""
    found = entry_points()  # once: each call looks at every installed package
    return bool(found.select(group=_HEADERS)) or any(
        found.select(group=group, name=scheme) for group in _STORES
    )


def _spelled(uri: str) -> str:
    """An address without secrets, its host in lower case, without what goes without saying."""
    shown = without_secrets(uri)
    parts = urlsplit(shown)
    port = _PORTS.get(parts.scheme)
    if port is None:
        return shown
    host = parts.netloc.lower().removesuffix(f":{port}")
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
