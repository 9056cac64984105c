"""What goes wrong with a registry of models and its store of artifacts."""

from __future__ import annotations

from mlgitops.errors import MlgitopsError


class RegistryError(MlgitopsError):
    """The registry could not be used; the subclasses say why."""


class RegistryUnreachableError(RegistryError):
    """Nothing answers at the registry's address."""


class RegistryUntrustedError(RegistryUnreachableError):
    """The registry did not prove who it is."""


class RegistryProxyError(RegistryUnreachableError):
    """A proxy stands between and does not let requests through."""


class RegistryPackageError(RegistryError):
    """The registry needs a Python package that is not installed here."""


class RegistryTimeoutError(RegistryError):
    """The registry accepted the connection and did not answer in time."""


class RegistryDeniedError(RegistryError):
    """The registry answered 401 or 403."""


class RegistryNotFoundError(RegistryError):
    """The address answers, but there is no MLflow registry behind it (404)."""


class RegistryFaultError(RegistryError):
    """The registry answered with an error of its own (5xx)."""


class RegistryProtocolError(RegistryError):
    """The answer is not what an MLflow registry sends, for example HTML."""


class RegistryRequestError(RegistryError):
    """The registry understood the request and rejected it."""


class RegistryGoneError(RegistryRequestError):
    """The registry does not have what was asked for."""


class RegistryExistsError(RegistryRequestError):
    """The registry has a model of that name already."""


class StoreError(RegistryError):
    """The artifact store that holds a payload could not be used; the subclasses say why."""


class StoreUnreachableError(StoreError):
    """Nothing answers at the artifact store's address."""


class StoreDeniedError(StoreError):
    """There are no credentials for the artifact store, or it does not accept them."""


class StoreRefusedError(StoreError):
    """A registry names a store that it may not send us to: another host's, or this machine's."""


class StorePackageError(StoreError):
    """The artifact store needs a Python package that is not installed here."""


class StoreFaultError(StoreError):
    """The artifact store answered with an error of its own (429 or 5xx)."""


class RegistryStartError(RegistryError):
    """The embedded registry did not start."""
