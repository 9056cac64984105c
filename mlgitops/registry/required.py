"""What a version in a folder asks to have installed, from the files that MLflow writes."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml

from mlgitops.core.requirements import (
    CONSTRAINTS,
    MOST_BYTES,
    PYTHON,
    REQUIREMENTS,
    decoded,
    parse,
    refused,
)
from mlgitops.errors import RequirementsError
from mlgitops.registry import payload
from mlgitops.words import brief

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlgitops.core.requirements import Requirements

_PYTHON, _CONDA, _UV = "python_env.yaml", "conda.yaml", "uv.lock"
_KNOWN = (_CONDA, _PYTHON)
_NO_PACKAGE = re.compile(r"(?:python|pip)(?![A-Za-z0-9_.-]).*")
_FIXED = re.compile(
    r"([A-Za-z0-9_.-]+) *= *([A-Za-z0-9_.!*]+)(?:=[A-Za-z0-9_.]+)?"
)  # with its build
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9_-]*")
_OF_CONDA = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.<>=!~*,| -]*")
# bytes; deep nesting takes a YAML parser long, or its stack
_MOST_OF_YAML = 16_384
_SHOWN = 200  # characters of an error
_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def of_folder(folder: Path, version: str) -> Requirements:
    """What the model in a folder asks for: in requirements.txt, or in MLflow 1's conda.yaml.

    Args:
        folder: where it was downloaded to.
        version: its name and number, for errors.

    Raises:
        RequirementsError: both files are missing, or one asks for anything but packages.
    """
    with _naming(version):
        if _has(folder, _CONDA) and not _has(folder, REQUIREMENTS):
            return parse("\n".join(_conda_packages(_yaml(folder, _CONDA))), _CONDA)
        found = parse(decoded(_content(folder, REQUIREMENTS)))
        for _, wheel in found.wheels:
            _inside(folder, wheel)
        if not found.constrained:
            return found
        constraints = parse(decoded(_content(folder, CONSTRAINTS)), CONSTRAINTS)
        return replace(found, constraints=constraints.packages)


def of_conda(folder: Path) -> tuple[str, ...]:
    """What a conda.yaml asks for, to be shown; nothing if there is none that can be read."""
    with suppress(RequirementsError):
        return tuple(_conda_packages(_yaml(folder, _CONDA))) if _has(folder, _CONDA) else ()
    return ()


def _conda_packages(said: dict[str, Any]) -> Iterator[str]:
    """What a conda.yaml asks for besides Python and pip, as pip asks for it."""
    for asked in said.get("dependencies") or ():
        if isinstance(asked, dict):
            yield from map(str, asked.get("pip") or ())
            continue
        if not _NO_PACKAGE.fullmatch(str(asked)):
            fixed = _FIXED.fullmatch(str(asked))
            yield f"{fixed[1]}=={fixed[2]}" if fixed else str(asked)


def python_of(folder: Path, version: str) -> str:
    """What the model's python_env.yaml says of Python; empty if it says nothing or is missing.

    Raises:
        RequirementsError: it cannot be read.
    """
    with _naming(version):
        return str(_yaml(folder, _PYTHON).get("python") or "") if _has(folder, _PYTHON) else ""


def check(folder: Path, version: str, manager: str) -> None:
    """Return if MLflow, asked for an environment of the model's own, installs packages alone.

    Args:
        folder: where it was downloaded to.
        version: its name and number, for errors.
        manager: `uv`, `virtualenv` or `conda`; each reads other files.

    Raises:
        RequirementsError: it would install from elsewhere, or hand something else to a shell.
        PayloadError: its MLmodel file cannot be read.
    """
    of_folder(folder, version)
    with _naming(version):  # who reads the files next may read other bytes in another way
        for name in (REQUIREMENTS, CONSTRAINTS):
            if _has(folder, name):
                parse(_text(folder, name), name)
    flavour = payload.of_folder(folder)["flavors"].get("python_function", {})
    with _naming(version):
        named = flavour.get("env", _CONDA)
        if not {*map(str, named.values() if isinstance(named, dict) else [named])} <= {*_KNOWN}:
            raise refused(
                f"its environment is in other files than {' and '.join(_KNOWN)}", "MLmodel"
            )
        if manager == "conda":
            _check_conda(_yaml(folder, _CONDA))
            return
        if manager == "uv" and (folder / _UV).exists():
            raise refused("it names addresses; serve with --env-manager virtualenv", _UV)
        _check_python(_yaml(folder, _PYTHON))


def _check_python(said: dict[str, Any]) -> None:
    if not PYTHON.fullmatch(str(said.get("python"))):
        raise refused("its python is no version number", _PYTHON)
    included = f"-r {REQUIREMENTS}"
    for key in ("build_dependencies", "dependencies"):
        _check_lines([one for one in said.get(key) or () if one != included], _PYTHON)


def _check_conda(said: dict[str, Any]) -> None:
    if strange := said.keys() - {"name", "channels", "dependencies"}:
        raise refused(f"{min(strange)[:_SHOWN]!r} is not allowed; remove it", _CONDA)
    for channel in said.get("channels") or ():
        if not _CHANNEL.fullmatch(str(channel)):
            raise refused("a channel is no name, such as conda-forge", _CONDA)
    for asked in said.get("dependencies") or ():
        if isinstance(asked, dict) and asked.keys() == {"pip"}:
            _check_lines(asked["pip"], REQUIREMENTS)
        elif not _OF_CONDA.fullmatch(str(asked)):
            raise refused("a dependency is no package with a version", _CONDA)


def _check_lines(lines: object, name: str) -> None:
    if not isinstance(lines, list):
        raise refused("its dependencies are no list", name)
    parse("\n".join(map(str, lines)), name)


def _yaml(folder: Path, name: str) -> dict[str, Any]:
    text = _text(folder, name, _MOST_OF_YAML)
    try:
        # as text, whatever it looks like: 3.10 is no number, and `!!bool maybe` no bool
        found = yaml.load(text, _Loader)  # noqa: S506
    except (RecursionError, yaml.YAMLError) as error:
        raise refused(f"it is not valid YAML: {brief(error, _SHOWN)}", name) from error
    return found if isinstance(found, dict) else {}


@contextmanager
def _naming(version: str) -> Iterator[None]:
    """Say which version an error is of."""
    try:
        yield
    except RequirementsError as error:
        named = (replace(problem, model=version) for problem in error.problems)
        raise RequirementsError(named) from error


def _text(folder: Path, name: str, most: int = MOST_BYTES) -> str:
    """The text of a file of the model, of at most so many bytes.

    Raises:
        RequirementsError: there is none within the model, or it is no UTF-8, or too long.
    """
    try:
        return _content(folder, name, most).decode()
    except UnicodeDecodeError as error:
        raise refused(f"it is not UTF-8: byte {error.start + 1} of it", name) from error


def _content(folder: Path, name: str, most: int = MOST_BYTES) -> bytes:
    with _inside(folder, name).open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise refused(f"it has more than {most:,} bytes", name)
    return content


def _has(folder: Path, name: str) -> bool:
    """Whether a model has a file of that name, be it a link that leads nowhere."""
    return os.path.lexists(folder / name)


def _inside(folder: Path, name: str) -> Path:
    """A file of the model: a link may lead anywhere, and a pipe has no end."""
    path = folder / name
    if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
        raise refused("it is a link; log the version again with the file itself", name)
    if not path.is_file():
        raise refused("the version has no such file; log it with MLflow 2 or later", name)
    return path
