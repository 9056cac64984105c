"""Connect to a registry: over plain HTTP where that reaches it, else by MLflow's own client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.registry.address import Address, speaks_plain_http
from mlgitops.registry.calls import Calls
from mlgitops.registry.registry import MlflowRegistry
from mlgitops.registry.rest import RestRegistryApi, RestRunApi
from mlgitops.registry.server import server_at

if TYPE_CHECKING:
    from mlgitops.registry.api import RegistryApi, RunApi


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

    return ClientRegistryApi(address)


def _run_api(address: Address, calls: dict[str, Calls]) -> RunApi:
    if plain := calls.get(address.tracking):
        return RestRunApi(plain, address.tracking)
    from mlgitops.registry.client import ClientRunApi

    return ClientRunApi(address.tracking)
