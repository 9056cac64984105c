"""Training stops where every other version would meet the same fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.core.desired import Recipe
from mlgitops.errors import Where
from mlgitops.errors.registry import RegistryFaultError, RegistryUnreachableError
from mlgitops.recipes import running
from mlgitops.recipes.package import RecipePackage
from mlgitops.recipes.versions import MissingVersion
from mlgitops.workers.here import Processes

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.errors import MlgitopsError


def version(model: str) -> MissingVersion:
    """The first version of a model."""
    recipe = Recipe(train="slow", params={}, where=Where(file="models.yaml", line=1, column=1))
    return MissingVersion(model=model, number=1, recipe=recipe)


@pytest.mark.parametrize("here", [True, False], ids=["here", "by workers"])
def test_nothing_is_begun_once_the_registry_is_unreachable(tmp_path: Path, here: bool) -> None:
    """Neither the next model's failure nor free workers make up for it."""
    asked: list[str] = []
    faults: dict[str, MlgitopsError] = {
        "a": RegistryUnreachableError("nothing answers"),
        "b": RegistryFaultError("HTTP 500"),
    }

    def prepare(model: str) -> None:
        asked.append(model)
        raise faults[model]

    terms = running.Terms(
        package=RecipePackage(name="slowly", folders=(str(tmp_path),)),
        data=None,
        prepare=prepare,
        progress=lambda _: None,
    )
    todo = [[version("a")], [version("b")]]
    if here:
        done = running.here(todo, terms)
    else:
        crew = running.Crew(workers=Processes(2, lambda *_: None, {}), far=False)
        done = running.by_workers(todo, terms, crew)
    assert asked == ["a"]
    assert done.stopped
    assert list(done.failures) == ["a"]
