"""Workers of a Dask cluster."""

from __future__ import annotations

import json
import logging
import pickle
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_hex
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import cloudpickle
from distributed import Client
from distributed.scheduler import KilledWorker

from mlgitops.errors import ClusterError, UnfitWorkersError, WorkersLostError
from mlgitops.system.secrets import hidden
from mlgitops.words import brief, count
from mlgitops.workers import facts, far
from mlgitops.workers.fit import PACKAGES, unfit
from mlgitops.workers.sealed import seal
from mlgitops.workers.values import TRIES, Answer, Ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Future

    from mlgitops.workers.values import Parcel

_LOGGER = "distributed"
_CONNECT = 15.0  # seconds for the scheduler to answer
_WORKERS = 60.0  # seconds for the first worker to be there
_LOOK = 2.0  # seconds between looks at the connection
_GONE = 30.0  # seconds without a scheduler after which it counts as gone
_UNWIND = 15.0  # seconds for workers to end what is not wanted any more
_SAID = 300  # characters of what Dask says


class Cluster:
    """The workers that a Dask scheduler has.

    Args:
        address: of the scheduler, or the path of its scheduler file.
        parcel: what each process on a worker needs.
        say: told each line that a call prints, after the call's name.
        files: which must be on the workers as well.

    Raises:
        ClusterError: no scheduler answers there, or it has no workers.
        UnfitWorkersError: workers have other packages than this machine.
    """

    width = sys.maxsize  # the scheduler keeps the queue

    def __init__(
        self,
        address: str,
        parcel: Parcel,
        say: Callable[[str, str], None],
        files: tuple[str, ...] = (),
    ) -> None:
        for name in [one for one in logging.root.manager.loggerDict if one.startswith(_LOGGER)]:
            # each has a level of its own; what it says of a lost connection comes as an error
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._parcel, self._say, self._files = parcel, say, files
        self._session = f"mlgitops-{token_hex(8)}"
        self._told: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._futures: dict[str, Future[Answer]] = {}
        self._begun: Counter[str] = Counter()
        self._address = address
        self._client = _connected(address)
        try:
            self._here = facts.facts(PACKAGES, files)
            self._require_fit()
        except BaseException:
            self._client.close()
            raise
        self._client.subscribe_topic(
            self._session, lambda event: self._told.put(("event", event[1]))
        )

    def submit(
        self, name: str, function: Callable[..., object], *arguments: object, priority: int = 0
    ) -> None:
        """See `Workers`."""
        errand = far.Errand(
            session=self._session,
            name=name,
            function=function,
            arguments=arguments,
            files=self._files,
        )
        future = self._client.submit(
            far.work,
            errand,
            key=f"{name}-{self._session}",
            pure=False,
            retries=TRIES - 1,
            priority=priority,
        )
        self._futures[name] = future
        future.add_done_callback(lambda _: self._told.put(("done", name)))

    def next(self) -> Ended:
        """See `Workers`."""
        seen = monotonic()
        while True:
            if self._client.status == "running":
                seen = monotonic()
            elif monotonic() - seen > _GONE:
                raise self._lost()
            with suppress(Empty):
                kind, told = self._told.get(timeout=_LOOK)
                if kind == "done":
                    return self._ended(told)
                self._heard(told)

    def close(self) -> None:
        """See `Workers`."""
        try:
            if self._client.status == "running":
                if self._futures:
                    self._client.cancel(list(self._futures.values()), force=True)
                    self._wait_for_workers()
                self._run(far.close, self._session)
        finally:
            with suppress(OSError, TimeoutError):
                self._client.close(timeout=_LOOK)

    def _wait_for_workers(self) -> None:
        """Until they have ended what they were doing, so that its runs are closed."""
        deadline = monotonic() + _UNWIND
        while any(self._run(far.under_way, self._session).values()) and monotonic() < deadline:
            sleep(_LOOK / 4)

    def _run(self, function: Any, *arguments: object, **options: Any) -> dict[str, Any]:
        """Call a function on workers, past the scheduler's graph; who does not answer is left out.

        What it passes on is in no task, and so on none of the scheduler's pages.
        """
        with suppress(OSError, TimeoutError, ValueError):
            found: dict[str, Any] = self._client.run(
                function, *arguments, on_error="ignore", **options
            )
            return found
        return {}

    def _heard(self, told: dict[str, Any]) -> None:
        match told:
            case {"kind": "printed", "name": name, "lines": lines} if name in self._futures:
                for line in lines:
                    self._say(name, line)
            case {"kind": "begun", "name": name} if name in self._futures:
                self._begun[name] += 1
                if self._begun[name] > 1:
                    self._say(name, "its worker was lost; it is tried again")
            case {"kind": "needs", "worker": worker, "public": public, "facts": found}:
                refused = unfit(self._here, {worker: found}, self._files)
                sealed = b"" if refused else seal(pickle.dumps(self._parcel), bytes.fromhex(public))
                self._run(far.receive, self._session, sealed, refused, workers=[worker])

    def _ended(self, name: str) -> Ended:
        future = self._futures.pop(name)
        tries = max(1, self._begun.pop(name, 1))
        try:
            answer = future.result(timeout=_CONNECT)
        except KilledWorker as error:
            said = f"{count(error.allowed_failures + 1, 'worker')} died at work on it"
            answer = Answer(problem=f"{said}, the last at {error.last_worker.address}")
            tries = error.allowed_failures + 1
        except Exception as error:  # noqa: BLE001 - whatever Dask raises says why there is none
            if self._client.status != "running":
                raise self._lost() from None
            answer = Answer(problem=f"{_said(error)}, {count(tries, 'time')}")
        return Ended(name=name, answer=answer, tries=tries)

    def _lost(self) -> WorkersLostError:
        return WorkersLostError(
            f"the Dask scheduler at {hidden(self._address)} is gone; run the command again once it "
            "is back: versions that are registered are not trained again"
        )

    def _require_fit(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=_WORKERS)
        except TimeoutError:
            raise ClusterError(
                f"the Dask cluster at {hidden(self._address)} has no worker; start one with: "
                f"dask worker {hidden(self._address)}"
            ) from None
        versions: Any = self._client.get_versions()
        pythons = {
            worker: {"Python": str(found["host"]["python"]).removesuffix(".final.0")}
            for worker, found in versions["workers"].items()
        }
        only = {"Python": self._here["Python"]}
        if wrong := unfit(only, pythons):  # which cannot read what this one would send
            raise UnfitWorkersError(wrong)
        cloudpickle.register_pickle_by_value(facts)
        try:
            found = self._client.run(facts.facts, PACKAGES, self._files)
        finally:
            cloudpickle.unregister_pickle_by_value(facts)
        if wrong := unfit(self._here, found, self._files):
            raise UnfitWorkersError(wrong)


def _connected(address: str) -> Client:
    is_file = address.endswith(".json") or (
        "://" not in address and "/" in address and Path(address).is_file()
    )
    if is_file:
        _check_file(Path(address))
    where: dict[str, Any] = {"scheduler_file": address} if is_file else {"address": address}
    try:
        return Client(**where, timeout=_CONNECT, set_as_default=False, direct_to_workers=False)
    except Exception as error:  # noqa: BLE001 - of sockets, TLS, addresses: one cause for the user
        raise ClusterError(
            f"no Dask scheduler answers at {hidden(address)}: {_said(error)}"
        ) from None


def _check_file(path: Path) -> None:
    """Return if a file says where a scheduler is; for others the client waits, or fails oddly."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ClusterError(f"there is no scheduler file {path}") from None
    except (OSError, ValueError) as error:
        raise ClusterError(f"{path} cannot be read as a scheduler file: {_said(error)}") from error
    if not isinstance(said, dict) or not isinstance(said.get("address"), str):
        raise ClusterError(f"{path} is no scheduler file: it has no 'address'")


def _said(error: BaseException) -> str:
    return brief(hidden(str(error) or type(error).__name__), _SAID)
