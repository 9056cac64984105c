"""The registry: whether it answers, which MLflow it is, who asks, and what they may do."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING

from mlgitops.doctor.finding import failed, passed, unchecked
from mlgitops.errors import RegistryDeniedError, RegistryError
from mlgitops.system.addresses import without_secrets
from mlgitops.words import count, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mlgitops.doctor.finding import Finding
    from mlgitops.registry.accounts import Account
    from mlgitops.registry.registry import MlflowRegistry

TESTED = ("2.22.5", "3.17.2")  # docs/compatibility.md
_ALIASES = (2, 3)  # the first MLflow that has them
_UNTOLD = "the registry tells nobody's permissions"


def reachable(registry: MlflowRegistry, names: Collection[str]) -> Iterator[Finding]:
    """Whether the registry answers, and whether the declared models can be read.

    Args:
        registry: what is asked.
        names: of the declared models.
    """
    address = without_secrets(registry.address.registry)
    try:
        locks = registry.locks()
        yield passed("reachable", address)
    except RegistryError as error:
        yield failed("reachable", str(error), "")
        return
    yield _mlflow(registry.records.server)
    if locks:
        yield unchecked("applies", "; ".join(map(str, locks)), "the next apply sorts it out")
    try:
        held = registry.held_again(names)
    except RegistryDeniedError as error:
        yield failed("read", str(error), "give the account READ on each declared model")
        return
    except RegistryError as error:
        yield failed("read", str(error), "")
        return
    missing = [name for name in names if name not in held.models]
    if missing:
        yield passed("read", f"not registered yet, or hidden: {listed(missing)}")
    else:
        yield passed("read", f"{count(len(names), 'declared model')}, all registered")


def allowed(
    registry: MlflowRegistry, names: Collection[str], *, applies: bool, tries: bool
) -> Iterator[Finding]:
    """Who asks, and whether they may write to the declared models and create others.

    Args:
        registry: what is asked, and where `tries`, written to.
        names: of the declared models.
        applies: whether they are to write; else it is enough to read.
        tries: whether to create a model of a name that nothing else has, and to remove it.
    """
    accounts = registry.accounts
    try:
        account = accounts.me() if accounts else None
        if accounts is None or account is None:
            yield unchecked("account", "the registry has no accounts of MLflow 3's own")
            yield unchecked("write", _UNTOLD)
        else:
            admin = ", an administrator" if account.is_admin else ""
            yield passed("account", f"{account.name}{admin}")
            with ThreadPoolExecutor(registry.at_once) as threads:
                rights = list(threads.map(partial(accounts.right, account), names))
            without = [name for name, right in zip(names, rights, strict=True) if not right.writes]
            yield _writes(account, len(names), without, applies=applies)
        if tries:
            yield _created(registry)
        elif accounts is None or account is None or (may := accounts.creates(account)) is None:
            yield unchecked("create", _UNTOLD, "--write creates a model and removes it")
        else:
            yield _creates(account, may=may, applies=applies)
    except RegistryError as error:
        yield failed("account", str(error), "")


def _mlflow(version: str) -> Finding:
    if not version:
        return unchecked("MLflow", "the server does not say its version")
    parts = re.match(r"(\d+)\.(\d+)", version)
    number = (int(parts[1]), int(parts[2])) if parts else (0, 0)
    if number < _ALIASES:
        return failed("MLflow", f"{version} has no aliases", "upgrade the server to MLflow 3")
    if number < (3, 0):
        return passed("MLflow", f"{version}: stamps of up to 16 stages fit on one version")
    known = "" if version in TESTED else f"; tested with {' and '.join(TESTED)}"
    return passed("MLflow", f"{version}{known}")


def _writes(account: Account, all_: int, without: Collection[str], *, applies: bool) -> Finding:
    if not without:
        return passed("write", f"{account.name} may move the aliases of every declared model")
    found = f"{account.name} may not move the aliases of {len(without)} of {count(all_, 'model')}"
    if applies:
        return failed("write", f"{found}: {listed(list(without))}", "grant EDIT on each of them")
    return passed("write", f"{found}; plan need not")


def _creates(account: Account, *, may: bool, applies: bool) -> Finding:
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
        return failed("create", str(error), "let the account create models: applies lock by one")
    try:
        registry.remove(name)
    except RegistryError as error:
        return failed("create", f"created {name} and cannot remove it: {error}", f"remove {name}")
    return passed("create", "created a model and removed it")
