"""This repository's own workflows, from the templates for all: nox -s templates; lint checks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import written
from mlgitops.scaffold import render
from mlgitops.scaffold.answers import Answers, Engine, Trigger

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def out_of_date() -> dict[str, str]:
    """Those that are not as they should be, with the text that they should have."""
    return written.out_of_date(texts())


if __name__ == "__main__":
    written.main(texts(), "templates")
