"""What an answer of a model depends on, as the name under which it is kept across runs.

Beside payload and rows: how it was asked (the code of this package), with which packages and which
Python, on which processor, as answers say what a prediction costs, and how it was kept apart.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops import __version__
from mlgitops.system import isolated, parcels
from mlgitops.system.store import key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.review.rows import Rows
    from mlgitops.system.isolated import Elsewhere
    from mlgitops.system.store import Store

_PACKAGE = Path(__file__).parent.parent
_CODE = ("review", "core", "system")  # of this package: what asks, and what measures
_MOST = 20_000  # files that a model might import


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Answers of earlier runs, for as long as a command takes.

    Attributes:
        store: where they are.
    """

    store: Store

    def name(self, payload: str, asked: str, elsewhere: Elsewhere | None) -> str:
        """The name of what a payload answers.

        Args:
            payload: its digest.
            asked: the digest of what it is asked.
            elsewhere: where it runs; None for here.
        """
        packages = _elsewhere(elsewhere) if elsewhere else self._here
        return key("answers", payload, asked, packages, self._around)

    def of_numbers(self, data: object, asked: object) -> str:
        """The name of what this process makes of data.

        Args:
            data: tables, arrays and values of Python's own.
            asked: what it makes of them, as JSON can say.
        """
        return key("numbers", digest(data), asked, self._here, _code())

    @cached_property
    def _here(self) -> str:
        """The packages of this process, and modules that lie about where it looks for some."""
        installed = sorted({f"{one.name}=={one.version}" for one in metadata.distributions()})
        return key(sys.version, sys.executable, sys.path, installed, sorted(_modules()))

    @cached_property
    def _around(self) -> list[object]:
        """What else decides: who asks, the processor, and how the model is kept apart."""
        apart = isolated.denied(())
        return [_code(), _processor(), apart, sorted(isolated.environment().items())]


def digest(given: object) -> str:
    """The digest of tables, arrays and values of Python's own."""
    return hashlib.sha256(parcels.packed(given)).hexdigest()


@lru_cache(maxsize=4)  # both versions of a pair, and pairs of the same recipes, are asked the same
def asked(rows: Rows) -> str:
    """The digest of what models are asked, given rows."""
    return digest(rows.given)


@cache
def _code() -> str:
    """The release of this package, and the digest of what of it measures."""
    total = hashlib.sha256(__version__.encode())
    for folder in _CODE:
        for path in sorted((_PACKAGE / folder).glob("*.py")):
            content = path.read_bytes()
            total.update(b"%b\0%d\0%b" % (path.name.encode(), len(content), content))
    return total.hexdigest()


def _elsewhere(place: Elsewhere) -> list[str]:
    """An environment's folder is called by the digest of its lock and its Python."""
    return [str(place.python), place.packages.parent.name]


def _modules() -> Iterator[tuple[str, int, int]]:
    """Modules that belong to no package of a release: they change as people please."""
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    seen = 0
    for name in dict.fromkeys(sys.path):
        folder = Path(name or ".").absolute()
        if any(folder.is_relative_to(prefix) for prefix in prefixes):
            continue
        for place, folders, files in os.walk(folder):
            folders[:] = [one for one in folders if not one.startswith((".", "__pycache__"))]
            seen += len(files) + len(folders)
            if seen > _MOST:  # a home, or the root: nobody's package
                break
            for path in (Path(place, one) for one in files if one.endswith(".py")):
                with suppress(OSError):
                    found = path.stat()
                    yield str(path), found.st_size, found.st_mtime_ns


def _processor() -> list[object]:
    kind = platform.processor()
    with suppress(OSError):  # Linux
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        kind = next((line for line in lines if line.startswith("model name")), kind)
    return [platform.system(), platform.machine(), kind, os.cpu_count()]
