"""A deployment's proxy: what it sends where, and what it has counted.

Protocol: HAProxy 3.0's Management Guide, "Unix Socket commands" and "CSV format".
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from mlgitops.core.deployments import MOST_REPLICAS
from mlgitops.deploy.docker.values import Slot
from mlgitops.errors import DockerCommandError
from mlgitops.errors.deploying import DeployError
from mlgitops.system import docker, waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import IO

    from mlgitops.deploy.docker.credentials import Credentials

HEADER = "X-Serving-Slot"  # asks the proxy for a slot; its answers say which one it was
STATE = "/var/lib/mlgitops"  # a volume
TLS = f"{STATE}/tls.pem"
TOKENS = f"{STATE}/tokens"
CONFIGURATION = f"{STATE}/haproxy.cfg"
NEXT = f"{CONFIGURATION}.next"  # what it is to have, if it takes it
_KEY = "X-Serving-Key"
_BACKEND = "slots"
_ALL = 100  # of a slot's weight
_MOST = 256  # of a container's weight
_ASK = ("socat", "-t", "10", "-", f"UNIX-CONNECT:{STATE}/admin.sock")
_TELL = ("socat", "-t", "60", "-", f"UNIX-CONNECT:{STATE}/master.sock")
_IDLE_SECONDS = 80.0  # a little longer than a connection may ask for nothing
# whole or not at all: it may be read at any time
_KEEP = f"echo show servers state | {' '.join(_ASK)} > {STATE}/new && mv {STATE}/new {STATE}/now"


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What the proxy knows of a slot.

    Attributes:
        ready: how many of its containers pass their checks.
        known: how many it has an address of.
        weight: its part of the traffic, relative to the other's.
        requests, errors: since the proxy was started or reloaded; an error is a 5xx, or no answer.
        busy: requests that it is answering now, or that wait for it.
    """

    ready: int = 0
    known: int = 0
    weight: int = 0
    requests: int = 0
    errors: int = 0
    busy: int = 0

    @property
    def up(self) -> bool:
        """Whether there is one that answers."""
        return self.ready > 0


