"""What a well-formed models.yaml must mean: a list of named checks, each a generator of problems.

A check yields the path of what is wrong and a message, or what makes it where that takes long;
`mlgitops.file.load` adds the place.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from mlgitops.core.blocking import why
from mlgitops.core.desired import PROMPTS
from mlgitops.core.metrics import declared, direction, unknown
from mlgitops.core.stage import alias_of
from mlgitops.file import deployed
from mlgitops.file.deployments import DEPLOYMENTS, IMAGES
from mlgitops.file.include import INCLUDE
from mlgitops.file.stages import undeclared, without_hint

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from mlgitops.core.desired import Desired, DesiredModel, GuardException
    from mlgitops.core.directions import Direction
    from mlgitops.errors import Where
    from mlgitops.file.reader import KeyPath

_OF_FORM_2 = ("allow", "announce", "blocked", "evaluation", "metrics", "promote")  # of a model
_MOST_TO_ADD = 50  # stages in one line that an error gives
Flaw = tuple["KeyPath", "str | Callable[[], str]"]


def findings(desired: Desired) -> Iterator[Flaw]:
    """All findings of all checks."""
    for check in CHECKS:
        yield from check(desired)


def model_names_differ_by_more_than_case(desired: Desired) -> Iterator[Flaw]:
    """To MySQL, which compares without regard to case, the second would be the first's double."""
    seen: dict[str, str] = {}
    for name, model in desired.models.items():
        other = seen.setdefault(name.lower(), name)
        if other != name:
            yield (
                (model.section, name),
                f"model {name!r} differs from {other!r} only in case; rename one",
            )


def _declared_stages_differ_by_more_than_case(desired: Desired) -> Iterator[Flaw]:
    first: dict[str, str] = {}
    for index, stage in enumerate(desired.stages.listed):
        if stage.alias in first:
            yield ("stages", index), _one_alias(first[stage.alias], stage.name)
        first.setdefault(stage.alias, stage.name)


def _stage_names_differ_by_more_than_case(desired: Desired) -> Iterator[Flaw]:
    for model, section in product(desired.models.values(), ("stages", "gates", "promote")):
        names = [s.name for s in model.stages] if section == "stages" else getattr(model, section)
        if len(names) < 2:  # as nearly all gates and rules of thousands of models
            continue
        seen: dict[str, str] = {}
        for name in names:
            other = seen.setdefault(alias_of(name), name)
            if other != name:
                yield (model.section, model.name, section, name), _one_alias(other, name)


def _one_alias(one: str, other: str) -> str:
    return f"stages {one!r} and {other!r} have the same alias; keep one"


def _stages_are_declared(desired: Desired) -> Iterator[Flaw]:
    stages = desired.stages
    odd = list(not_as_declared(desired))
    unknown = {name for _, name in odd if stages.find(name) is None}
    others = without_hint(sorted(unknown)[:_MOST_TO_ADD], stages)
    for path, name in odd:
        if name in unknown:
            yield path, partial(undeclared, name, stages, others)
        elif desired.version > 1:  # in form 1 a stage may be written in any case
            declared = stages.name_of(alias_of(name))
            yield path, f"stage {name!r} is declared as {declared!r}; write it so"


def not_as_declared(desired: Desired) -> Iterator[tuple[KeyPath, str]]:
    """Where a stage is named otherwise than it is declared, and how."""
    names = frozenset(desired.stages.names)
    for model in desired.models.values():
        for held in model.stages:
            if held.name not in names:
                yield (model.section, model.name, "stages", held.name), held.name
        for path, stage in (*_in_gates(model), *_in_rules(model)):
            if stage not in names:
                yield path, stage
    for one in desired.deployments.values():
        for index, stage in enumerate(one.stages):
            if stage not in names:
                yield (DEPLOYMENTS, one.name, "stages", index), stage


def _in_gates(model: DesiredModel) -> Iterator[tuple[KeyPath, str]]:
    """Where gates name stages."""
    for entered, gates in model.gates.items():
        at = (model.section, model.name, "gates", entered)
        yield at, entered
        for index, gate in enumerate(gates):
            yield from (((*at, index, key), stage) for key, stage in gate.stages.items())


def _in_rules(model: DesiredModel) -> Iterator[tuple[KeyPath, str]]:
    """Where the rules of promotion name stages."""
    for stage, rule in model.promote.items():
        path = (model.section, model.name, "promote", stage)
        yield path, stage
        if rule.origin:
            yield (*path, "from"), rule.origin


def _gates_can_pass(desired: Desired) -> Iterator[Flaw]:
    for model in desired.models.values():
        for stage, gates in model.gates.items():
            for index, gate in enumerate(gates):
                for key, message in gate.findings(stage):
                    path = (model.section, model.name, "gates", stage, index)
                    yield ((*path, key) if key else path), message


