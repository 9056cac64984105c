"""A team's own check: a function that is imported and called when a plan is made.

The only gate that is not pure. Whatever the function does but pass or refuse is a gate that fails
and says so; a plan never ends in a traceback of it.
"""

from __future__ import annotations

import importlib
import reprlib
import sys
from contextlib import redirect_stdout
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, PrivateAttr

from mlgitops.core.gate import Need, verdict
from mlgitops.gates.form import GateForm
from mlgitops.system import modules
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlgitops.core.gate import Case, Verdict

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_EXPECTED = "no objection"
_LONGEST = 500  # characters of what a check says


class PythonGate(GateForm):
    """A team's own check; docs/evidence.md says what it is called with and returns."""

    need: ClassVar[Need] = Need.PREDICTIONS  # what it looks at is not known
    for_prompts: ClassVar[bool] = True
    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"python": "package.module:function, such as checks.wind:is_calm"}
    )

    python: Annotated[
        str,
        Field(
            pattern=rf"^{_NAME}(\.{_NAME})*:{_NAME}$",
            description="package.module:function, beside models.yaml or installed",
        ),
    ]
    _folders: tuple[str, ...] = PrivateAttr(())

    def model_post_init(self, context: Any, /) -> None:
        """Keep where the module is looked for before what is installed."""
        self._folders = tuple(context["folders"]) if context else ()

    @property
    def folders(self) -> tuple[str, ...]:
        """Where the module is looked for before what is installed."""
        return self._folders

    @property
    def module(self) -> str:
        """Dotted, such as `checks.wind`."""
        return self.python.partition(":")[0]

    @property
    def function(self) -> str:
        """Its name in the module."""
        return self.python.partition(":")[2]

    def findings(self, stage: str) -> Iterator[tuple[str | None, str]]:  # noqa: ARG002
        """A module that is nowhere; nothing is imported, so what it holds is not known."""
        top = self.module.partition(".")[0]
        if modules.find(top, self.folders) is None:
            yield (
                "python",
                f"module {top!r} is not next to models.yaml, in this folder or installed; add it",
            )

    def judge(self, case: Case) -> Iterator[Verdict]:
        """What the function says."""
        objection = _objection(self, case)
        yield verdict(self.rule, objection is None, _EXPECTED, objection or _EXPECTED)


def _objection(gate: PythonGate, case: Case) -> str | None:
    try:
        # standard output is the report's, which may be JSON
        with modules.importable(gate.folders), redirect_stdout(sys.stderr):
            said = getattr(importlib.import_module(gate.module), gate.function)(case)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it may raise whatever it likes
        return _line(f"{type(error).__name__}: {error}")
    if said is None:
        return None
    if isinstance(said, str) and said.strip():
        return _line(said)
    return f"it returned {reprlib.repr(said)}, not None or a text that says why"


def _line(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"
