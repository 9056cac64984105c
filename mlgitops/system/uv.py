"""Requirements with everything that they need, resolved and installed by uv."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlgitops.errors import ResolveError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_PATIENCE = 600  # seconds; requirements can be such that no end is in sight
_SHOWN = 3_000  # characters of what uv says
_CONSTRAINTS, _WHEELS = "constraints.txt", "wheels"
_OLDEST = (3, 10)  # Python, as the code that runs in it needs
# wheels only: to build a package is to run its code, here, with what this process may do
_NO_CODE = ("--no-build",)
# requirements choose what uv does; of this machine it knows what it needs to reach the indexes that
# whoever runs it has chosen, in uv's own variables or files
_NEEDED = re.compile(
    r"PATH|HOME|TMPDIR|XDG_[A-Z]+_HOME|LANG|NETRC|SSL_CERT_FILE|SSL_CERT_DIR|SSL_CLIENT_CERT"
    r"|(HTTP|HTTPS|ALL|NO)_PROXY|UV_(?!PUBLISH_)[A-Z0-9_]+",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Python:
    """An interpreter of this machine: the numbers of its version, and its executable."""

    version: tuple[int, int, int]
    path: Path

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def pythons(wanted: tuple[int, int]) -> tuple[Python, ...]:
    """One CPython of each minor version of this machine, the nearest to the wanted one first.

    The interpreter that runs this is among them. None is downloaded.

    Raises:
        ResolveError: uv cannot look for them.
    """
    major, minor, patch = sys.version_info[:3]
    own = Path(sys.base_prefix) / "bin" / f"python{major}.{minor}"
    known = (
        {(major, minor): Python(version=(major, minor, patch), path=own)} if own.exists() else {}
    )
    for one in _installed():
        parts = one["version_parts"]
        version = (int(parts["major"]), int(parts["minor"]), int(parts["patch"]))
        if one["implementation"] == "cpython" and one["variant"] == "default":
            known.setdefault(version[:2], Python(version=version, path=Path(one["path"])))
    usable = [one for one in known.values() if one.version[:2] >= _OLDEST]
    return tuple(sorted(usable, key=lambda one: _distance(one.version[:2], wanted)))


@cache
def _installed() -> list[dict[str, Any]]:
    command = ["python", "list", "--only-installed", "--no-python-downloads"]
    found: list[dict[str, Any]] = json.loads(
        _said([*command, "--output-format", "json"], Path(sys.base_prefix))
    )
    return found


def _distance(one: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int, bool]:
    return (abs(one[0] - wanted[0]), abs(one[1] - wanted[1]), one < wanted)


def locked(
    requirements: Iterable[str],
    options: Sequence[str],
    *,
    constraints: Iterable[str] = (),
    wheels: Path | None = None,
) -> str:
    """Requirements with everything that they need, as `compiled` has it, without building any.

    Args:
        requirements: PEP 508, or `wheels/…`.
        options: uv's, for which Python and platform.
        constraints: PEP 508.
        wheels: the folder that `wheels/…` stands for.

    Raises:
        ResolveError: they contradict each other, there is no such package, or no end of resolving.
    """
    arguments = ["--no-header", "--no-annotate", *_NO_CODE, *options]
    with _workshop(wheels) as folder:
        (folder / _CONSTRAINTS).write_text("\n".join(constraints), encoding="utf-8")
        given = "\n".join(requirements)
        return compiled([*arguments, "--constraints", _CONSTRAINTS, "-"], folder, given)


def install(lock: str, python: Python, target: Path, wheels: Path | None = None) -> None:
    """Put the packages of a lock into a folder; no code of theirs runs.

    Args:
        lock: from `locked`.
        python: the interpreter that they are for.
        target: the folder, which need not exist.
        wheels: as `locked` was told.

    Raises:
        ResolveError: a package cannot be had.
    """
    arguments = ["pip", "install", "--quiet", "--color", "never", "--no-deps", *_NO_CODE]
    arguments += ["--require-hashes", "--python", str(python.path), "--target", str(target)]
    with _workshop(wheels) as folder:
        _said([*arguments, "--requirement", "-"], folder, lock)


@contextmanager
def _workshop(wheels: Path | None) -> Iterator[Path]:
    """A folder for uv: a project that happens to lie here has no say, nor has one in the model."""
    with TemporaryDirectory(prefix="mlgitops-uv-") as folder:
        if wheels:
            (Path(folder) / _WHEELS).symlink_to(wheels.resolve())
        yield Path(folder)


def compiled(arguments: Sequence[str], folder: Path, text: str = "") -> str:
    """What `uv pip compile` prints: requirements, each at one version with its hashes.

    Args:
        arguments: the input and what else is wished.
        folder: where it runs.
        text: its standard input.

    Raises:
        ResolveError: they contradict each other, there is no such package, or no end of resolving.
    """
    command = ["pip", "compile", "--quiet", "--color", "never"]
    command += ["--generate-hashes", "--no-emit-index-url", *arguments]
    return _said(command, folder, text)


def _said(arguments: Sequence[str], folder: Path, text: str = "") -> str:
    try:
        import uv
    except ImportError as error:
        raise ResolveError("uv is not installed; install 'mlgitops[review]'") from error
    try:
        done = subprocess.run(
            [os.fsdecode(uv.find_uv_bin()), *arguments],
            input=text,
            cwd=folder,
            env={name: value for name, value in os.environ.items() if _NEEDED.fullmatch(name)},
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        raise ResolveError(f"uv found no end within {_PATIENCE} s; pin their versions") from error
    if done.returncode:
        raise ResolveError(done.stderr.strip()[:_SHOWN])
    return done.stdout
