"""What pods have counted themselves: their `/metrics`, by ports that stay forwarded."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from mlgitops.deploy.counts import Count, parsed, trial
from mlgitops.deploy.kubernetes.objects import PORT
from mlgitops.errors import MlgitopsError
from mlgitops.system.http import HttpClient

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from types import TracebackType

    from mlgitops.deploy.judge import Trial
    from mlgitops.deploy.kubernetes.client import Namespace

_MOST = 4  # pods of a kind: all of them get their share of the same requests
_SECONDS = 5.0


class Meters:
    """Readings of pods over time; one that does not answer keeps its last reading."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._forwards: dict[str, tuple[ExitStack, str]] = {}
        self._first: dict[str, Count] = {}
        self._last: dict[str, Count] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pod in tuple(self._forwards):
            self._close(pod)

    def read(self, pods: Iterable[str], *, fresh: bool) -> None:
        """Read some pods.

        Args:
            pods: their names.
            fresh: all that they have counted is of this deploy; else what they do from now on.
        """
        known = [one for one in pods if one in self._forwards or one not in self._first]
        for pod in known[:_MOST]:
            count = self._count(pod)
            if count:
                self._first.setdefault(pod, Count() if fresh else count)
                self._last[pod] = count

    def keep(self, pods: Collection[str]) -> None:
        """Close the ways to all other pods; what they have said counts all the same."""
        for pod in tuple(self._forwards):
            if pod not in pods:
                self._close(pod)

    def trial(self, pods: Iterable[str]) -> Trial:
        """What some pods did, as far as they were read."""
        return trial(self._done(pods))

    def refused(self, pods: Iterable[str]) -> int:
        """Requests for which the models of some pods did not take the values."""
        return int(sum(one.refusals for one in self._done(pods)))

    def _done(self, pods: Iterable[str]) -> Iterator[Count]:
        """What each of some pods has counted since it was first read."""
        for pod in pods:
            if pod in self._last:
                yield self._last[pod].since(self._first[pod])

    def _count(self, pod: str) -> Count | None:
        try:
            if pod not in self._forwards:
                stack = ExitStack()
                (url,) = stack.enter_context(self._namespace.forwarded(pod, PORT))
                self._forwards[pod] = (stack, url)
            url = self._forwards[pod][1]
            answer = HttpClient(timeout=_SECONDS).request("GET", f"{url}/metrics")
            return parsed(answer.text) if answer.ok else None
        except MlgitopsError:  # it ends, or has just begun
            self._close(pod)
            return None

    def _close(self, pod: str) -> None:
        if found := self._forwards.pop(pod, None):
            found[0].close()
