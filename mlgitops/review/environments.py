"""Environments of versions' own requirements, for versions whose packages are not ours.

A folder of packages that uv filled by the rules of images: packages of an index by their names,
wheels alone, each at one version with its hashes. No code of theirs runs but apart. What was made
is kept, by what is in it, until nobody has used it for a month or there is too much.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from mlgitops.core.requirements import PYTHON, WHEELS
from mlgitops.errors import ResolveError
from mlgitops.system import files, uv
from mlgitops.system.isolated import Elsewhere
from mlgitops.system.store import caches
from mlgitops.words import brief, count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.core.requirements import Requirements
    from mlgitops.system.uv import Python

_MLFLOW = ("mlflow", "mlflow-skinny")
_NEEDED = ("pandas", "pyarrow")  # to read the rows, whatever else the model asks for
_KEPT = 30 * 24 * 3600.0  # seconds since the last use
_BUSY = 24 * 3600.0  # seconds since the last use, in which another process may still use it
_MOST = 20 * 10**9  # bytes of all
_TRIED = 3  # interpreters
_LOCK, _ABOUT, _PACKAGES = "requirements.txt", "environment.json", "packages"
_SHOWN, _LISTED = 300, 3  # characters of what uv says; packages


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """A version's own packages, and the Python that they are for."""

    python: str
    elsewhere: Elsewhere
    packages: int

    def told(self, logged: str) -> str:
        """What a reviewer reads of it, of a version that was logged with some Python."""
        beside = f", logged with Python {logged}" if differ(logged, self.python) else ""
        return f"its own: Python {self.python}, {count(self.packages, 'package')}{beside}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Environments:
    """Makes environments, and keeps them in a folder.

    Attributes:
        say: is told of what takes long.
    """

    folder: Path = field(default_factory=caches)
    say: Callable[[str], None] = lambda _: None

    def of(self, asked: Requirements, logged: str, model: Path) -> Environment:
        """The environment of what a version asks for; made unless it is there.

        Args:
            asked: its requirements.
            logged: the version of Python that logged it; empty if it does not say.
            model: its folder, which may hold wheels.

        Raises:
            ResolveError: it cannot be had.
        """
        first: ResolveError | None = None
        try:
            for python in uv.pythons(_minor(logged or platform.python_version()))[:_TRIED]:
                try:
                    return self._for(asked, python, model)
                except ResolveError as error:
                    first = first or error
        except OSError as error:
            why = f"{self.folder} cannot be used: {error.strerror or error}"
            raise ResolveError(why) from error
        raise first or ResolveError("there is no Python of 3.10 or later here")

    def _for(self, asked: Requirements, python: Python, model: Path) -> Environment:
        wheels = model / WHEELS if asked.wheels else None
        lock = self._lock(asked, python, wheels)
        place = self.folder / "environments" / _key(lock, str(python))
        about = place / _ABOUT
        if not about.is_file():
            self._make(lock, python, place, wheels)
        os.utime(about)
        return Environment(
            python=str(python),
            elsewhere=Elsewhere(python=python.path, packages=place / _PACKAGES),
            packages=_number(lock),
        )

    def _lock(self, asked: Requirements, python: Python, wheels: Path | None) -> str:
        """The lock of some requirements; found once, so that evidence stays the same."""
        given = [*map(str, asked.packages), *(wheel for _, wheel in asked.wheels), *_NEEDED]
        limits = [*map(str, asked.constraints)]
        held = [files.sha256(wheels / Path(wheel).name) for _, wheel in asked.wheels if wheels]
        kept = self.folder / "locks" / f"{_key(*given, '', *limits, '', *held, str(python))}.txt"
        if kept.is_file():
            os.utime(kept)
            return kept.read_text(encoding="utf-8")
        self.say(f"resolving the requirements of a version for Python {python}")
        lock = uv.locked(given, ["--python", str(python.path)], constraints=limits, wheels=wheels)
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_text(lock, encoding="utf-8")
        part.replace(kept)
        return lock

    def _make(self, lock: str, python: Python, place: Path, wheels: Path | None) -> None:
        begun = time.monotonic()
        self.say(f"installing {count(_number(lock), 'package')} for Python {python}")
        place.parent.mkdir(parents=True, exist_ok=True)
        self.prune()
        part = Path(mkdtemp(prefix=".part-", dir=place.parent))
        try:
            uv.install(lock, python, part / _PACKAGES, wheels)
            size = sum(file.lstat().st_size for file in part.rglob("*"))
            (part / _LOCK).write_text(lock, encoding="utf-8")
            (part / _ABOUT).write_text(json.dumps({"size": size}), encoding="utf-8")
            part.chmod(0o755)
            with suppress(OSError):  # another process was faster
                part.rename(place)
        finally:
            rmtree(part, ignore_errors=True)
        taken = time.monotonic() - begun
        self.say(f"made an environment of {size / 1e6:.0f} MB in {taken:.1f} s: {place}")

    def prune(self) -> None:
        """Remove what nobody has used for long, and the oldest of what is too much."""
        now, total = time.time(), 0
        for path in (self.folder / "locks").glob("*"):
            if now - path.stat().st_mtime > _KEPT:
                path.unlink(missing_ok=True)
        for used, path, size in sorted(_made(self.folder / "environments"), reverse=True):
            total += size
            if now - used > _KEPT or (total > _MOST and now - used > _BUSY):
                rmtree(path, ignore_errors=True)


