"""The registry that MLflow's variables name: as they name it to us, and to MLflow's own client."""

from __future__ import annotations

import os

import pytest

from mlgitops.errors.registry import RegistryError
from mlgitops.registry.address import from_environment
from mlgitops.registry.client import ClientRegistryApi, ClientRunApi
from mlgitops.registry.connect import connect
from mlgitops.registry.registry import MlflowRegistry


def ours() -> MlflowRegistry:
    """The registry that the variables name; all of it over plain HTTP."""
    address = from_environment(os.environ)
    assert address is not None
    made = connect(address.registry, address.tracking)
    assert made.at_once > 1, "it is asked by MLflow's client"
    return made


def theirs() -> MlflowRegistry:
    """The same by MLflow's own client, which reads the variables itself."""
    address = from_environment(os.environ)
    assert address is not None
    return MlflowRegistry(address, ClientRegistryApi(address), ClientRunApi(address.tracking))


def both_hold() -> set[str]:
    """The models that both see."""
    found = set(ours().held().models)
    assert found == set(theirs().held().models)
    return found


def both_fail() -> type[RegistryError]:
    """How both fail."""
    kinds = []
    for registry in (ours(), theirs()):
        with pytest.raises(RegistryError) as caught:
            registry.held()
        kinds.append(caught.type)
    assert kinds[0] == kinds[1], kinds
    return kinds[0]
