"""A team's own check: a function that is imported and called when a plan is made.

The only gate that is not pure. Whatever the function does but pass or refuse is a gate that fails
and says so; a plan never ends in a traceback of it.
"""

from __future__ import annotations

import importlib
import reprlib
import sys
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TYPE_CHECKING

from mlgitops.core.gate import verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.desired import PythonGate
    from mlgitops.core.gate import Case, Verdict

_EXPECTED = "no objection"
_LONGEST = 500  # characters of what a check says


def check(gate: PythonGate, case: Case) -> Verdict:
    """What the function says."""
    objection = _objection(gate, case)
    rule = f"python {gate.module}:{gate.function}"
    return verdict(rule, objection is None, _EXPECTED, objection or _EXPECTED)


def _objection(gate: PythonGate, case: Case) -> str | None:
    try:
        # standard output is the report's, which may be JSON
        with _importable(gate.folders), redirect_stdout(sys.stderr):
            said = getattr(importlib.import_module(gate.module), gate.function)(case)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it may raise whatever it likes
        return _line(f"{type(error).__name__}: {error}")
    if said is None:
        return None
    if isinstance(said, str) and said.strip():
        return _line(said)
    return f"it returned {reprlib.repr(said)}, which is neither None nor a text that says why not"


@contextmanager
def _importable(folders: tuple[str, ...]) -> Iterator[None]:
    """What lies in these folders can be imported, before what is installed."""
    sys.path[:0] = folders
    importlib.invalidate_caches()  # a module may have been written a moment ago
    try:
        yield
    finally:
        for folder in folders:
            with suppress(ValueError):  # the module may have removed it itself
                sys.path.remove(folder)


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"
