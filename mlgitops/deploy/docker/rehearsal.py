"""What a plan's replacements do to callers, tried out here before it is merged."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import TYPE_CHECKING

from mlgitops.core.plan import Action
from mlgitops.deploy.docker import host
from mlgitops.deploy.docker.replace import replace
from mlgitops.deploy.docker.values import DeployOptions, name_of
from mlgitops.image.build import build
from mlgitops.image.container import unpacked
from mlgitops.serve import payloads
from mlgitops.serve.load_test import send_load
from mlgitops.system import docker
from mlgitops.system.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mlgitops.core.plan import Change
    from mlgitops.core.registry import RegistryReader
    from mlgitops.image.spec import BuildOptions
    from mlgitops.serve.load_test import Load

_CONNECTIONS = 4
# seconds between an answer and the next request: what fills a machine of two cores delays the
# replacement that it is to judge
_PAUSE = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsed:
    """One replacement under load.

    Attributes:
        requests: sent by callers of the old version while it was replaced.
        dropped: those that got no answer, or a 5xx.
        refused: those that got a 4xx: the new version does not take what the old one took.
        milliseconds: the 99th percentile of the time to an answer.
    """

    change: Change
    requests: int
    dropped: int
    refused: int
    milliseconds: float

    @property
    def good(self) -> bool:
        """Whether no caller noticed."""
        return not self.dropped and not self.refused


def rehearse(
    registry: RegistryReader,
    changes: Iterable[Change],
    image: BuildOptions,
    *,
    say: Callable[[str], None],
) -> Iterator[Rehearsed]:
    """Replace, under load, each version that a plan replaces; nothing of it stays on the host.

    Raises:
        UsageError, ImageError, DeployError, DockerError: see `deploy`.
    """
    # never the deployment or the images of somebody whose machine this is
    mark = secrets.token_hex(4)
    image = changed(image, repository=f"mlgitops-rehearsal-{mark}", push=False)
    for change in changes:
        if change.action is Action.REPLACE and not change.prompt:
            yield _one(registry, change, f"{change.alias}-rehearsal-{mark}", image, say)


def _one(
    registry: RegistryReader,
    change: Change,
    stage: str,
    image: BuildOptions,
    say: Callable[[str], None],
) -> Rehearsed:
    tags: list[str] = []
    try:
        identities = []
        for number in (change.old, change.new):
            made = build(registry, change.model, str(number), image, say=say)
            tags += made.tags
            identities.append(made.identity)
        options = DeployOptions(port=free_port())
        first = replace(change.model, stage, identities[0], options, say=say)
        with unpacked(identities[0]) as folder:
            body = payloads.request_in(folder).body
        found = _under_load(
            f"{first.url}/invocations",
            body,
            lambda: replace(change.model, stage, identities[1], options, say=say),
        )
    finally:
        host.remove(name_of(change.model, stage))
        if tags:
            docker.run(["image", "rm", "--no-prune", *tags])
    refused = sum(count for status, count in found.statuses.items() if 400 <= status < 500)
    return Rehearsed(
        change=change,
        requests=found.statuses.total(),
        dropped=found.failed - refused,
        refused=refused,
        milliseconds=found.percentile(0.99),
    )


def _under_load(url: str, body: bytes, work: Callable[[], object]) -> Load:
    """Do something while callers ask; what they got."""
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            send_load, url, body, connections=_CONNECTIONS, go_on=lambda: not done.wait(_PAUSE)
        )
        try:
            work()
        finally:
            done.set()
        return asked.result()
