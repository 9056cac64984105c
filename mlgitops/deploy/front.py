"""Where a deployment is reached: its proxy, made once and repaired where it does not answer."""

from __future__ import annotations

import hashlib
import io
import ipaddress
import os
import secrets
import tarfile
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlgitops.deploy import credentials, engine
from mlgitops.deploy.proxy import STATE, TLS, TOKENS, Proxy
from mlgitops.deploy.values import name_of
from mlgitops.errors import DeployError, DockerCommandError
from mlgitops.system import docker, waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlgitops.deploy.credentials import Credentials
    from mlgitops.deploy.values import DeployOptions

_PORT = 5001
_BIND = "127.0.0.1"
_ON = "on"
_SECONDS = 10.0  # in which a proxy that runs says what it knows
_USER = 10001  # as in its Dockerfile


@dataclass(frozen=True, kw_only=True, slots=True)
class Front:
    """Where a proxy listens, and what it asks for.

    Attributes:
        tls: it speaks HTTPS only.
        token: it asks callers for a token.
    """

    bind: str = _BIND
    port: int = _PORT
    tls: bool = False
    token: bool = False

    @property
    def url(self) -> str:
        """Its address, as it is reached from here."""
        elsewhere = urlsplit(os.environ.get("DOCKER_HOST", "")).hostname
        every = not self.bind or ipaddress.ip_address(self.bind).is_unspecified
        host = (elsewhere or _BIND) if every else self.bind
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What tells Compose of it."""
        return {
            "PROXY_BIND": self.bind,
            "PROXY_PORT": str(self.port),
            "PROXY_TLS": _ON if self.tls else "",
            "PROXY_TOKEN": _ON if self.token else "",
        }


def front_of(containers: Sequence[Mapping[str, Any]]) -> Front | None:
    """Where a deployment is reached, as its containers remember it; its proxy may be gone."""
    for one in containers:
        bind, port = _published(one) or (engine.kept(one, "bind"), engine.kept(one, "port"))
        if port:
            return Front(
                bind=bind,
                port=int(port),
                tls=engine.kept(one, "tls") == _ON,
                token=engine.kept(one, "token") == _ON,
            )
    return None


def start_proxy(model: str, stage: str, options: DeployOptions) -> None:
    """Have a proxy that listens; one that answers is left as it is, but for new credentials.

    Raises:
        DeployError: it listens elsewhere than asked for, or without what was given now.
        UsageError: the certificate or the tokens cannot be read.
        DockerError: the port is taken, or the image could not be built.
    """
    given = credentials.read(options.tls_cert, options.token_file)
    name = name_of(model, stage)
    is_there = front_of(engine.containers(f"{engine.DEPLOYMENT}={name}"))
    front = _wanted(is_there, given, options)
    if is_there and front != is_there:
        raise DeployError(
            f"{model} {stage} is already at {_shown(is_there)}; to move it to {_shown(front)}, "
            "remove it first with `mlgitops deploy --remove`"
        )
    running = [one for one in engine.service(name, "proxy") if one["State"]["Running"]]
    if not running or not _answers(proxy_in(running[0])):
        environment = {
            "DEPLOYMENT_MODEL": model,
            "DEPLOYMENT_STAGE": stage,
            "DEPLOYMENT_REGISTRY": options.registry,
            "PROXY_MARK": _mark(),
            "PROXY_KEY": secrets.token_hex(32),
            **front.environment,
        }
        _make(name, environment, given)
    elif given.certificate or given.tokens:
        _put(running[0]["Id"], given)
        proxy_in(running[0]).renew(given)


def proxy(name: str) -> Proxy:
    """A deployment's proxy.

    Raises:
        DeployError: it does not run.
    """
    found = engine.service(name, "proxy")
    if not found or not found[0]["State"]["Running"]:
        raise DeployError(f"the proxy of {name} is not running; deploy again")
    return proxy_in(found[0])


def proxy_in(container: Mapping[str, Any]) -> Proxy:
    """The proxy in a container, as Docker describes it."""
    variables = dict(line.partition("=")[::2] for line in container["Config"]["Env"])
    return Proxy(container["Id"], variables.get("PROXY_KEY", ""))


def _published(container: Mapping[str, Any]) -> tuple[str, str] | None:
    found = (container["HostConfig"]["PortBindings"] or {}).get("8080/tcp")
    return (found[0]["HostIp"], found[0]["HostPort"]) if found else None


def _wanted(is_there: Front | None, given: Credentials, options: DeployOptions) -> Front:
    now = is_there or Front()
    return Front(
        bind=now.bind if options.bind is None else options.bind,
        port=options.port or now.port,
        tls=now.tls or given.certificate is not None,
        token=now.token or bool(given.tokens),
    )


def _shown(front: Front) -> str:
    asks = [what for what, it in (("TLS", front.tls), ("a token", front.token)) if it]
    return f"{front.bind}:{front.port}" + (f" with {' and '.join(asks)}" if asks else "")


def _make(name: str, environment: Mapping[str, str], given: Credentials) -> None:
    """Make a proxy in the place of what is there; what it was given before stays with it."""
    once = ("up", "--no-start", "--no-deps", "--force-recreate", "proxy")
    engine.compose(name, *once, environment=environment)
    _put(engine.service(name, "proxy")[0]["Id"], given)
    start = ("up", "--detach", "--wait", "--no-deps", "--no-recreate", "proxy")
    engine.compose(name, *start, environment=environment)


def _put(container: str, given: Credentials) -> None:
    """Put files into the proxy's volume; they are in no image, label or variable."""
    contents = {TLS: given.certificate, TOKENS: "\n".join(given.tokens)}
    with TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, text in contents.items():
                if text:
                    _add(tar, path.removeprefix(f"{STATE}/"), f"{text}\n".encode())
        archive.seek(0)
        docker.run(["cp", "-", f"{container}:{STATE}"], stdin=archive)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o400, _USER, _USER
    tar.addfile(entry, io.BytesIO(content))


def _answers(one: Proxy) -> bool:
    def asked() -> bool:
        try:
            one.counts()
        except DockerCommandError:
            return False
        return True

    return waiting.until(asked, timeout=_SECONDS)


def _mark() -> str:
    """What tells one version of the proxy's image from another: its files."""
    found = hashlib.sha256()
    for path in sorted(engine.COMPOSE.with_name("proxy").iterdir()):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]
