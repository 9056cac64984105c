"""Which artifact stores a registry may send this machine to: a registry is a stranger.

Its servers get our login, so another host gets none; its folders are those of its own machine, so
no folder of this one is meant. What has a login of its own (S3, Google, Azure, …) stays open.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mlgitops.errors.registry import StoreRefusedError
from mlgitops.registry.address import is_here
from mlgitops.system.addresses import without_secrets
from mlgitops.words import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from urllib.parse import SplitResult

    from mlgitops.registry.address import Address

ROOTS = "MLGITOPS_ARTIFACT_ROOT"
FOLDERS, SERVERS = ("", "file"), ("mlflow-artifacts", "http", "https")
_PORTS = {"http": 80, "https": 443}
_LONGEST = 200  # characters of an address that are shown
# Azure's hosts by its own names: MLflow's client sends its token to whatever host is named
_AZURE = re.compile(
    r"[^@]+@[a-z0-9-]+\.(privatelink\.)?(blob|dfs)\."
    r"(core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)|fabric\.microsoft\.com)"
)


def require(store: str, address: Address) -> None:
    """Whether an address that a registry names may be used.

    Raises:
        StoreRefusedError: it may not.
    """
    try:
        parts = urlsplit(store)
        host = _host(parts, address)
    except ValueError:
        raise StoreRefusedError(f"{_shown(store)} is no address of artifacts") from None
    scheme = parts.scheme.lower()
    if scheme in FOLDERS:
        _require_folder(store, folder(store), address)
    elif scheme in SERVERS and not (scheme == "mlflow-artifacts" and not parts.netloc):
        own = {_host(urlsplit(uri), address) for uri in (address.registry, address.tracking)}
        allowed = {_host(urlsplit(root), address) for root in _roots() if "://" in root}
        if host not in own | allowed:
            raise StoreRefusedError(
                f"{_shown(store)} is on another server than the registry, which would get its "
                f"login; if that is right, set {ROOTS}={host}"
            )
    elif scheme in ("wasbs", "abfss") and not _AZURE.fullmatch(parts.netloc):
        raise StoreRefusedError(f"{_shown(store)} is on no host of Azure's, and would get a token")


def folder(store: str) -> Path:
    """The folder of this machine that MLflow takes an address for."""
    parts = urlsplit(store)
    return Path(unquote(parts.path if parts.scheme else store))


def guard(address: Address) -> None:
    """Have MLflow itself, in this process, open only stores elsewhere that `require` lets pass.

    Its own code comes to addresses in ways that nobody else sees: through runs and logged models,
    and for what a recipe logs. Folders it opens for itself too.
    """
    from mlflow.store.artifact import artifact_repository_registry as stores

    known: Any = stores._artifact_repository_registry  # noqa: SLF001 - plugins register there too
    for scheme, opens in dict(known._registry).items():  # noqa: SLF001
        if scheme in FOLDERS:
            continue
        inner = opens.opens if isinstance(opens, _Guarded) else opens
        known.register(scheme, _Guarded(opens=inner, address=address))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Guarded:
    """What opens the stores of a scheme, once their address is checked."""

    opens: Callable[..., Any]
    address: Address

    def __call__(self, artifact_uri: str, *arguments: Any, **named: Any) -> Any:
        require(artifact_uri, self.address)
        return self.opens(artifact_uri, *arguments, **named)


def _require_folder(store: str, found: Path, address: Address) -> None:
    if is_here(address.registry) and is_here(address.tracking):
        return
    roots = [folder(root) for root in _roots() if urlsplit(root).scheme in FOLDERS]
    if any(found.resolve().is_relative_to(root.resolve()) for root in roots):
        return
    raise StoreRefusedError(
        f"{_shown(store)} is a folder of the server's machine, and not read on this one; start the "
        "server with --serve-artifacts and --default-artifact-root mlflow-artifacts:/, or, if this "
        f"machine has the same folder, set {ROOTS} to it"
    )


def _host(parts: SplitResult, address: Address) -> str:
    """Scheme, host and port, by which two servers are told apart.

    Raises:
        ValueError: it is no address.
    """
    scheme = parts.scheme.lower()
    if scheme == "mlflow-artifacts":
        scheme = urlsplit(address.tracking).scheme.lower()
    return f"{scheme}://{(parts.hostname or '').lower()}:{parts.port or _PORTS.get(scheme, 0)}"


def _roots() -> Iterator[str]:
    return filter(None, map(str.strip, os.environ.get(ROOTS, "").split(",")))


def _shown(store: str) -> str:
    try:
        return plain(without_secrets(store))[:_LONGEST]
    except ValueError:
        return "what the registry names"
