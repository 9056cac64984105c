"""The commands that the docs print, so that tests run what people read."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_DOCS = Path(__file__).resolve().parents[1] / "docs"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PORT = "5001"
_MODEL = "power-forecasting-model"


def commands(page: str) -> tuple[str, ...]:
    """The commands in a page's console blocks; one that a line does not end goes on in the next."""
    found, begun = [], ""
    text = (_DOCS / page).read_text(encoding="utf-8")
    for line in "".join(_BLOCK.findall(text)).splitlines():
        begun = f"{begun}\n{line}" if begun else line
        if _whole(begun):
            found.append(begun)
            begun = ""
    assert not begun, f"{page}: no end of {begun}"
    return tuple(found)


def _whole(command: str) -> bool:
    try:
        return bool(shlex.split(command))
    except ValueError:  # a quotation goes on
        return False


def command(page: str, pattern: str, *, port: int, model: str = _MODEL) -> str:
    """The one command of a page that matches a pattern, on another port and for another model.

    Args:
        page: the file's name in docs/.
        pattern: a regular expression of the whole command.
        port: takes the place of the page's.
        model: takes the place of the page's, also in the names of images.
    """
    fitting = [one for one in commands(page) if re.fullmatch(pattern, one, re.DOTALL)]
    assert len(fitting) == 1, (pattern, fitting)
    return fitting[0].replace(_PORT, str(port)).replace(_MODEL, model)


def environment(path: Iterable[str] | None = None) -> dict[str, str]:
    """Variables with which a shell finds the commands of this interpreter first.

    Args:
        path: the folders after it; None for those of this process.
    """
    others = os.environ["PATH"].split(os.pathsep) if path is None else path
    tools = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([tools, *others])}
