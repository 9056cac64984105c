"""What a version in a folder asks to have installed, from the files that MLflow writes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from mlgitops.core.requirements import CONSTRAINTS, MOST_BYTES, REQUIREMENTS, parse, refused
from mlgitops.errors import RequirementsError
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlgitops.core.requirements import Requirements

_PYTHON = "python_env.yaml"
# bytes; deep nesting takes a YAML parser long, or its stack
_MOST_OF_PYTHON = 4_096
_SHOWN = 200  # characters of an error
_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def of_folder(folder: Path, version: str) -> Requirements:
    """What the model in a folder asks for.

    Args:
        folder: where it was downloaded to.
        version: its name and number, for errors.

    Raises:
        RequirementsError: a file is missing, or asks for anything but packages.
    """
    with _naming(version):
        found = parse(_text(folder, REQUIREMENTS))
        for _, wheel in found.wheels:
            _inside(folder, wheel)
        if not found.constrained:
            return found
        constraints = parse(_text(folder, CONSTRAINTS), CONSTRAINTS)
        return replace(found, constraints=constraints.packages)


def python_of(folder: Path, version: str) -> str:
    """What the model's python_env.yaml says of Python; empty if it says nothing.

    Raises:
        RequirementsError: it cannot be read.
    """
    with _naming(version):
        text = _text(folder, _PYTHON, _MOST_OF_PYTHON)
        try:
            # as text, whatever it looks like: 3.10 is no number, and `!!bool maybe` no bool
            found = yaml.load(text, _Loader)  # noqa: S506
        except (RecursionError, yaml.YAMLError) as error:
            raise refused(f"it is not valid YAML: {one_line(error)[:_SHOWN]}", _PYTHON) from error
    python = found.get("python") if isinstance(found, dict) else None
    return python if isinstance(python, str) else ""


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
        RequirementsError: there is none within the model, or it is no text, or too long.
    """
    with _inside(folder, name).open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise refused(f"it has more than {most:,} bytes", name)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise refused(f"it is not UTF-8: byte {error.start + 1} of it", name) from error


def _inside(folder: Path, name: str) -> Path:
    """A file of the model: a link may lead anywhere, and a pipe has no end."""
    path = folder / name
    if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
        raise refused("it is a link; log the version again with the file itself", name)
    if not path.is_file():
        raise refused("the version has no such file; log it with MLflow 2 or later", name)
    return path
