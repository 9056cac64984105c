"""A deployment's proxy: what it sends where, and what it has counted.

Protocol: HAProxy 3.0's Management Guide, "Unix Socket commands" and "CSV format".
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.deploy.values import Slot
from mlgitops.errors import DeployError
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER = "X-Serving-Slot"  # asks the proxy for a slot; its answers say which one it was
_BACKEND = "slots"
_ALL = 100  # a weight
_ASK = 'echo "$0" | socat -t 10 - UNIX-CONNECT:/run/haproxy/admin.sock'


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What the proxy knows of a slot.

    Attributes:
        up: its checks pass.
        requests, errors: since the proxy runs; an error is a 5xx, or no answer.
        busy: requests that it is answering now, or that wait for it.
    """

    up: bool
    weight: int
    requests: int
    errors: int
    busy: int


class Proxy:
    """The proxy in a container."""

    def __init__(self, container: str) -> None:
        self._container = container

    def share(self, slot: Slot, percent: int) -> None:
        """Give a slot a part of the requests and the other one the rest.

        Raises:
            DeployError: the proxy refused it.
            DockerError: the proxy does not run.
        """
        for one, part in ((slot, percent), (slot.other, _ALL - percent)):
            self.weigh(one, part)

    def weigh(self, slot: Slot, weight: int) -> None:
        """Set a slot's weight, 0 to 100.

        Raises:
            DeployError: the proxy refused it.
            DockerError: the proxy does not run.
        """
        if said := self._ask(f"set server {_BACKEND}/{slot} weight {weight}"):
            raise DeployError(f"the proxy rejected the weight {weight} for {slot}: {said}")

    def counts(self) -> Mapping[Slot, Counts]:
        """What the proxy knows of each slot.

        Raises:
            DockerError: the proxy does not run.
        """
        lines = csv.DictReader(io.StringIO(self._ask("show stat").removeprefix("# ")))
        return {
            Slot(line["svname"]): _counts(line)
            for line in lines
            if line["pxname"] == _BACKEND and line["svname"] in set(Slot)
        }

    def _ask(self, command: str) -> str:
        return docker.run(["exec", self._container, "sh", "-c", _ASK, command]).strip()


def _counts(line: Mapping[str, str]) -> Counts:
    def number(*columns: str) -> int:
        return sum(int(line[column] or 0) for column in columns)

    return Counts(
        up=line["status"].startswith("UP"),
        weight=number("weight"),
        requests=number("stot"),
        # a connection that fails is counted each time it is tried
        errors=min(number("hrsp_5xx", "econ", "eresp"), number("stot")),
        busy=number("scur", "qcur"),
    )
