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

from mlgitops.deploy.docker import credentials, engine
from mlgitops.deploy.docker.credentials import Credentials
from mlgitops.deploy.docker.proxy import (
    CONFIGURATION,
    NEXT,
    STATE,
    TLS,
    TOKENS,
    Proxy,
    configuration,
)
from mlgitops.deploy.docker.values import name_of
from mlgitops.errors import DockerCommandError
from mlgitops.errors.deploying import DeployError
from mlgitops.system import docker, waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlgitops.deploy.docker.values import DeployOptions

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
    """Have a proxy that listens; one that answers stays, and is told what is new.

    New credentials reach it as it runs; another configuration, which another version of mlgitops
    has, by a reload.

    One that is to listen elsewhere, or to ask for something else, is made anew, in a second or two.

    Raises:
        DeployError: its HAProxy does not take the configuration.
        UsageError: the certificate or the tokens cannot be read.
        DockerError: the port is taken, or the image could not be built.
    """
    name = name_of(model, stage)
    is_there = front_of(engine.containers(f"{engine.DEPLOYMENT}={name}"))
    given = _given(is_there, options)
    front = _wanted(is_there, given, options)
    moved = is_there is not None and front != is_there
    running = [one for one in engine.service(name, "proxy") if one["State"]["Running"]]
    if running and not moved and _answers(proxy_in(running[0])):
        _tell(running[0], given)
        return
    environment = {
        "DEPLOYMENT_MODEL": model,
        "DEPLOYMENT_STAGE": stage,
        "DEPLOYMENT_REGISTRY": options.registry,
        "DEPLOYMENT_OWNER": options.owner,
        "DEPLOYMENT_DECLARED": options.declared,
        "PROXY_MARK": _mark(),
        "PROXY_KEY": secrets.token_hex(32),
    }
    try:
        _make(name, {**environment, **front.environment}, given)
    except DockerCommandError:
        if moved and is_there:  # for example because somebody else listens there
            _make(name, {**environment, **is_there.environment}, Credentials())
        raise


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


def _given(is_there: Front | None, options: DeployOptions) -> Credentials:
    """What files hold; one that is not here is no fault where the proxy has what it held."""
    cert, tokens = options.tls_cert, options.token_file
    if is_there and is_there.tls and cert and not cert.exists():
        cert = None
    if is_there and is_there.token and tokens and not tokens.exists():
        tokens = None
    return credentials.read(cert, tokens)


def _wanted(is_there: Front | None, given: Credentials, options: DeployOptions) -> Front:
    if options.declared:
        return declared(options)
    now = is_there or Front()
    return Front(
        bind=now.bind if options.bind is None else options.bind,
        port=options.port or now.port,
        tls=now.tls or given.certificate is not None,
        token=now.token or bool(given.tokens),
    )


def declared(options: DeployOptions) -> Front:
    """Where models.yaml wants a deployment to be reached."""
    assert options.port is not None, "checked with the file"
    return Front(
        bind=options.bind or _BIND,
        port=options.port,
        tls=options.tls_cert is not None,
        token=options.token_file is not None,
    )


def image() -> str:
    """The image of proxies, which is built if the host does not have it.

    Raises:
        DockerError: it could not be built.
    """
    mark = _mark()
    tag = f"mlgitops-proxy:{mark}"
    if not docker.run(["image", "ls", "--quiet", tag]).strip():
        engine.compose("mlgitops", "build", "--quiet", "proxy", environment={"PROXY_MARK": mark})
    return tag


def shown(front: Front) -> str:
    """Where it listens, and what it asks for."""
    asks = [what for what, it in (("TLS", front.tls), ("a token", front.token)) if it]
    return f"{front.bind}:{front.port}" + (f" with {' and '.join(asks)}" if asks else "")


def _tell(container: Mapping[str, Any], given: Credentials) -> None:
    """Have a proxy that runs use what is new, without losing a request."""
    one, (text, mark) = proxy_in(container), configuration()
    if one.mark != mark:
        _put(container["Id"], {NEXT: text, **_files(given)})
        one.configure()
    elif given.certificate or given.tokens:
        _put(container["Id"], _files(given))
        one.renew(given)
    one.settle()


def _make(name: str, environment: Mapping[str, str], given: Credentials) -> None:
    """Make a proxy in the place of what is there; what it was given before stays with it."""
    once = ("up", "--no-start", "--no-deps", "--force-recreate", "proxy")
    engine.compose(name, *once, environment=environment)
    text, _ = configuration()
    _put(engine.service(name, "proxy")[0]["Id"], {CONFIGURATION: text, **_files(given)})
    start = ("up", "--detach", "--wait", "--no-deps", "--no-recreate", "proxy")
    engine.compose(name, *start, environment=environment)


def _files(given: Credentials) -> dict[str, str]:
    found = {TLS: given.certificate or "", TOKENS: "\n".join(given.tokens)}
    return {path: f"{text}\n" for path, text in found.items() if text}


def _put(container: str, files: Mapping[str, str]) -> None:
    """Put files into the proxy's volume; they are in no image, label or variable."""
    with TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, text in files.items():
                _add(tar, path.removeprefix(f"{STATE}/"), text.encode())
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
