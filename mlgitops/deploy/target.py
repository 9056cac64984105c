"""The protocol of a place where stages are served: a new kind is a class with these methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mlgitops.deploy.values import Outcome, Served, Step, Wanted


class Target(Protocol):
    """One declared deployment.

    A place that does not answer is no error of these methods: its stages are `State.UNKNOWN`, its
    steps have a `trouble`, its outcomes an `error`, and the other places go on.

    What a method is given as wanted may be less than what the deployment lists: a stage of which
    nobody can say what it holds is not in it. Hence only what `DesiredDeployment.pairs` does not
    list is pruned, never what is merely not wanted.
    """

    def served(self) -> Sequence[Served]:
        """What really serves there, also what models.yaml lists no more; reads only.

        A listed stage that is not there is `State.EMPTY`. Whether it is the version that the stage
        holds is judged by `mlgitops.deploy.reconcile`.
        """

    def plan(self, wanted: Sequence[Wanted]) -> Sequence[Step]:
        """What `make` would do: a step for each stage and place, also where nothing is to do.

        What this owner has in the place and no deployment of models.yaml lists is pruned; what has
        no owner's label, or another's, is left alone. Reads only: images are not built for it.
        """

    def make(self, wanted: Sequence[Wanted], say: Callable[[str], None]) -> Iterator[Outcome]:
        """Serve that; an outcome for each step, as it is done.

        Whatever fails, what served before goes on serving. What a deploy that was killed has left
        is finished or undone first. Two at once: the second is refused.
        """