def of_form_2(
    desired: Desired, version: int, prompts: Sequence[str], *, including: bool = False
) -> Iterator[Flaw]:
    """The keys in a file of some version of the form that form 1 does not have.

    Args:
        desired: what the file says.
        version: of the form.
        prompts: all that are listed, also what is a model, too.
        including: whether it includes other files.
    """
    if version >= 2:
        return
    whole = ("allow", desired.allow), (DEPLOYMENTS, desired.deployments), (IMAGES, desired.images)
    places: list[KeyPath] = [(key,) for key, said in whole if said]
    if including:
        places.append((INCLUDE,))
    if prompts:
        places.append((PROMPTS,))
    for model, key in product(desired.models.values(), _OF_FORM_2):
        if getattr(model, key):
            places.append((model.section, model.name, key))
    for path in places:
        yield path, f"{path[-1]!r} needs form 2; write 'version: 2' at the top of the file"


def listed_twice(name: str) -> str:
    """What is said of a prompt that is listed among the models, too."""
    return f"{name!r} is listed under 'models', too; MLflow has one of a name"


def in_two_files(name: str, other: Where) -> str:
    """What is said of a model that another file has, too."""
    return f"{name!r} is in {other.file} in line {other.line}, too; keep it in one of the files"


def _exceptions_differ(desired: Desired) -> Iterator[Flaw]:
    of_models = (((m.section, m.name, "allow"), m.allow) for m in desired.models.values())
    for path, listed in ((("allow",), desired.allow), *of_models):
        seen: dict[str, GuardException] = {}
        for index, one in enumerate(listed):
            first = seen.setdefault(one.guard, one)
            if first is not one:
                line = first.where.line
                yield (*path, index), f"{one.guard!r} is allowed in line {line} already; keep one"


def _prompts_have_what_prompts_can_have(desired: Desired) -> Iterator[Flaw]:
    for prompt in (model for model in desired.models.values() if model.prompt):
        at = (PROMPTS, prompt.name)
        for stage in prompt.stages:
            if stage.digest:
                said = "a prompt has no payload to pin; write the version alone"
                yield (*at, "stages", stage.name), said
        for entered, gates in prompt.gates.items():
            for index, gate in enumerate(gates):
                if not gate.for_prompts:
                    said = "this gate measures models; a prompt has none of what it reads"
                    yield (*at, "gates", entered, index), said
        for entered, rule in prompt.promote.items():
            if rule.metric:
                said = "a prompt has no metrics; choose by alias or tag"
                yield (*at, "promote", entered, "metric"), said


def _rules_can_choose(desired: Desired) -> Iterator[Flaw]:
    for model in desired.models.values():
        for stage, rule in model.promote.items():
            path = (model.section, model.name, "promote", stage)
            for key, message in rule.findings(stage, desired.stages):
                yield ((*path, key) if key else path), message


def _directions_are_known_and_agree(desired: Desired) -> Iterator[Flaw]:
    for model in desired.models.values():
        if not (model.gates or model.promote):
            continue
        known, directions = model.declared_directions, model.directions
        for path, said, directed in _on_metrics(model):
            for metric, way in said.items():
                first = declared(metric, known) or way
                if first != way:
                    yield (
                        (*path, "better"),
                        f"{metric!r} is declared as better {first}; keep one",
                    )
            known = {**said, **known}
            for metric in directed:
                if direction(metric, directions) is None:
                    here = "or 'better: lower' or 'better: higher' here"
                    yield path, f"{unknown(metric)}, {here}"


def _on_metrics(
    model: DesiredModel,
) -> Iterator[tuple[KeyPath, Mapping[str, Direction], Collection[str]]]:
    """The gates and rules, with the directions that they declare and those that they need."""
    for stage, gates in model.gates.items():
        for index, gate in enumerate(gates):
            path = (model.section, model.name, "gates", stage, index)
            yield path, gate.directions, gate.directed
    for stage, rule in model.promote.items():
        needed = (rule.metric,) if rule.metric else ()
        yield (model.section, model.name, "promote", stage), rule.directions, needed


def _metrics_are_told_something_of(desired: Desired) -> Iterator[Flaw]:
    for model in desired.models.values():
        for metric, said in model.metrics.items():
            if not (said.better or said.unit):
                path = (model.section, model.name, "metrics", metric)
                yield path, f"nothing is said of {metric!r}; add 'better' or 'unit'"


def _no_stage_is_to_hold_a_blocked_version(desired: Desired) -> Iterator[Flaw]:
    for model in desired.models.values():
        for stage in model.stages:
            if found := model.blocked.get(stage.version or 0):
                said = why(desired, model.name, stage.version)
                remove = f"remove {stage.version} from 'blocked' in line {found.where.line}"
                path = (model.section, model.name, "stages", stage.name)
                yield path, f"{said}; name another version, or {remove}"


CHECKS: tuple[Callable[[Desired], Iterator[Flaw]], ...] = (
    model_names_differ_by_more_than_case,
    _declared_stages_differ_by_more_than_case,
    _stage_names_differ_by_more_than_case,
    _stages_are_declared,
    _gates_can_pass,
    _exceptions_differ,
    _prompts_have_what_prompts_can_have,
    _rules_can_choose,
    _directions_are_known_and_agree,
    _metrics_are_told_something_of,
    _no_stage_is_to_hold_a_blocked_version,
    deployed.findings,
)
