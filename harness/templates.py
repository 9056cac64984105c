"""This repository's own workflows, from the templates for all: nox -s templates; lint checks it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.scaffold import render
from mlgitops.scaffold.answers import Answers, Engine, Trigger
from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[1]
OWN = Answers(engine=Engine.CHECKOUT)
# what other repositories call at a commit of this one
CALLED = Answers(trigger=Trigger.CALL)


def texts() -> Mapping[str, str]:
    """All files that are made from templates: path → text."""
    called = {
        name.replace("workflows/", "workflows/called-"): text
        for name, text in render.github(CALLED).items()
        if "\n  workflow_call:" in text
    }
    return {**render.github(OWN), **called}


def out_of_date(root: Path = ROOT) -> dict[str, str]:
    """The files that are not as rendered, with the text that they should have."""
    return {
        name: text
        for name, text in texts().items()
        if not (root / name).exists() or (root / name).read_bytes() != text.encode()
    }


if __name__ == "__main__":
    found = out_of_date()
    if sys.argv[1:] == ["--check"] and found:
        sys.exit(f"error: {', '.join(found)}: out of date; run `nox -s templates`")
    for name, text in found.items():
        files.write_text(ROOT / name, text)
