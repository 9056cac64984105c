"""Connect to a registry: over plain HTTP where that reaches it, else by MLflow's own client."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from mlgitops.registry import failures
from mlgitops.registry.address import Address, is_here, speaks_plain_http
from mlgitops.registry.calls import Calls
from mlgitops.registry.registry import MlflowRegistry
from mlgitops.registry.rest import RestRegistryApi, RestRunApi
from mlgitops.registry.server import server_at
from mlgitops.system import waiting
from mlgitops.system.addresses import without_secrets

if TYPE_CHECKING:
    from mlgitops.registry.api import RegistryApi, RunApi

_LONGEST = 1800.0  # seconds: MLflow's client repeats a request seven times by itself


def connect(registry: str, tracking: str | None = None) -> MlflowRegistry:
    """The registry at an address.

    Args:
        registry: the address of the registry, as MLFLOW_REGISTRY_URI names it.
        tracking: the address of the tracking server that has its runs, if it is another one.

    Raises:
        UsageError: one of MLflow's variables does not hold what MLflow expects in it.
        RegistryError: MLflow's client knows no such registry.
    """
    address = Address(registry=registry, tracking=tracking or registry)
    servers = {address.registry, address.tracking}
    calls = {uri: Calls(server_at(uri)) for uri in servers if speaks_plain_http(uri)}
    return MlflowRegistry(
        address, _registry_api(address, calls), _run_api(address, calls), calls.values()
    )


def _registry_api(address: Address, calls: dict[str, Calls]) -> RegistryApi:
    if plain := calls.get(address.registry):
        return RestRegistryApi(plain)
    from mlgitops.registry.client import ClientRegistryApi

    return cast("RegistryApi", _Limited(ClientRegistryApi(address), address.registry))


def _run_api(address: Address, calls: dict[str, Calls]) -> RunApi:
    if plain := calls.get(address.tracking):
        return RestRunApi(plain, address.tracking)
    from mlgitops.registry.client import ClientRunApi

    return cast("RunApi", _Limited(ClientRunApi(address.tracking), address.tracking))


class _Limited:
    """What asks by MLflow's client, whose limits hold for each byte and not for a whole call."""

    def __init__(self, api: object, uri: str) -> None:
        self._api, self._uri = api, uri

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._api, name)
        if not callable(found) or is_here(self._uri):  # a database in this process asks nobody
            return found

        def limited(*arguments: Any, **named: Any) -> Any:
            try:
                return waiting.within(_LONGEST, partial(found, *arguments, **named), name=name)
            except TimeoutError:
                raise failures.slow(without_secrets(self._uri)) from None

        return limited
