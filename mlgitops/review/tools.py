"""What comparisons share, for as long as a command takes: data, and models that predict."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.review.prepared import Prepared
from mlgitops.review.scores import Scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.recipes.package import RecipePackage
    from mlgitops.review.environments import Environments
    from mlgitops.system.store import Store
    from mlgitops.workers.values import Workers


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """The recipes of versions with their data, and what lets versions predict."""

    recipes: Prepared
    scores: Scores


@contextmanager
def tools(
    package: RecipePackage,
    own: Environments | None = None,
    store: Store | None = None,
    hire: Callable[[], Workers] | None = None,
) -> Iterator[Tools]:
    """Tools for some comparisons; what still predicts when the block ends is ended.

    Args:
        package: where the recipes of versions are found.
        own: makes environments for versions whose packages are not ours; None if nothing is to be
            installed.
        store: where answers of earlier runs are; None to ask in any case.
        hire: workers that let versions predict, once there is something to ask; None for here.
    """
    with Scores(own, store, hire) as scores:
        yield Tools(recipes=Prepared(package=package), scores=scores)
