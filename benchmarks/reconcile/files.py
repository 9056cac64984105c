"""What needs no registry: starting, models.yaml, history."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.history import COMMITS
from benchmarks.history import seed as seed_history
from benchmarks.reconcile import declared, seed
from benchmarks.reconcile.engines import environment
from benchmarks.reconcile.results import PYTHON, YAML, Measured
from harness.costs import measured

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from benchmarks.reconcile.engines import Engine
    from benchmarks.reconcile.results import Results
    from harness.costs import Cost

_LARGEST_BEFORE = 1_000  # models; it refused files of more than 2 MiB
_LOAD = "import yaml; yaml.load(open('models.yaml'), yaml.CSafeLoader)"
_HISTORY = ("history", "--offline")
_COMMITS_BEFORE = 200


def start(folder: Path, results: Results, *made: Engine) -> None:
    """Measure verbs that read no file, beside importing what they cannot do without."""
    for library in ("click", "requests"):
        code = f"import {library}"
        results.measure(code, PYTHON, partial(_python, code, folder))
    for option in ("--help", "--version"):
        for engine in made:
            results.measure(option, engine.name, partial(engine.run, option, folder=folder))


def verbs(
    folder: Path, results: Results, sizes: Iterable[int], ours: Engine, before: Engine
) -> None:
    """Measure verbs that read models.yaml with full entries, beside loading it."""
    files = {engine: declared.beside_recipes(folder, engine) for engine in (ours, before)}
    for size in sizes:
        text = declared.full(size)
        for engine, file in files.items():
            if engine is ours or size <= _LARGEST_BEFORE:
                for verb in (["validate"], ["promote", seed.name_of(size // 2), "Production", "2"]):
                    run = partial(_on_file, engine, verb, file, text)
                    results.measure(verb[0], engine.name, run, size=size)
        results.measure("load", YAML, partial(_python, _LOAD, files[ours].parent), size=size)


def _on_file(engine: Engine, verb: list[str], file: Path, text: str) -> Cost:
    file.write_text(text)
    return engine.run(*verb, folder=file.parent)


def history(folder: Path, results: Results, ours: Engine, before: Engine) -> None:
    """Measure the history of many commits; for what it was before that of few, scaled."""
    long, short = folder / "history", folder / "history-before"
    seed_history(long)
    seed_history(short, commits=_COMMITS_BEFORE)
    results.measure("history", ours.name, partial(ours.run, *_HISTORY, folder=long), size=COMMITS)
    idle, few = (before.run(*arguments, folder=short) for arguments in (["--version"], _HISTORY))
    results.add(
        Measured(
            task="history",
            who=before.name,
            size=COMMITS,
            cost=few.scaled(idle, COMMITS / _COMMITS_BEFORE),
            sample=_COMMITS_BEFORE,
        )
    )


def _python(code: str, folder: Path) -> Cost:
    return measured([sys.executable, "-c", code], folder=folder, environment=environment())
