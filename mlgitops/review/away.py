"""Payloads predict on workers: they and the rows go there as they are, and answers come back.

Workers get no variable of this process: they need no login to the registry, as they read nothing
there. Both versions of a pair predict on one worker, one after the other, so that what a prediction
costs can be compared.
"""

from __future__ import annotations

import io
import threading
import zipfile
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.errors import MlgitopsError, ScoringError
from mlgitops.review import scoring
from mlgitops.review.environments import Environments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from mlgitops.core.evidence import Artifact
    from mlgitops.review.answers import Scored
    from mlgitops.review.scorer import Example
    from mlgitops.workers.values import Ended, Workers

_MOST = 256 << 20  # bytes of a pair's payloads: the scheduler holds what it passes on
WIDTH = 32  # models whose payloads lie here and at the scheduler at the same time


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a worker says of some payloads.

    Attributes:
        scored: of each its answers, or why there are none.
        denied: why it does not run their code apart; empty if it does.
    """

    scored: tuple[Scored | str, ...]
    denied: str


def score(payloads: tuple[bytes, ...], given: pd.DataFrame | Example, environments: bool) -> Said:
    """Let payloads predict one after the other; runs on a worker.

    Args:
        payloads: models of MLflow's, as `packed` makes them.
        given: what they are asked.
        environments: whether to make some for those whose packages are not the worker's.
    """
    own = Environments(say=print) if environments else None
    found: list[Scored | str] = []
    with TemporaryDirectory(prefix="mlgitops-") as parent:
        for number, payload in enumerate(payloads):
            folder = Path(parent, str(number))
            with zipfile.ZipFile(io.BytesIO(payload)) as archive:
                archive.extractall(folder)
            try:
                found.append(scoring.score(folder, given, own=own))
            except ScoringError as error:
                found.append(str(error))
    return Said(scored=tuple(found), denied=scoring.not_apart())


def takes(artifacts: Sequence[Artifact]) -> bool:
    """Whether payloads are small enough to be sent."""
    return sum(one.size for one in artifacts) <= _MOST


def packed(folder: Path) -> bytes:
    """The files of a payload, as they travel."""
    stream = io.BytesIO()
    with zipfile.ZipFile(
        stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False
    ) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                archive.write(path, path.relative_to(folder))
    return stream.getvalue()


class Away:
    """Has workers score, several pairs at the same time.

    Args:
        hire: the workers; called once there is something to score.
        environments: whether they make some for versions whose packages are not theirs.

    Attributes:
        denied: why some of them did not run code apart; empty if all did.
    """

    def __init__(self, hire: Callable[[], Workers], *, environments: bool) -> None:
        self.denied = ""
        self._hire, self._environments = hire, environments
        self._workers: Workers | None = None
        self._numbers = count(1)
        self._some = threading.Condition()
        self._begun: dict[str, list[Future[Scored]]] = {}
        self._closed = False
        self._lost = ""
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def begin(
        self, artifacts: Sequence[Artifact], given: pd.DataFrame | Example
    ) -> list[Future[Scored]]:
        """Let payloads score the same rows on one worker; results may raise ScoringError.

        Raises:
            ClusterError: there are no workers.
        """
        if self._workers is None:
            self._workers = self._hire()
            self._thread.start()
        name = f"score {next(self._numbers)}"
        payloads = tuple(packed(one.folder) for one in artifacts)
        futures: list[Future[Scored]] = [Future() for _ in artifacts]
        with self._some:
            if self._lost:
                _fail(futures, self._lost)
                return futures
            self._begun[name] = futures
            self._some.notify()
        self._workers.submit(name, score, payloads, given, self._environments)
        return futures

    def close(self) -> None:
        """End what is still being scored; whoever waits for it gets a ScoringError."""
        with self._some:
            self._closed = True
            self._drop("the command ended")
            self._some.notify()
        if self._workers is not None:
            self._workers.close()

    def _listen(self) -> None:
        """Take what workers say until there is nothing to wait for any more."""
        assert self._workers is not None
        while self._waits():
            try:
                self._tell(self._workers.next())
            except Exception as error:  # noqa: BLE001 - whoever waits for an answer is told
                self._lose(str(error) if isinstance(error, MlgitopsError) else repr(error))
                return

    def _waits(self) -> bool:
        with self._some:
            while not self._begun and not self._closed:
                self._some.wait()
            return bool(self._begun) and not self._closed

    def _lose(self, why: str) -> None:
        with self._some:
            self._lost = why
            self._drop(why)

    def _drop(self, why: str) -> None:
        for futures in self._begun.values():
            _fail(futures, why)
        self._begun.clear()

    def _tell(self, ended: Ended) -> None:
        with self._some:
            futures = self._begun.pop(ended.name, [])
        if not futures:  # it was dropped meanwhile
            return
        if ended.answer.problem is not None:
            _fail(futures, ended.answer.problem)
            return
        said: Said = ended.answer.value
        self.denied = self.denied or said.denied
        for future, scored in zip(futures, said.scored, strict=True):
            if isinstance(scored, str):
                future.set_exception(ScoringError(scored))
            else:
                future.set_result(scored)


def _fail(futures: Sequence[Future[Scored]], why: str) -> None:
    for future in futures:
        future.set_exception(ScoringError(why))
