"""What a well-formed models.yaml must mean: a list of named checks, each a generator of problems.

A check yields the path of what is wrong and a message; `mlgitops.file.load` adds the place.
"""

from __future__ import annotations

import importlib
import importlib.util
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from mlgitops.core.desired import (
    ArtifactSizeGate,
    LatencyGate,
    MetricGate,
    PromotedFromGate,
    PythonGate,
)
from mlgitops.core.stage import alias_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.core.desired import Desired, DesiredModel, Gate
    from mlgitops.file.document import Path

Finding = tuple["Path", str]


def check(desired: Desired) -> Iterator[Finding]:
    """All findings of all checks."""
    yield from _model_names_differ_by_more_than_case(desired)
    for model in desired.models.values():
        for one in CHECKS:
            yield from one(model)


def _model_names_differ_by_more_than_case(desired: Desired) -> Iterator[Finding]:
    # MySQL compares names without regard to case: the second would be the first one's double
    seen: dict[str, str] = {}
    for name in desired.models:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            yield (
                ("models", name),
                f"model {name!r} differs from {other!r} only by case; rename one",
            )


def _stage_names_differ_by_more_than_case(model: DesiredModel) -> Iterator[Finding]:
    for section in ("stages", "gates"):
        names = [s.name for s in model.stages] if section == "stages" else list(model.gates)
        seen: dict[str, str] = {}
        for name in names:
            other = seen.setdefault(alias_of(name), name)
            if other != name:
                message = f"stages {other!r} and {name!r} are the same alias; keep one"
                yield ("models", model.name, section, name), message


def _recipes_name_a_training_module(model: DesiredModel) -> Iterator[Finding]:
    for number, recipe in model.versions.items():
        if importlib.util.find_spec(f"training.{recipe.train}") is None:
            message = f"there is no training/{recipe.train}.py; name a module that exists"
            yield ("models", model.name, "versions", number, "train"), message


def _gates(model: DesiredModel) -> Iterator[tuple[Path, str, Gate]]:
    for stage, gates in model.gates.items():
        for index, gate in enumerate(gates):
            yield ("models", model.name, "gates", stage, index), stage, gate


def _metric_gates_have_a_bound(model: DesiredModel) -> Iterator[Finding]:
    for path, _, gate in _gates(model):
        if not isinstance(gate, MetricGate):
            continue
        if gate.minimum is None and gate.maximum is None and gate.max_regression is None:
            yield path, f"gate on {gate.metric!r} has no bound; add min, max or max_regression"
        if gate.minimum is not None and gate.maximum is not None and gate.minimum > gate.maximum:
            yield path, f"gate on {gate.metric!r} can never pass: min is above max"


def _regression_gates_know_which_way_is_better(model: DesiredModel) -> Iterator[Finding]:
    for path, _, gate in _gates(model):
        if isinstance(gate, MetricGate) and gate.max_regression and gate.better is None:
            message = (
                f"the name {gate.metric!r} does not tell which way is better; "
                "add 'better: higher' or 'better: lower'"
            )
            yield path, message


def _promoted_from_names_another_stage(model: DesiredModel) -> Iterator[Finding]:
    for path, stage, gate in _gates(model):
        if isinstance(gate, PromotedFromGate) and alias_of(gate.stage) == alias_of(stage):
            yield path, f"a version can not enter {stage} from {stage} itself; name another stage"


def _limits_can_be_met(model: DesiredModel) -> Iterator[Finding]:
    for path, _, gate in _gates(model):
        if isinstance(gate, ArtifactSizeGate | LatencyGate) and not gate.most:
            kind = "max_artifact_size" if isinstance(gate, ArtifactSizeGate) else "max_latency"
            yield (*path, kind), f"{gate.text} can never be met; give a limit above 0"


def _own_checks_are_in_a_module_that_can_be_found(model: DesiredModel) -> Iterator[Finding]:
    for path, _, gate in _gates(model):
        if isinstance(gate, PythonGate) and not _can_be_found(gate):
            top = gate.module.partition(".")[0]
            message = f"there is no module {top!r} beside models.yaml, here, or installed; add it"
            yield (*path, "python"), message


def _can_be_found(gate: PythonGate) -> bool:
    """Whether the top-level module is there; nothing is imported, so what it holds is not known."""
    top = gate.module.partition(".")[0]
    importlib.invalidate_caches()
    if PathFinder.find_spec(top, list(gate.folders)) is not None:
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except ValueError:  # a module without a specification, such as __main__
        return False


CHECKS: tuple[Callable[[DesiredModel], Iterator[Finding]], ...] = (
    _stage_names_differ_by_more_than_case,
    _recipes_name_a_training_module,
    _metric_gates_have_a_bound,
    _regression_gates_know_which_way_is_better,
    _promoted_from_names_another_stage,
    _limits_can_be_met,
    _own_checks_are_in_a_module_that_can_be_found,
)
