"""What a well-formed models.yaml must mean: a list of named checks, each a generator of problems.

A check yields the path of what is wrong and a message, or what makes it where that takes long;
`mlgitops.file.load` adds the place.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of
from mlgitops.file.stages import undeclared, without_hint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.core.desired import Desired, GuardException
    from mlgitops.file.reader import KeyPath

_MOST_TO_ADD = 50  # stages in one line that an error gives
Flaw = tuple["KeyPath", "str | Callable[[], str]"]


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


def _declared_stages_differ_by_more_than_case(desired: Desired) -> Iterator[Flaw]:
    first: dict[str, str] = {}
    for index, stage in enumerate(desired.stages.listed):
        if stage.alias in first:
            yield ("stages", index), _one_alias(first[stage.alias], stage.name)
        first.setdefault(stage.alias, stage.name)


def _stage_names_differ_by_more_than_case(desired: Desired) -> Iterator[Flaw]:
    for model, section in product(desired.models.values(), ("stages", "gates")):
        names = [s.name for s in model.stages] if section == "stages" else list(model.gates)
        seen: dict[str, str] = {}
        for name in names:
            other = seen.setdefault(alias_of(name), name)
            if other != name:
                yield ("models", model.name, section, name), _one_alias(other, name)


def _one_alias(one: str, other: str) -> str:
    return f"stages {one!r} and {other!r} have the same alias; keep one"


def _stages_are_declared(desired: Desired) -> Iterator[Flaw]:
    stages = desired.stages
    odd = list(_not_as_declared(desired))
    unknown = {name for _, name in odd if stages.find(name) is None}
    others = without_hint(sorted(unknown)[:_MOST_TO_ADD], stages)
    for path, name in odd:
        if name in unknown:
            yield path, partial(undeclared, name, stages, others)
        elif desired.version > 1:  # in form 1 a stage may be written in any case
            declared = stages.name_of(alias_of(name))
            yield path, f"stage {name!r} is declared as {declared!r}; write it so"


def _not_as_declared(desired: Desired) -> Iterator[tuple[KeyPath, str]]:
    """Where a stage is named otherwise than it is declared, and how."""
    names = frozenset(desired.stages.names)
    for model in desired.models.values():
        for held in model.stages:
            if held.name not in names:
                yield ("models", model.name, "stages", held.name), held.name
        for entered, gates in model.gates.items():
            at = ("models", model.name, "gates", entered)
            if entered not in names:
                yield at, entered
            for index, gate in enumerate(gates):
                for key, stage in gate.stages.items():
                    if stage not in names:
                        yield (*at, index, key), stage


def _gates_can_pass(desired: Desired) -> Iterator[Flaw]:
    for model in desired.models.values():
        for stage, gates in model.gates.items():
            for index, gate in enumerate(gates):
                for key, message in gate.findings(stage):
                    path = ("models", model.name, "gates", stage, index)
                    yield ((*path, key) if key else path), message


def exceptions(desired: Desired, version: int) -> Iterator[Flaw]:
    """What is wrong with the exceptions to guards in a file of some version of the form."""
    of_models = ((("models", m.name, "allow"), m.allow) for m in desired.models.values())
    for path, listed in ((("allow",), desired.allow), *of_models):
        if listed and version < 2:
            yield path, "'allow' needs form 2; write 'version: 2' at the top of the file"
        seen: dict[str, GuardException] = {}
        for index, one in enumerate(listed):
            first = seen.setdefault(one.guard, one)
            if first is not one:
                line = first.where.line
                yield (*path, index), f"{one.guard!r} is allowed in line {line} already; keep one"


def announcements(desired: Desired, version: int) -> Iterator[Flaw]:
    """Announcements in a file whose form has none."""
    for model in desired.models.values():
        if model.announce and version < 2:
            path = ("models", model.name, "announce")
            yield path, "'announce' needs form 2; write 'version: 2' at the top of the file"


CHECKS: tuple[Callable[[Desired], Iterator[Flaw]], ...] = (
    _model_names_differ_by_more_than_case,
    _declared_stages_differ_by_more_than_case,
    _stage_names_differ_by_more_than_case,
    _stages_are_declared,
    _gates_can_pass,
)
