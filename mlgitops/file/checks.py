"""What a well-formed models.yaml must mean: a list of named checks, each a generator of problems.

A check yields the path of what is wrong and a message; `mlgitops.file.load` adds the place.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.core.desired import Desired
    from mlgitops.file.reader import KeyPath

Flaw = tuple["KeyPath", str]


def findings(desired: Desired) -> Iterator[Flaw]:
    """All findings of all checks."""
    for check in CHECKS:
        yield from check(desired)


def _model_names_differ_by_more_than_case(desired: Desired) -> Iterator[Flaw]:
    # MySQL compares names without regard to case: the second would be the first one's double
    seen: dict[str, str] = {}
    for name in desired.models:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            yield (
                ("models", name),
                f"model {name!r} differs from {other!r} only in case; rename one",
            )


def _stage_names_differ_by_more_than_case(desired: Desired) -> Iterator[Flaw]:
    for model, section in product(desired.models.values(), ("stages", "gates")):
        names = [s.name for s in model.stages] if section == "stages" else list(model.gates)
        seen: dict[str, str] = {}
        for name in names:
            other = seen.setdefault(alias_of(name), name)
            if other != name:
                message = f"stages {other!r} and {name!r} have the same alias; keep one"
                yield ("models", model.name, section, name), message


def _gates_can_pass(desired: Desired) -> Iterator[Flaw]:
    for model in desired.models.values():
        for stage, gates in model.gates.items():
            for index, gate in enumerate(gates):
                for key, message in gate.findings(stage):
                    path = ("models", model.name, "gates", stage, index)
                    yield ((*path, key) if key else path), message


CHECKS: tuple[Callable[[Desired], Iterator[Flaw]], ...] = (
    _model_names_differ_by_more_than_case,
    _stage_names_differ_by_more_than_case,
    _gates_can_pass,
)
