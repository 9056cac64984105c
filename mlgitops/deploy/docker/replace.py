"""Put a version in the place of another: ready, tested, moved, drained; or back to the old one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mlgitops.deploy import failures
from mlgitops.deploy.docker import canary, front, host, readings
from mlgitops.deploy.docker.proxy import HEADER
from mlgitops.deploy.docker.values import Settings, Slot
from mlgitops.deploy.judge import confirmed, failing
from mlgitops.errors import DockerCommandError, HttpError, MlgitopsError
from mlgitops.errors.deploying import DeployError, DeployFailedError
from mlgitops.image.container import truth_of, unpacked
from mlgitops.serve.smoke import smoke
from mlgitops.system import waiting
from mlgitops.system.http import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.deploy.docker.proxy import Proxy
    from mlgitops.deploy.docker.readings import Reading
    from mlgitops.deploy.docker.values import Deployment, DeployOptions, Occupant
    from mlgitops.deploy.judge import Trial

_DRAIN_SECONDS = 60
_UP_SECONDS = 30
_PAUSE = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Replaced:
    """What a deployment came to.

    Attributes:
        old, new: versions as the images' labels say; None for nothing.
        changed: False if it was as it should be.
        remark: what is to be said of it, such as a canary's result.
    """

    model: str
    stage: str
    url: str
    old: str | None
    new: str | None
    changed: bool = True
    remark: str = ""

    def __str__(self) -> str:
        versions = f"{self.old or 'none'} → {self.new or 'none'}"
        versions = versions if self.changed else f"{self.new} already serves"
        remark = f" ({self.remark})" if self.remark else ""
        return f"{self.model} {self.stage} at {self.url}: version {versions}{remark}"


def replace(
    model: str, stage: str, image: str, options: DeployOptions, *, say: Callable[[str], None]
) -> Replaced:
    """Serve an image at a stage's address; whatever fails, what served before goes on serving.

    The address is made if there is none; the image, given by its id, lies in the host's engine.

    Raises:
        DeployFailedError: the image did not prove itself; nothing has changed for callers.
        DeployError, DockerError: the proxy could not be started or reached.
    """
    front.start_proxy(model, stage, options)
    found = host.find_deployment(model, stage)
    assert found is not None, "its proxy was started"
    old = found.serving
    same = old and old.image == image and not [*old.differing(options)]
    if old and same and old.healthy:
        host.keep(old)
        _tidy(found, old)
        return Replaced(
            model=model,
            stage=stage,
            url=found.url,
            old=old.version,
            new=old.version,
            changed=False,
        )
    return _Replacement(found, old, image, options, say).run()


def withdraw(found: Deployment, say: Callable[[str], None]) -> Replaced:
    """Serve nothing at a deployment's address: what it had is drained and removed."""
    old = found.serving
    for occupant in found.slots:
        say(f"stopping {found.model} version {occupant.version}")
        with suppress(DeployError, DockerCommandError):  # without its proxy, nobody reaches it
            front.proxy(found.name).silence(occupant.slot)
        host.clear(found.name, occupant.slot)
    before = old.version if old else None
    return Replaced(
        model=found.model,
        stage=found.stage,
        url=found.url,
        old=before,
        new=None,
        changed=before is not None,
    )


def _tidy(found: Deployment, serving: Occupant) -> None:
    """Remove what a deployment that was killed has left in the other slot."""
    if len(found.slots) > 1:
        proxy = front.proxy(found.name)
        proxy.share(serving.slot, 100)
        _drain(proxy, serving.slot.other)
        host.clear(found.name, serving.slot.other)


