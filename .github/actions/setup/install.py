"""Install mlgitops at the versions of a lock, with hashes: python3 -I install.py.

Told by the environment:

LOCK         a requirements file that names every package with its hashes, uv among them.
EXTRAS       all, or none: what the verbs of files and of GitHub need.
SOURCE       a checkout of mlgitops, where the lock does not name mlgitops itself; else empty.
ENVIRONMENT  the folder to install into; one that a cache has filled is taken as it is.

The next steps of the job find the command. Nothing runs but pip, which installs the lock's uv, and
uv, which takes a sixth of the time.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

_ENTRY = re.compile(r"^(?=[A-Za-z0-9])", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRAS = re.compile(r"^([A-Za-z0-9._-]+)\[[^\]]*\]")
_BUILDS = "hatchling"


def entries(lock: str) -> dict[str, str]:
    """The entries of a lock by the names of their packages, without their extras."""
    found = (_EXTRAS.sub(r"\1", text) for text in _ENTRY.split(lock)[1:])
    return {_named(text): text for text in found}


def _named(text: str) -> str:
    match = _NAME.match(text)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def roots(source: str) -> list[str]:
    """The packages that mlgitops needs for itself; those are in the lock."""
    if not source:
        return ["mlgitops"]
    project = tomllib.loads((Path(source) / "pyproject.toml").read_text("utf-8"))["project"]
    return [*map(_named, project["dependencies"]), _BUILDS]


def main() -> None:
    """Make the environment, and let the next steps find it."""
    lock, home = Path(os.environ["LOCK"]), Path(os.environ["ENVIRONMENT"])
    source = os.environ.get("SOURCE", "")
    locked = entries(lock.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uv = _uv(locked["uv"], folder)
        if not (home / "bin").exists():
            _run(uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(home))
            if os.environ["EXTRAS"] == "all":
                wanted = ["--requirements", str(lock)]
            else:
                kept = roots(source)
                rest = [text for package, text in locked.items() if package != "mlgitops"]
                (folder / "roots.txt").write_text("".join(map(locked.__getitem__, kept)), "utf-8")
                (folder / "rest.txt").write_text("".join(rest), "utf-8")
                wanted = ["--requirements", str(folder / "roots.txt")]
                wanted += ["--constraints", str(folder / "rest.txt")]
            _install(uv, home, "--require-hashes", *wanted)
        if source:  # not editable: this folder would be on the path of whatever has a login
            _install(uv, home, "--no-deps", "--no-build-isolation", "--reinstall", source)
    _tell("GITHUB_PATH", str((home / "bin").resolve()))
    # processes that import MLflow compile 1,900 modules each where they may not keep them
    _tell("GITHUB_ENV", "PYTHONDONTWRITEBYTECODE=")


def _uv(entry: str, folder: Path) -> str:
    (folder / "uv.txt").write_text(entry, "utf-8")
    pip = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    into = ["--no-deps", "--target", str(folder / "uv")]
    _run(*pip, "--require-hashes", *into, "--requirement", str(folder / "uv.txt"))
    return str(folder / "uv" / "bin" / "uv")


def _install(uv: str, home: Path, *wanted: str) -> None:
    _run(uv, "pip", "install", "--quiet", "--python", str(home), *wanted)


def _run(*command: str) -> None:
    # nothing that runs here imports from the current folder, which is a checkout
    subprocess.run(command, check=True, env={**os.environ, "PYTHONSAFEPATH": "1"})


def _tell(variable: str, line: str) -> None:
    if target := os.environ.get(variable):
        with Path(target).open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")


if __name__ == "__main__":
    main()