def _made(folder: Path) -> Iterator[tuple[float, Path, int]]:
    """When each environment was last used, where it is, and its bytes; of halves, too."""
    for place in folder.glob("*"):
        about = place / _ABOUT
        try:
            yield about.stat().st_mtime, place, int(json.loads(about.read_bytes())["size"])
        except (OSError, ValueError, KeyError, TypeError):
            with suppress(OSError):
                yield place.stat().st_mtime, place, 0


@lru_cache(maxsize=256)  # what is installed for a process does not change
def unmet(asked: Requirements) -> tuple[str, ...]:
    """What this environment has not of what a version asks for, such as `xgboost is missing`.

    MLflow loads what an earlier release of the same major version logged, so that one need not be
    the same.
    """
    found = [f"{name} is in the version itself" for name, _ in asked.wheels]
    for package in asked.packages:
        requirement = Requirement(str(package))
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            found.append(f"{requirement.name} is missing")
            continue
        if not _meets(requirement, installed):
            found.append(f"{requirement.name} {installed} instead of {requirement.specifier}")
    return tuple(found)


def listed(lacks: tuple[str, ...]) -> str:
    """What is unmet, in brief."""
    more = [f"{len(lacks) - _LISTED} more"] if len(lacks) > _LISTED else []
    return ", ".join([*lacks[:_LISTED], *more])


def why(error: ResolveError) -> str:
    """What uv says, on one line."""
    return brief(error, _SHOWN)


def differ(logged: str, python: str) -> bool:
    """Whether a version was logged with another Python than this, patches aside."""
    return bool(logged) and _minor(logged) != _minor(python)


def _meets(requirement: Requirement, installed: str) -> bool:
    if requirement.specifier.contains(installed, prereleases=True):
        return True
    if requirement.name not in _MLFLOW:
        return False
    own = Version(installed)
    for one in requirement.specifier:
        with suppress(InvalidVersion):
            asked = Version(one.version)
            if one.operator == "==" and asked.major == own.major and asked <= own:
                return True
    return False


def _minor(version: str) -> tuple[int, int]:
    """The first two numbers of a version of Python; (0, 0) if it is none."""
    match = PYTHON.fullmatch(version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _number(lock: str) -> int:
    return sum(line[:1].isalnum() or line[:1] == "." for line in lock.splitlines())


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
