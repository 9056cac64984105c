"""What is made of a recipe's data is made once for versions of the same recipes, not of others."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from mlgitops.core.version import READY, RECIPE_TAG, Version
from mlgitops.recipes.package import RecipePackage
from mlgitops.review.kept import asked
from mlgitops.review.prepared import Prepared
from mlgitops.review.rows import Rows


def trained(number: int, recipe: str) -> Version:
    """A version of a recipe."""
    return Version(number=number, status=READY, tags={RECIPE_TAG: recipe})


def rows(first: float) -> Rows:
    """Two rows, of which the first begins with a number."""
    frame = pd.DataFrame({"x": [first, 0.0]})
    return Rows(frame=frame, actual=np.zeros(2), labels=("1", "2"), source="held-out rows")


def test_pairs_of_the_same_recipes_share_their_rows() -> None:
    """Other versions of other models, too."""
    prepared = Prepared(package=RecipePackage())
    found = prepared.rows([trained(2, "boosting"), trained(1, "linear")], lambda: rows(1.0))
    again = prepared.rows([trained(7, "boosting"), trained(5, "linear")], lambda: rows(2.0))
    assert again is found


def test_pairs_of_other_recipes_have_rows_of_their_own() -> None:
    """Also where the one recipe is the same, the order another, or there is no old version."""
    prepared = Prepared(package=RecipePackage())
    both = [trained(2, "boosting"), trained(1, "linear")]
    pairs = [both, both[::-1], both[:1], [both[0], trained(1, "forest")], both]
    made = [prepared.rows(pair, partial(rows, number)) for number, pair in enumerate(pairs)]
    assert [one.frame["x"][0] for one in made] == [0, 1, 2, 3, 4]


def test_other_rows_are_other_questions() -> None:
    """Whichever were asked before; the same rows are the same question in every process."""
    digests = [asked(rows(first)) for first in (1.0, 2.0, 1.0)]
    assert digests[0] == digests[2] != digests[1]
