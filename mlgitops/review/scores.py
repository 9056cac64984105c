"""Payloads score rows: each the same rows once, several at the same time, and none known before.

They do so in processes of this machine, or on workers elsewhere (`away`).
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Self

from mlgitops.errors import ScoringError
from mlgitops.review import away, running, scoring
from mlgitops.review.kept import Kept, asked
from mlgitops.system import isolated
from mlgitops.system.processes import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from mlgitops.core.evidence import Artifact
    from mlgitops.review.answers import Scored
    from mlgitops.review.environments import Environments
    from mlgitops.review.rows import Rows
    from mlgitops.system.store import Store
    from mlgitops.workers.values import Workers

_MOST = 8  # processes, as each holds a model
_REMEMBERED = 64  # answers
_LOOK = 0.5  # seconds between looks at whether all have ended


def at_once() -> int:
    """How many models predict at the same time: as this process has cores."""
    return min(cores(), _MOST)


class Scores:
    """A context: what is still being scored at its end, because of an error, is ended.

    Args:
        own: makes environments for versions whose packages are not ours; None if nothing is to be
            installed.
        store: where answers of earlier runs are; None to ask in any case. What workers answer is
            not kept, as nobody knows all of their packages.
        hire: workers that score; called once there is something to score. None for this machine.

    Attributes:
        kept: answers of earlier runs, and what was made of them; None if they are not to count.
    """

    def __init__(
        self,
        own: Environments | None = None,
        store: Store | None = None,
        hire: Callable[[], Workers] | None = None,
    ) -> None:
        self._own = own
        self.kept = Kept(store=store) if store else None
        self._away = away.Away(hire, environments=own is not None) if hire else None
        self._here = hire is None
        self._pool = ThreadPoolExecutor(at_once())
        self._known: OrderedDict[tuple[str, str], Future[Scored]] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._away:
            self._away.close()
        while error is not None and (open_ := [f for f in self._known.values() if not f.done()]):
            isolated.end()  # and once more, where one was about to begin
            wait(open_, timeout=_LOOK)
        self._pool.shutdown()

    @property
    def width(self) -> int:
        """How many pairs are worth beginning at the same time."""
        return away.WIDTH if self._away else at_once()

    def where(self, artifacts: Sequence[Artifact]) -> str:
        """Where payloads score that are begun together, in words."""
        far = self._away is not None and away.takes(artifacts)
        return "on a worker of the cluster" if far else "on this machine"

    def not_apart(self) -> str:
        """With whose rights models were loaded that were not kept apart, and why; else empty."""
        if why := self._away and self._away.denied:
            return f"models were loaded with the rights of a worker of the cluster: {why}"
        if self._here and (why := scoring.not_apart()):
            return f"models were loaded with the rights of the user who plans: {why}"
        return ""

    def begin(self, artifacts: Sequence[Artifact], rows: Rows) -> list[Future[Scored]]:
        """Let payloads score the same rows, which begins now or once there is room.

        They must lie in their folders until that is done. Each result may raise ScoringError.

        Raises:
            ClusterError: there are to be workers, and none can be had.
        """
        given = asked(rows)
        named = {(one.digest, given): one for one in artifacts}
        if not named.keys() <= self._known.keys():
            self._start(named, rows)
        found = [self._known[one.digest, given] for one in artifacts]
        while len(self._known) > _REMEMBERED and next(iter(self._known.values())).done():
            self._known.popitem(last=False)
        return found

    def _start(self, named: Mapping[tuple[str, str], Artifact], rows: Rows) -> None:
        """Those that are not known; a pair goes to one worker as a whole."""
        artifacts = [*named.values()]
        if self._away and away.takes(artifacts):
            begun = self._away.begin(artifacts, rows.given)
            self._known.update(zip(named, begun, strict=True))
            return
        self._here = True
        for name, artifact in named.items():
            if name not in self._known:
                self._known[name] = self._begun(artifact, rows)

    def _begun(self, artifact: Artifact, rows: Rows) -> Future[Scored]:
        try:
            place = running.place(artifact.folder, self._own)
        except ScoringError as error:
            failed: Future[Scored] = Future()
            failed.set_exception(error)
            return failed
        known = scoring.Known(self.kept, artifact.digest, asked(rows)) if self.kept else None
        return self._pool.submit(scoring.at, place, rows.given, known)
