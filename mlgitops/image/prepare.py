"""Runs in the image that is being built, on the packages that were installed: prune and compile.

    python prepare.py SITE_PACKAGES [REQUIREMENT ...]    names, normalised

What is left is the same for the same packages: files have one date. Bytecode lies in a tree of its
own (PYTHONPYCACHEPREFIX), for the standard library as well, which Python's slim images ship
without; a container that cannot write would compile it on each start. It holds what the server
and the packages of the model's own requirements import, and not all that is installed, which would
be three times as much. What skops trusts it finds out at each import, by importing all of
scikit-learn: its lists are written down, for the server to take. Nothing of mlgitops is imported
here.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import py_compile
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

# tests that nothing imports, of packages known to work without them
_TESTED = ("numpy", "pandas", "pyarrow", "scipy", "sklearn")
# of pyarrow, reading Parquet needs neither network services nor headers
_PYARROW = (
    *("include", "includes", "src", "libarrow_flight.*", "libarrow_python_flight.*", "_flight.*"),
    *("libarrow_s3.*", "_s3fs.*", "_azurefs.*", "_gcsfs.*", "_hdfs.*"),
)
_SOURCES = ("*.pyi", "*.pxd", "*.pxi", "*.pyx", "*.pyx.tp", "*.h", "*.hpp")  # of compiled modules
_SERVER = (
    *("server.app", "server.protocol", "server.supervisor", "server.worker"),
    *("uvicorn.server", "uvicorn.loops.uvloop", "uvicorn.lifespan.off"),
    *("prometheus_client.multiprocess", "mlflow.models.signature"),
)
_PARQUET = "pyarrow.parquet"  # where the model's packages allow it
# as server/importing.py reads it, from below the environment
TRUSTED = "skops-trusted.json"
_LISTED = """
import json
import skops.io._trusted_types as found
names = {name: value for name, value in vars(found).items() if name.endswith("_NAMES")}
print(json.dumps(names, sort_keys=True))
"""


def main(site: Path, required: set[str]) -> None:
    """Prune, date and compile the packages."""
    _prune(site, required)
    if "pyarrow" not in required and not _reads_parquet():
        for path in sorted(site.glob("pyarrow*")):  # the server does without, and says so
            _remove(path)
    environment = site.parents[2]
    if listed := trusted():
        (environment / TRUSTED).write_text(listed, encoding="utf-8")
    _date(environment)  # before anything is compiled: bytecode holds the date of its source
    # in a process of its own: what a process has imported shows in the bytecode that it writes
    modules = sorted(_modules(required) | {_PARQUET})
    listing = [sys.executable, __file__, "--imported", *modules]
    done = subprocess.run(listing, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)  # it has said why
    for file in sorted(done.stdout.splitlines()):
        py_compile.compile(file, doraise=True)
    _date(Path(sys.pycache_prefix or ""))


def imported(modules: list[str]) -> list[str]:
    """The source files of what the server and some modules import."""
    sys.dont_write_bytecode = True
    for name in _SERVER:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - too much was pruned, or packages do not fit
            said = " ".join(str(error).split())
            sys.exit(f"cannot serve: import {name}: {type(error).__name__}: {said}")
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - it may need what only the model's code sets up
            sys.stderr.write(f"not compiled: {name}: {error}\n")
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return [file for file in files if file and file.endswith(".py") and file != __file__]


def _reads_parquet() -> bool:
    """Whether there is a pyarrow that runs with the packages of the model."""
    asked = [sys.executable, "-B", "-c", f"import {_PARQUET}"]
    return subprocess.run(asked, stderr=subprocess.DEVNULL, check=False).returncode == 0


def trusted() -> str:
    """The lists of types that skops trusts, as JSON; empty where there is no skops, or another."""
    asked = [sys.executable, "-B", "-c", _LISTED]
    done = subprocess.run(
        asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
    )
    return "" if done.returncode else done.stdout


def _prune(site: Path, required: set[str]) -> None:
    for name in _TESTED:
        for folder in sorted((site / name).rglob("tests")):
            shutil.rmtree(folder)
        for pattern in _SOURCES:
            for path in sorted((site / name).rglob(pattern)):
                path.unlink()
    if "pyarrow" not in required:
        for pattern in _PYARROW:
            for path in sorted((site / "pyarrow").glob(pattern)):
                _remove(path)
    _link_copies([*site.glob("*.libs/*.so*"), *site.glob("pyarrow/*.so*")])


def _link_copies(libraries: list[Path]) -> None:
    """Replace copies of a library by links to the first of them: wheels cannot hold links."""
    first: dict[tuple[str, str], Path] = {}
    for path in sorted(libraries):
        # copies of one library share their name up to its number
        key = (path.name.split(".so")[0], hashlib.sha256(path.read_bytes()).hexdigest())
        if (known := first.setdefault(key, path)) != path:
            path.unlink()
            path.symlink_to(os.path.relpath(known, path.parent))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _modules(required: set[str]) -> set[str]:
    """The top-level modules of some distributions."""
    # Python 3.9 does not have it: then less is compiled
    known: dict[str, list[str]] = getattr(metadata, "packages_distributions", dict)()
    return {
        module
        for module, owners in known.items()
        if any(re.sub(r"[-_.]+", "-", owner).lower() in required for owner in owners)
        and module.isidentifier()
        and not module.startswith("_")
    }


def _date(root: Path) -> None:
    """Give everything one date, deepest first."""
    for folder, folders, files in os.walk(root, topdown=False):
        for name in (*files, *folders):  # links to folders count as folders
            os.utime(Path(folder) / name, (0, 0), follow_symlinks=False)
        os.utime(folder, (0, 0), follow_symlinks=False)


if __name__ == "__main__":
    if sys.argv[1] == "--imported":
        sys.stdout.write("\n".join(imported(sys.argv[2:])) + "\n")
    else:
        main(Path(sys.argv[1]), set(sys.argv[2:]))
