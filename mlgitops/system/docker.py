"""The docker command: whether it is there, and running it."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from mlgitops.errors import DockerCommandError, DockerMissingError, DockerNotRunningError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import IO

_OLDEST_API = (1, 44)  # Engine 25: health checks with a start interval
_BLOCK = 2**20  # bytes
_SECONDS = 60.0  # in which an engine says its version; a host that is gone never says anything


def require(*, compose: bool = False) -> str:
    """The platform of the engine, such as `linux/amd64`, which need not be this machine's.

    Args:
        compose: whether its Compose plugin is needed too.

    Raises:
        DockerMissingError: docker or the plugin is not installed, or too old.
        DockerNotRunningError: the engine does not answer.
    """
    if shutil.which("docker") is None:
        raise _missing()
    engine = _ask("version", "--format", "{{.Server.APIVersion}} {{.Server.Os}}/{{.Server.Arch}}")
    if engine.returncode:
        raise DockerNotRunningError(
            f"this needs Docker, but no engine answers: {_last(engine.stderr)}"
        )
    version, platform = engine.stdout.split()
    if tuple(map(int, version.split("."))) < _OLDEST_API:
        raise DockerMissingError("this needs Docker Engine 25 or later; upgrade it")
    if compose and _ask("compose", "version").returncode:
        raise DockerMissingError("this needs Docker's Compose plugin; install it")
    return platform


def _missing() -> DockerMissingError:
    return DockerMissingError(
        "this needs Docker, but there is no `docker` command; install Docker Engine 25 or later "
        "with the Compose plugin"
    )


def _ask(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", *arguments]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer in {_SECONDS:g} s")


def run(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    stdout: IO[bytes] | int = subprocess.PIPE,
    shown: int = 5,
) -> str:
    """Run `docker ARGUMENTS` and return what it printed.

    Raises:
        DockerMissingError: there is no docker command.
        DockerCommandError: it failed; with as many last lines of its error output as asked for.
    """
    try:
        done = subprocess.run(
            ["docker", *arguments],
            env=environment,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
        )
    except FileNotFoundError:
        raise _missing() from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise DockerCommandError(f"docker {' '.join(arguments[-4:])}: {_last(said, lines=shown)}")
    return (done.stdout or b"").decode(errors="replace")


def load(write: Callable[[IO[bytes]], None]) -> None:
    """Run `docker load` on what a function writes into the stream that it is given.

    Raises:
        DockerCommandError: it failed.
    """
    with TemporaryFile() as errors:
        command = ["docker", "load", "--quiet"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
        ) as process:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # its own words say why it ended
                write(process.stdin)
                process.stdin.close()
        if process.returncode:
            errors.seek(0)
            said = errors.read().decode(errors="replace")
            raise DockerCommandError(f"docker load: {_last(said)}")


def digest_in_registry(image: str) -> str:
    """The digest that a tag has in its registry of images: `sha256:…`, of all platforms.

    Raises:
        DockerCommandError: the registry cannot be asked, or has no such tag.
    """
    asked = ("buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", image)
    return str(json.loads(run(asked, shown=1))["digest"])


@contextmanager
def stream(arguments: Sequence[str]) -> Iterator[IO[bytes]]:
    """What `docker ARGUMENTS` prints, while it prints it; what is not read is passed over.

    Raises:
        DockerCommandError: it failed; what was read is not all.
    """
    with TemporaryFile() as errors:
        command = ["docker", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process:
            assert process.stdout is not None
            try:
                yield process.stdout
                while process.stdout.read(_BLOCK):
                    pass
            except Exception:
                if not _ended(process):
                    process.kill()
                    raise
                # its end may be why reading failed: then its own words say more
                if not process.returncode:
                    raise
        if process.returncode:
            errors.seek(0)
            said = errors.read().decode(errors="replace")
            raise DockerCommandError(f"docker {' '.join(arguments[-4:])}: {_last(said)}")


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process ends by itself, soon."""
    try:
        process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        return False
    return True


def logs(container: str, *, lines: int) -> str:
    """The last lines of both of a container's outputs."""
    done = subprocess.run(
        ["docker", "logs", "--tail", str(lines), container],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return done.stdout


def login(server: str, user: str, password: str) -> None:
    """Log in at a registry of images; the password is in no argument.

    Raises:
        DockerCommandError: it was refused.
    """
    done = subprocess.run(
        ["docker", "login", server, "--username", user, "--password-stdin"],
        input=password,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DockerCommandError(f"docker login {server}: {_last(done.stderr)}")


def _last(text: str, *, lines: int = 1) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
