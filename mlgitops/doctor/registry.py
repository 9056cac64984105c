"""The registry: whether it answers, which MLflow it is, who asks, and what they may do."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING

from mlgitops.doctor.finding import failed, passed, unchecked
from mlgitops.errors.registry import RegistryDeniedError, RegistryError
from mlgitops.system.addresses import without_secrets
from mlgitops.words import count, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mlgitops.doctor.finding import Finding
    from mlgitops.registry.accounts import Account
    from mlgitops.registry.registry import MlflowRegistry

TESTED = ("2.22.5", "3.17.2")  # docs/compatibility.md
_ALIASES = (2, 3)  # the first MLflow that has them
_UNTOLD = "the registry does not say what this account may do"
_TRY = "--write creates a model and removes it"


def checked(
    registry: MlflowRegistry, names: Collection[str], *, applies: bool, tries: bool
) -> Iterator[Finding]:
    """Whether the registry answers; and if so, which MLflow it is, who asks, and what they may do.

    Args:
        registry: what is asked, and where `tries`, written to.
        names: of the declared models.
        applies: whether the account is to write; else it is enough to read.
        tries: whether to create a model of a name that nothing else has, and to remove it.
    """
    try:
        locks = registry.locks()
    except RegistryError as error:
        yield failed("reachable", str(error), "")
        return
    yield passed("reachable", without_secrets(registry.address.registry))
    yield mlflow(registry.records.server)
    if locks:
        yield unchecked("applies", "; ".join(map(str, locks)), "the next apply sorts it out")
    yield _read(registry, names)
    try:
        yield from _allowed(registry, names, applies=applies)
        if tries:
            yield _created(registry)
    except RegistryError as error:
        yield failed("account", str(error), "")


def _read(registry: MlflowRegistry, names: Collection[str]) -> Finding:
    try:
        held = registry.held_again(names)
    except RegistryDeniedError as error:
        return failed("read", str(error), "grant READ on each declared model")
    except RegistryError as error:
        return failed("read", str(error), "")
    missing = [name for name in names if name not in held.models]
    if missing:
        return passed("read", f"not registered yet, or hidden: {listed(missing)}")
    return passed("read", f"{count(len(names), 'declared model')}, all registered")


def _allowed(
    registry: MlflowRegistry, names: Collection[str], *, applies: bool
) -> Iterator[Finding]:
    """Who asks, and whether they may write to the declared models and create others."""
    accounts = registry.accounts
    account = accounts.me() if accounts else None
    if accounts is None or account is None:
        yield unchecked("account", "the registry has no accounts of MLflow 3's own")
        yield unchecked("write", _UNTOLD)
        yield unchecked("create", _UNTOLD, _TRY)
        return
    admin = ", an administrator" if account.is_admin else ""
    yield passed("account", f"{account.name}{admin}")
    with ThreadPoolExecutor(registry.at_once) as threads:
        rights = list(threads.map(partial(accounts.right, account), names))
    without = [name for name, right in zip(names, rights, strict=True) if not right.writes]
    yield _writes(account, len(names), without, applies=applies)
    yield _creates(account, accounts.creates(account), applies=applies)


def mlflow(version: str) -> Finding:
    """What is known of a version of MLflow's server; empty if it does not say its own."""
    if not version:
        return unchecked("MLflow", "the server does not say its version")
    parts = re.match(r"(\d+)\.(\d+)", version)
    number = (int(parts[1]), int(parts[2])) if parts else (0, 0)
    if number < _ALIASES:
        return failed("MLflow", f"{version} has no aliases", "upgrade the server to MLflow 3")
    if number < (3, 0):
        known = (
            "MLflow 2 keeps aliases of deleted versions, and a version's stamps fit 7 to 16 stages"
        )
        return passed("MLflow", f"{version}: {known}")
    known = "" if version in TESTED else f"; tested with {' and '.join(TESTED)}"
    return passed("MLflow", f"{version}{known}")


def _writes(account: Account, all_: int, without: Collection[str], *, applies: bool) -> Finding:
    if not without:
        return passed("write", f"{account.name} may move the aliases of every declared model")
    found = f"{account.name} may not move the aliases of {len(without)} of {count(all_, 'model')}"
    if applies:
        return failed("write", f"{found}: {listed(list(without))}", "grant EDIT on each of them")
    return passed("write", f"{found}; plan need not")


def _creates(account: Account, may: bool | None, *, applies: bool) -> Finding:
    if may is None:
        return unchecked("create", _UNTOLD, _TRY)
    if may:
        return passed("create", f"{account.name} may create models")
    found = f"{account.name} may not create models"
    if applies:
        return failed("create", f"{found}, so applies have no lock", "grant USE on the workspace")
    return passed("create", f"{found}; plan need not")


def _created(registry: MlflowRegistry) -> Finding:
    name = f"mlgitops.doctor-{token_hex(8)}"
    try:
        registry.create(name)
    except RegistryError as error:
        return failed(
            "create by --write", str(error), "let the account create models: applies lock by one"
        )
    try:
        registry.remove(name)
    except RegistryError as error:
        return failed(
            "create by --write", f"created {name} and cannot remove it: {error}", f"remove {name}"
        )
    return passed("create by --write", "created a model and removed it")
