"""The stages that models.yaml declares, and what to say of a stage that it does not declare."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import yaml

from mlgitops.core.stage import PRODUCTION, DeclaredStage, DeclaredStages, alias_of
from mlgitops.errors import UsageError
from mlgitops.file.schema import DeclaredForm
from mlgitops.gates.form import stage_name
from mlgitops.words import nearest, suggestion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from mlgitops.core.desired import Desired
    from mlgitops.errors import Where

_ONE_LINE = 10**6  # characters


def declared(listed: Iterable[str | DeclaredForm], where: Where) -> DeclaredStages:
    """What the list says; Production is production unless it says otherwise."""
    return DeclaredStages(listed=tuple(map(_declared, listed)), where=where)


def _declared(form: str | DeclaredForm) -> DeclaredStage:
    if isinstance(form, DeclaredForm) and "production" in form.model_fields_set:
        return DeclaredStage(name=form.name, production=form.production)
    return _plain(form.name if isinstance(form, DeclaredForm) else form)


def _plain(name: str) -> DeclaredStage:
    return DeclaredStage(name=name, production=alias_of(name) == alias_of(PRODUCTION))


def likely(name: str) -> DeclaredStage:
    """A stage as its declaration is proposed: production where its name suggests that.

    MLflow's documentation calls the version that serves the champion.
    """
    alias = alias_of(name)
    return DeclaredStage(name=name, production=alias == "champion" or alias.startswith("prod"))


def line(stages: Iterable[DeclaredStage]) -> str:
    """The line of models.yaml that declares some stages."""
    return f"stages: [{', '.join(map(_written, stages))}]"


@lru_cache  # a file may have the same one to add in thousands of places
def _written(stage: DeclaredStage) -> str:
    usual = stage == _plain(stage.name)
    return spelled(stage.name if usual else {"name": stage.name, "production": stage.production})


def spelled(value: object) -> str:
    """A value as models.yaml may write it anywhere in a line."""
    text = yaml.safe_dump(
        [value], default_flow_style=True, sort_keys=False, allow_unicode=True, width=_ONE_LINE
    )
    return text.strip()[1:-1]


def undeclared(name: str, stages: DeclaredStages, others: Collection[str] = ()) -> str:
    """What to say of a stage that is not declared.

    Args:
        name: of the stage.
        stages: those that are declared.
        others: what else the file does not declare and the line to add should.
    """
    if stages.where is None:
        new: dict[str, DeclaredStage] = {}
        for one in map(likely, (*others, name)):
            new.setdefault(one.alias, one)
        how = f"add the line `{line((*stages.listed, *new.values()))}`"
    else:
        how = f"add it to `stages` at {stages.where}"
    hint = suggestion(name, stages.names)
    return f"stage {name!r} is not declared; {hint} (to declare it, {how})"


def without_hint(names: Iterable[str], stages: DeclaredStages) -> list[str]:
    """Those of some undeclared stages that are no typos of a declared one."""
    return [name for name in names if nearest(name, stages.names) is None]


def stage_of(desired: Desired, name: str) -> str:
    """A stage that somebody named, in whichever case, as models.yaml declares it.

    Raises:
        UsageError: it declares no such stage; with the nearest one.
    """
    if found := desired.stages.find(name):
        return found.name
    try:
        stage_name(name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    raise UsageError(f"{desired.file}: {undeclared(name, desired.stages)}")
