"""The way to a host by SSH, for jobs that have a key in a variable and no home of their own."""

from __future__ import annotations

import os
import shlex
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.errors.deploying import DeployError
from mlgitops.system.variables import variable

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "MLGITOPS_DEPLOY_KEY"
KNOWN_HOSTS = "MLGITOPS_DEPLOY_KNOWN_HOSTS"


@contextmanager
def access() -> Iterator[None]:
    """Let the docker command reach `DOCKER_HOST=ssh://…` with the key in MLGITOPS_DEPLOY_KEY.

    Docker runs the first `ssh` of PATH and takes no options for it: for this time that is one which
    uses this key, and believes the hosts in MLGITOPS_DEPLOY_KNOWN_HOSTS only. Without a key,
    whatever the user's own SSH does is left as it is.

    Raises:
        DeployError: there is a key, and no `ssh` or no known host.
    """
    key, known = os.environ.get(KEY, ""), os.environ.get(KNOWN_HOSTS, "")
    if not key or not os.environ.get("DOCKER_HOST", "").startswith("ssh://"):
        yield
        return
    ssh = shutil.which("ssh")
    if ssh is None:
        raise DeployError(
            f"{KEY} is set, but there is no `ssh` command; install the OpenSSH client"
        )
    if not known.strip():
        raise DeployError(
            f"{KEY} is set, but {KNOWN_HOSTS} is not; set it to what `ssh-keyscan HOST` prints, "
            "after you have verified the key"
        )
    with TemporaryDirectory(prefix="mlgitops-ssh-") as folder:
        first = _wrapper(Path(folder), ssh, key, known)
        with variable("PATH", f"{first}{os.pathsep}{os.environ['PATH']}"):
            yield


def _wrapper(folder: Path, ssh: str, key: str, known: str) -> Path:
    """A folder with an `ssh` that uses a key."""
    for name, text in {"key": key, "known_hosts": known}.items():
        file = folder / name
        file.touch(mode=0o600)
        file.write_text(f"{text.strip()}\n", encoding="utf-8")
    options = [
        *("-F", "none", "-i", str(folder / "key")),
        *("-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"),
        *("-o", f"UserKnownHostsFile={folder / 'known_hosts'}"),
    ]
    script = folder / "bin" / "ssh"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {shlex.join([ssh, *options])} "$@"\n', encoding="utf-8")
    script.chmod(0o700)
    return script.parent
