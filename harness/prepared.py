"""Jobs that need not install what another job has: the set-up of workflows, with a memory.

A job installs mlgitops into an environment of its own, as on GitHub every job has a machine of its
own. Of a test with twenty runs that takes most of the time, and tells no more than one job does.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = "MLGITOPS_TEST_ENVIRONMENTS"  # where they are kept; without it, each job installs
INSTALLER = Path(".github/actions/setup/install.py")

_STAND_IN = '''\
"""Take the environment that an earlier job of the tests has made, or have it made."""

import fcntl
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

REAL, FOLDER = Path({real!r}), Path({folder!r})
TOLD = ("GITHUB_PATH", "GITHUB_ENV")


def inputs():
    """All that decides what is installed; a wheel's hash says more than where it lies."""
    yield f"{{sys.version}} {{os.environ['EXTRAS']}}".encode()
    yield re.sub(rb"@ file:\\S+", b"", Path(os.environ["LOCK"]).read_bytes())
    yield REAL.read_bytes()
    if source := os.environ["SOURCE"]:
        for path in sorted([Path(source, "pyproject.toml"), *Path(source, "mlgitops").rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{{path.relative_to(source)}}".encode()
                yield path.read_bytes()


digest = hashlib.sha256()
for part in inputs():
    digest.update(hashlib.sha256(part).digest())
kept = FOLDER / digest.hexdigest()[:16]
kept.mkdir(parents=True, exist_ok=True)
with (kept / "lock").open("w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if not (kept / "made").exists():
        told = {{name: str(kept / name) for name in TOLD}}
        # each process leaves the bytecode of what it imports to the next: less than all there is
        given = {{**os.environ, **told, "UV_COMPILE_BYTECODE": "false"}}
        given["ENVIRONMENT"] = str(kept / "environment")
        subprocess.run([sys.executable, "-I", REAL], env=given, check=True)
        (kept / "made").touch()
for name in TOLD:
    with open(os.environ[name], "a") as stream:
        stream.write((kept / name).read_text())
'''


def prepare(checkout: Path, beside: Path) -> None:
    """Have the jobs of a checkout share environments, if there is a folder for them.

    Args:
        checkout: whose set-up of workflows changes.
        beside: a folder for the set-up as it was.
    """
    installer = checkout / INSTALLER
    folder = os.environ.get(FOLDER)
    if not folder or not installer.exists():
        return
    real = beside / "install.py"
    installer.rename(real)
    installer.write_text(_STAND_IN.format(real=str(real), folder=folder), encoding="utf-8")