class Proxy:
    """The proxy in a container.

    Args:
        container: its id.
        key: what it was made with; it tells our own requests from everybody else's.
    """

    def __init__(self, container: str, key: str) -> None:
        self._container, self._key = container, key

    def headers(self, slot: Slot) -> dict[str, str]:
        """With these, a request reaches a slot whatever its weight, and may read its metrics."""
        return {HEADER: slot.value, _KEY: self._key}

    def share(self, slot: Slot, percent: int) -> None:
        """Give a slot a part of the requests and the other one the rest.

        Raises:
            DeployError: the proxy refused it.
            DockerError: the proxy does not run.
        """
        counts = self.counts()
        weights = weights_of(
            (percent, _ALL - percent), (counts[slot].known, counts[slot.other].known)
        )
        self._weigh(zip((slot, slot.other), weights, strict=True))

    def silence(self, slot: Slot) -> None:
        """Send a slot no requests but those that ask for it.

        Raises:
            DeployError: the proxy refused it.
            DockerError: the proxy does not run.
        """
        self._weigh([(slot, 0)])

    def counts(self) -> Mapping[Slot, Counts]:
        """What the proxy knows of each slot.

        Raises:
            DockerError: the proxy does not run.
        """
        lines = csv.DictReader(io.StringIO(self._ask("show stat").removeprefix("# ")))
        servers = [line for line in lines if line["pxname"] == _BACKEND]
        return {
            slot: _counts([one for one in servers if one["svname"].rstrip("0123456789") == slot])
            for slot in Slot
        }

    def renew(self, given: Credentials) -> None:
        """Use another certificate and other tokens, from the next connection and request on.

        Raises:
            DeployError: the proxy refused them.
            DockerError: the proxy does not run.
        """
        if given.certificate:
            self._ask(f"set ssl cert {TLS} <<\n{given.certificate}\n")
            if "Success" not in (said := self._ask(f"commit ssl cert {TLS}")):
                raise DeployError(f"the proxy rejected the certificate: {said}")
        if given.tokens:
            version = self._ask(f"prepare acl {TOKENS}").rpartition(" ")[2]
            added = [f"add acl @{version} {TOKENS} {one}" for one in given.tokens]
            if said := self._ask(";".join([*added, f"commit acl @{version} {TOKENS}"])):
                raise DeployError(f"the proxy rejected the tokens: {said}")

    @property
    def mark(self) -> str:
        """That of the configuration which it runs with; empty if it has none."""
        lines = self._ask("show info").splitlines()
        found = (line.partition(": ")[2] for line in lines if line.startswith("description:"))
        return next(found, "")

    def configure(self) -> None:
        """Reload with the configuration in `NEXT`.

        Raises:
            DeployError: it does not take it, and goes on as before.
            DockerError: the proxy does not run.
        """
        try:
            self._run("haproxy", "-c", "-q", "-f", NEXT)
        except DockerCommandError as error:
            raise DeployError(
                "the proxy is of another version of HAProxy, which rejects this configuration; "
                f"run `docker stop {self._container[:12]}` and deploy again, which makes another "
                f"proxy: callers cannot connect meanwhile ({error})"
            ) from error
        self._run("mv", NEXT, CONFIGURATION)
        self.reload()

    def reload(self) -> None:
        """Read the files in its volume again, and lose no request: see `settle`.

        Raises:
            DeployError: it does not take them, and goes on as before.
            DockerError: the proxy does not run.
        """
        self._run("sh", "-c", _KEEP)
        if not (said := self._ask("reload", *_TELL)).startswith("Success=1"):
            raise DeployError(f"the proxy rejected its configuration: {said}")

    def settle(self) -> None:
        """Wait until nobody is served by what it read before a reload.

        That keeps the connections that it had, and closes each with its next answer, or when it
        has asked for nothing for long enough. Until then it does not learn of another version.

        Raises:
            DockerError: the proxy does not run.
        """
        waiting.until(lambda: not self._has_former, timeout=_IDLE_SECONDS, every=0.2)

    @property
    def _has_former(self) -> bool:
        """Whether a process runs that a reload has replaced."""
        _, _, former = self._ask("show proc", *_TELL).partition("# old workers")
        return bool(former.partition("#")[0].strip())

    def fingerprint(self) -> str | None:
        """The certificate's, by SHA-1 in hexadecimal digits; None without TLS.

        Raises:
            DockerError: the proxy does not run.
        """
        lines = self._ask(f"show ssl cert {TLS}").splitlines()
        found = (line.partition(":")[2] for line in lines if line.startswith("SHA1 FingerPrint"))
        return next((digits.strip() for digits in found), None)

    def _weigh(self, weights: Iterable[tuple[Slot, int]]) -> None:
        """Set what each container of a slot weighs, 0 to 256."""
        commands = [
            f"set server {_BACKEND}/{slot}{number} weight {weight}"
            for slot, weight in weights
            for number in range(1, MOST_REPLICAS + 1)
        ]
        if said := self._ask(";".join(commands)):
            raise DeployError(f"the proxy rejected the weights: {said}")
        self._run("sh", "-c", _KEEP)

    def _ask(self, command: str, *by: str) -> str:
        # what is told may be a secret, so it is in no argument
        with TemporaryFile() as told:
            told.write(f"{command}\n".encode())
            told.seek(0)
            return self._run(*(by or _ASK), stdin=told).strip()

    def _run(self, *command: str, stdin: IO[bytes] | int = subprocess.DEVNULL) -> str:
        return docker.run(["exec", "--interactive", self._container, *command], stdin=stdin)


@cache
def configuration() -> tuple[str, str]:
    """What a proxy is to run with, and its mark, which the proxy tells."""
    text = Path(__file__).with_name("haproxy.cfg").read_text(encoding="utf-8")
    mark = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{text}\nglobal\n  description {mark}\n", mark


def weights_of(shares: tuple[int, int], containers: tuple[int, int]) -> tuple[int, int]:
    """What each container of two slots weighs, 0 to 256, so that the slots get their shares.

    One that is to get any gets some, so that small shares of very unequal slots become larger.

    >>> weights_of((10, 90), (1, 1)), weights_of((10, 90), (4, 4)), weights_of((10, 90), (3, 1))
    ((10, 90), (10, 90), (9, 256))
    """
    mine, theirs = (max(1, one) for one in containers)
    common = math.gcd(mine, theirs)
    exact = shares[0] * theirs // common, shares[1] * mine // common
    scale = min(1.0, _MOST / max(exact))
    first, second = (max(1, round(one * scale)) if one else 0 for one in exact)
    return first, second


def _counts(servers: list[dict[str, str]]) -> Counts:
    def number(line: Mapping[str, str], *columns: str) -> int:
        return sum(int(line[column] or 0) for column in columns)

    known = [line for line in servers if not line["status"].startswith("MAINT")]
    return Counts(
        ready=sum(line["status"].startswith("UP") for line in known),
        known=len(known),
        # all weigh the same, those that are not there yet too
        weight=number(servers[0], "weight") * max(1, len(known)) if servers else 0,
        requests=sum(number(line, "stot") for line in servers),
        # a connection that fails is counted each time it is tried
        errors=sum(
            min(number(line, "hrsp_5xx", "econ", "eresp"), number(line, "stot")) for line in servers
        ),
        busy=sum(number(line, "scur", "qcur") for line in servers),
    )
