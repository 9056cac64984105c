"""One deploy at a time in a namespace: a Lease that is renewed, or expires with who held it."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlgitops.deploy import failures
from mlgitops.deploy.kubernetes import names
from mlgitops.errors import MlgitopsError
from mlgitops.errors.deploying import ClusterChangedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.deploy.kubernetes.client import Namespace

_LASTS = 30  # seconds after which nobody holds a lease that was not renewed
_EVERY = 5  # seconds between renewals
_PAUSE = 1.0


@contextmanager
def held(
    namespace: Namespace, name: str, owner: str, say: Callable[[str], None]
) -> Iterator[threading.Event]:
    """Hold the lease of a deployment; what is given is set if it was lost to somebody else.

    A lease is that of a deploy that was killed if it is not renewed while it is looked at: clocks
    of two machines are never compared.

    Raises:
        DeployUnderWayError: somebody else holds it, and renews it.
        PlaceUnreachableError, ClusterError: it cannot be read or written.
    """
    me = f"{socket.gethostname()}-{secrets.token_hex(4)}"
    taken = _taken(namespace, name, owner, me, say)
    ended, lost = threading.Event(), threading.Event()
    keeper = threading.Thread(
        target=_keep, args=(namespace, taken, ended, lost), name="lease", daemon=True
    )
    keeper.start()
    try:
        yield lost
    finally:
        ended.set()
        keeper.join()
        if not lost.is_set():
            _give_back(namespace, name, me)


def name_of(owner: str, deployment: str) -> str:
    """The name of a deployment's lease."""
    return f"mlgitops-{names.owner_label(f'{owner} {deployment}')}"


def _taken(
    namespace: Namespace, name: str, owner: str, me: str, say: Callable[[str], None]
) -> dict[str, Any]:
    since = time.monotonic()
    seen = namespace.get("Lease", name)
    first = (seen or {}).get("spec", {}).get("renewTime")
    told = False
    while True:
        spec = (seen or {}).get("spec", {})
        who = spec.get("holderIdentity", "")
        if who and spec.get("renewTime") != first:
            raise failures.under_way(str(namespace), f"{who}, since {spec.get('acquireTime')}")
        if not who or time.monotonic() - since > spec.get("leaseDurationSeconds", _LASTS):
            try:
                return _write(namespace, seen, name, owner, me)
            except ClusterChangedError:
                first = "changed"  # whoever was faster has it
        elif not told:
            told = True
            say(f"waiting up to {_LASTS} s to see whether the deploy of {who} still runs")
        time.sleep(_PAUSE)
        seen = namespace.get("Lease", name)


def _write(
    namespace: Namespace, seen: dict[str, Any] | None, name: str, owner: str, me: str
) -> dict[str, Any]:
    spec = {
        "holderIdentity": me,
        "leaseDurationSeconds": _LASTS,
        "acquireTime": _now(),
        "renewTime": _now(),
    }
    if seen:
        return namespace.replace({**seen, "spec": spec})
    labels = {names.MANAGED_BY: names.MANAGER, names.OWNER: names.owner_label(owner)}
    return namespace.create(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
        }
    )


def _keep(
    namespace: Namespace, taken: dict[str, Any], ended: threading.Event, lost: threading.Event
) -> None:
    """Renew it until the end; a cluster that does not answer for long has lost it."""
    renewed = time.monotonic()
    while not ended.wait(_EVERY):
        try:
            taken = namespace.replace({**taken, "spec": {**taken["spec"], "renewTime": _now()}})
            renewed = time.monotonic()
        except ClusterChangedError:
            lost.set()
            return
        except MlgitopsError:
            if time.monotonic() - renewed > _LASTS:
                lost.set()
                return


def _give_back(namespace: Namespace, name: str, me: str) -> None:
    """Let the next one have it at once; if that fails, it expires."""
    try:
        seen = namespace.get("Lease", name)
        if seen and seen["spec"].get("holderIdentity") == me:
            namespace.replace({**seen, "spec": {**seen["spec"], "holderIdentity": ""}})
    except MlgitopsError:
        return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
