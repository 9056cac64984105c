"""A folder of this machine, as a place that a deployment is rendered to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.deploy import failures
from mlgitops.deploy.gitops import having
from mlgitops.deploy.gitops.folder import Folder
from mlgitops.deploy.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from mlgitops.core.deployments import DesiredDeployment
    from mlgitops.core.desired import Desired
    from mlgitops.core.registry import RegistryReader
    from mlgitops.deploy.values import Served, Step, Wanted
    from mlgitops.image.spec import BuildOptions


class Local:
    """A deployment of kind `kubernetes` or `gitops`, in a folder that somebody else applies."""

    def __init__(
        self,
        deployment: DesiredDeployment,
        desired: Desired,
        registry: RegistryReader,
        image: BuildOptions,
        *,
        out: Path,
    ) -> None:
        """Of a declared deployment, in the folder `out`."""
        self._registry, self._image, self._out = registry, image, out
        self._form = Folder(deployment, desired, str(out))

    def served(self) -> Sequence[Served]:
        """What the folder says."""
        return self._form.served(self._out)

    def plan(self, wanted: Sequence[Wanted]) -> Sequence[Step]:
        """What `make` would write."""
        found = having.known(self._registry, wanted, self._image)
        return self._form.change(self._out, wanted, found).steps

    def make(self, wanted: Sequence[Wanted], say: Callable[[str], None]) -> Iterator[Outcome]:
        """Write it."""
        found = having.built(self._registry, wanted, self._image, say)
        change = self._form.change(self._out, wanted, found)
        change.write()
        for step in change.steps:
            yield failures.untold(step) if step.trouble else Outcome(step=step)