class _Replacement:
    """Replaces what a deployment serves."""

    def __init__(
        self,
        found: Deployment,
        old: Occupant | None,
        image: str,
        options: DeployOptions,
        say: Callable[[str], None],
    ) -> None:
        self._found, self._old, self._image = found, old, image
        self._options, self._say = options, say
        self._slot = old.slot.other if old else Slot.BLUE
        self._settings = (old.settings if old else Settings()).chosen(options)
        self._proxy = front.proxy(found.name)
        self._begun = self._read(old.slot) if old else None

    def _read(self, slot: Slot) -> Reading:
        return readings.read(self._found.name, self._proxy, slot)

    def run(self) -> Replaced:
        try:
            new = self._start()
            self._test()
            remark = self._try() if self._options.canary and self._old else ""
            self._move()
        except BaseException as error:
            self._return()
            if not isinstance(error, MlgitopsError):
                raise
            raise DeployFailedError(self._failure(error)) from error
        host.keep(new)
        if self._old:
            self._say(f"draining version {self._old.version}")
            _drain(self._proxy, self._old.slot)
            host.clear(self._found.name, self._old.slot)
            host.prune(self._previous[self._settings.keep_images :])
        return Replaced(
            model=self._found.model,
            stage=self._found.stage,
            url=self._found.url,
            old=self._old.version if self._old else None,
            new=new.version,
            remark=remark,
        )

    @property
    def _previous(self) -> tuple[str, ...]:
        """The images that served before this one, the newest first."""
        served = (self._old.image, *self._old.previous) if self._old else ()
        return tuple(dict.fromkeys(one for one in served if one != self._image))

    def _start(self) -> Occupant:
        """Start the new version, which gets no traffic yet."""
        self._say(f"starting {self._image[:19]} next to the running version")
        self._proxy.silence(self._slot)
        host.fill(
            self._found,
            self._slot,
            self._image,
            settings=self._settings,
            registry=self._options.registry,
            commit=self._options.commit,
            previous=self._previous[: self._settings.keep_images],
            owner=self._options.owner,
            declared=self._options.declared,
            variables=self._options.environment,
        )
        wanted = self._settings.replicas
        if not waiting.until(
            lambda: self._proxy.counts()[self._slot].ready >= wanted,
            timeout=_UP_SECONDS,
            every=_PAUSE,
        ):
            raise DeployError(f"the proxy cannot reach the slot {self._slot}")
        return self._occupant()

    def _occupant(self) -> Occupant:
        found = host.find_deployment(self._found.model, self._found.stage)
        for occupant in found.slots if found else ():
            if occupant.slot is self._slot and occupant.healthy:
                return occupant
        raise failures.silent("the new version stopped")

    def _test(self) -> None:
        """Ask the new version everything, by the way that callers take."""
        self._say("testing the new version through the proxy")
        with unpacked(self._image) as folder:
            report = smoke(
                self._found.url,
                folder,
                partial(truth_of, self._image, memory=self._settings.memory),
                strict=True,
                headers=self._proxy.headers(self._slot),
                fingerprint=self._proxy.fingerprint(),
            )
        if report.failed:
            first = report.failed[0]
            raise failures.untrue(len(report.failed), first.request, first.expected, first.actual)

    def _try(self) -> str:
        """Give it a part of the traffic and compare."""
        assert self._options.canary is not None, "asked before"
        wanted = self._options.canary
        self._say(f"sending it {wanted.share}% of the requests for {wanted.seconds:g} s")
        return canary.trial(self._found.name, self._proxy, self._slot, wanted)

    def _move(self) -> None:
        """Give it all the traffic, and watch it while the old one still stands by."""
        self._say(f"moving traffic to {self._slot}")
        readings.forget(self._found.name, self._slot)  # what its test or its canary has sent
        before = self._read(self._slot)
        # what it did before this deployment does not count: its own test, which nobody else sends
        old = readings.between(self._begun, self._read(self._slot.other)) if self._begun else None
        self._proxy.share(self._slot, 100)
        pinned = self._proxy.fingerprint()

        def over() -> bool:
            """Never: the time is to run out, unless the version fails."""
            _answers(self._found.url, self._slot, pinned)
            if old and (said := self._failing(before, old)):
                raise failures.worse(said)
            self._occupant()
            return False

        waiting.until(over, timeout=self._options.watch if self._old else 0, every=_PAUSE * 5)

    def _failing(self, before: Reading, old: Trial) -> str:
        """Whether it fails callers whom the old version answers; empty if not."""
        name, other = self._found.name, self._slot.other
        new = readings.between(before, self._read(self._slot))
        return confirmed(
            lambda new: failing(new, old),
            new,
            lambda: readings.answered(name, other, readings.unanswered(name, self._slot)),
        )

    def _return(self) -> None:
        """All traffic to what served before; the new version goes."""
        self._say("returning to the previous version" if self._old else "removing it")
        if self._old:
            self._proxy.share(self._old.slot, 100)
            _drain(self._proxy, self._slot)
        else:
            self._proxy.silence(self._slot)
        host.clear(self._found.name, self._slot)

    def _failure(self, error: MlgitopsError) -> str:
        still = f"version {self._old.version} still serves" if self._old else "no version serves"
        return f"{self._found.model} {self._found.stage}: {error}\n{still} at {self._found.url}"


def _answers(url: str, slot: Slot, fingerprint: str | None) -> None:
    try:
        answer = HttpClient(timeout=10, fingerprint=fingerprint).request("GET", f"{url}/ping")
    except HttpError as error:
        raise failures.silent(str(error)) from error
    if not answer.ok or answer.headers.get(HEADER) != slot:
        raise failures.silent(
            f"{url}/ping: {answer.status} from {answer.headers.get(HEADER, 'no slot')}"
        )


def _drain(proxy: Proxy, slot: Slot) -> None:
    """Wait until a slot that gets no new requests has answered the ones that it has."""
    waiting.until(lambda: not proxy.counts()[slot].busy, timeout=_DRAIN_SECONDS, every=_PAUSE)
