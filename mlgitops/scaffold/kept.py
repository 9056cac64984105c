"""What a repository keeps of how it was made: the answers, and what they were rendered to.

`mlgitops upgrade` merges three ways: what was rendered then is the base. The folder is
`.github/mlgitops`: `answers.yaml`, and `base/`, where names that begin with a dot are written
`dot_NAME`, so that no tool takes those files for what they are copies of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pydantic
import yaml

from mlgitops.errors import ScaffoldError
from mlgitops.scaffold import place, render
from mlgitops.scaffold.answers import Answers
from mlgitops.system import files, yamls
from mlgitops.words import brief

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDER = ".github/mlgitops"
_ANSWERS = f"{FOLDER}/answers.yaml"
_BASE = f"{FOLDER}/base"
_HEADER = """\
# Written by `mlgitops init` and `mlgitops upgrade`: which mlgitops made the files of this
# repository, and for what. base/ has them as they were made. Edit neither.
"""
_MAX_BYTES = 2**20
_GONE = ("rehearsal",)  # answers that older templates asked for
_FORM = pydantic.TypeAdapter(Answers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """How the files of a repository were made.

    Attributes:
        version: of the mlgitops that made them.
        answers: what they were made for.
        files: path in the repository → text, as rendered.
    """

    version: str
    answers: Answers
    files: Mapping[str, str]


def texts(kept: Kept) -> dict[str, str]:
    """What is to be written: path in the repository → text."""
    said = {"mlgitops": kept.version} | _FORM.dump_python(kept.answers, mode="json")
    return {
        _ANSWERS: _HEADER + yaml.safe_dump(said, sort_keys=False),
        f"{FOLDER}/.gitattributes": "* linguist-generated\n",
        **{f"{_BASE}/{render.visible(name)}": text for name, text in kept.files.items()},
    }


def write(folder: Path, kept: Kept) -> None:
    """Keep this in a repository, and nothing that was kept before.

    Raises:
        FileWriteError: a file cannot be written.
    """
    new = texts(kept)
    for path in _base_files(folder):
        if path.relative_to(folder).as_posix() not in new:
            path.unlink()
    for name, text in new.items():
        place.write(folder, name, text)


def read(folder: Path) -> Kept | None:
    """What a repository keeps; None if `init` did not make it.

    Raises:
        ScaffoldError: it cannot be read, or an engine of another form wrote it.
    """
    path = folder / _ANSWERS
    if not path.exists():
        return None
    try:
        said = dict(yamls.load(files.read_bytes(path, limit=_MAX_BYTES)))
        version = str(said.pop("mlgitops"))
        for name in _GONE:
            said.pop(name, None)
        answers = _FORM.validate_python(said)
        base = {
            render.real(one.relative_to(folder / _BASE).as_posix()): _text(one)
            for one in _base_files(folder)
        }
    except (OSError, *yamls.BROKEN) as error:
        raise ScaffoldError(
            f"{path}: not what `mlgitops init` wrote ({brief(error, 200)}); "
            "take it back from git, or install the newest mlgitops"
        ) from error
    return Kept(version=version, answers=answers, files=base)


def _text(path: Path) -> str:
    return files.read_text(path, limit=_MAX_BYTES)


def _base_files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / _BASE).rglob("*") if path.is_file())
