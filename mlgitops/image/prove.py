"""The images of a plan: of every version that enters a stage."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from mlgitops.image.build import build
from mlgitops.image.smoke import smoke
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mlgitops.core.plan import Change
    from mlgitops.core.registry import RegistryReader
    from mlgitops.image.build import Built
    from mlgitops.image.spec import BuildOptions
    from mlgitops.serve.smoke import Report


def entering(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes after which a stage holds a version, in the order of the plan."""
    return tuple(change for change in changes if change.new is not None)


def prove(
    registry: RegistryReader,
    changes: Iterable[Change],
    options: BuildOptions,
    *,
    requests_sent: int,
    say: Callable[[str], None],
) -> Iterator[Report]:
    """Build and smoke-test each image; none is left, what was built stays in Docker's cache.

    Raises:
        UsageError, ImageError, ServeError, DockerError: see `build` and `smoke`.
    """
    # names of its own: wind:production may be what serves on this machine, and another plan may
    # be proven here at the same time
    options = replace(options, repository=f"mlgitops-proving-{secrets.token_hex(4)}")
    proven: set[str] = set()
    for built in _built(registry, changes, options, say):
        try:
            if built.tags[0] not in proven:  # a version may enter two stages
                yield smoke(built.tags[0], requests_sent=requests_sent, say=say)
            proven.add(built.tags[0])
        finally:
            docker.run(["image", "rm", "--no-prune", *built.tags])


def _built(
    registry: RegistryReader,
    changes: Iterable[Change],
    options: BuildOptions,
    say: Callable[[str], None],
) -> Iterator[Built]:
    for change in entering(changes):
        wanted = replace(options, stage=change.alias)
        yield build(registry, change.model, str(change.new), wanted, say=say)
