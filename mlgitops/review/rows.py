"""The rows that an old and a new version both score: held-out ones, else examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlgitops.errors import DataError, RecipeError, TrainingDataError
from mlgitops.review import aligned, examples, heldout
from mlgitops.words import count, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from mlgitops.core.evidence import Artifact
    from mlgitops.core.version import Version
    from mlgitops.recipes.data import Holdout
    from mlgitops.review.heldout import Declared, FileRows
    from mlgitops.review.prepared import Prepared
    from mlgitops.review.scorer import Example

MOST = 5_000  # rows; of more, every second, third … is taken


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rows:
    """What is scored.

    Attributes:
        frame: features of shape (rows, columns): all columns that either version takes.
        actual: the true values of shape (rows,); None where nobody knows them.
        labels: what each row is called: its day, or its number.
        source: where they come from, in words.
        example: what is scored instead of `frame`, which has no columns then, if it is no table.
        digest: MLflow's digest of the held-out examples of the new version's recipe, by which its
            run recorded them; None for input examples.
        variable: the environment variable that names other data for that recipe, if one does.
        evaluation: `sha256:…` of the file that models.yaml names, where the rows are its.
        notes: what a reviewer must know of the choice.
    """

    frame: pd.DataFrame
    actual: np.ndarray | None
    labels: tuple[str, ...]
    source: str
    example: Example | None = None
    digest: str | None = None
    variable: str | None = None
    evaluation: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def given(self) -> pd.DataFrame | Example:
        """What a model is asked."""
        return self.frame if self.example is None else self.example


def choose(
    old: tuple[Version, Artifact] | None,
    new: tuple[Version, Artifact],
    recipes: Prepared,
    declared: Declared | None = None,
) -> Rows | None:
    """The rows to compare on.

    Held-out rows come from the recipe that the new version was trained by. Where the old one has a
    recipe too, only rows that neither has seen in training are taken, with the columns of both.
    Without a recipe, they come from the file that models.yaml names.

    Args:
        old: the version to compare with, and its payload.
        new: the version to judge, and its payload.
        recipes: those of both.
        declared: the file that models.yaml names for the model.

    Returns:
        None if there are neither held-out rows nor an input example.
    """
    notes: tuple[str, ...] = ()
    try:
        held_out, variable = _held_out(new[0], recipes)
        if held_out is not None:
            before = _held_out(old[0], recipes)[0] if old else None
            both = [version for version, _ in (new, *([old] if old else []))]
            return recipes.rows(both, lambda: _rows(held_out, before, variable))
    except (RecipeError, TrainingDataError) as error:
        said = one_line(error)
        notes = (f"the recipe's held-out rows are not available: {said}",)
    sides = [new, *([old] if old else [])]
    if declared is not None:
        try:
            found = heldout.read(declared, [version.signature for version, _ in sides])
            return _of_file(found, notes)
        except DataError as error:
            notes = (*notes, f"the rows of `evaluation` are not available: {one_line(error)}")
    if notes:
        notes = (*notes, "comparing on the input example, if there is one")
    return _examples([artifact.folder for _, artifact in sides], notes)


def _held_out(version: Version, recipes: Prepared) -> tuple[Holdout | None, str | None]:
    """The rows that a version's recipe holds out, if any, and the variable that names its data."""
    training, variable = recipes.of(version)
    return training.held_out if training else None, variable


def _rows(new: Holdout, old: Holdout | None, variable: str | None) -> Rows:
    features, target = new.examples.features, new.examples.target
    if old is not None:
        shared = features.index.intersection(old.examples.features.index)
        if len(shared):
            others = old.examples.features
            more = others.columns.difference(features.columns, sort=False)
            features = features.loc[shared].join(others.loc[shared, list(more)])
            target = target.loc[shared]
    digest = new.digest()
    kept = _spread(len(features))
    chosen = features.iloc[kept]
    return Rows(
        frame=chosen.reset_index(drop=True),
        actual=target.iloc[kept].to_numpy(),
        labels=tuple(_label(value) for value in chosen.index),
        source=(f"{count(len(chosen), 'held-out row')} of {new.dataset.name} (digest {digest})"),
        digest=digest,
        variable=variable,
    )


def _of_file(found: FileRows, notes: tuple[str, ...]) -> Rows:
    kept = _spread(len(found.features))
    chosen = found.features.iloc[kept]
    dated = hasattr(chosen.index, "date")
    short = found.digest[: len("sha256:") + 12]
    return Rows(
        frame=chosen.reset_index(drop=True),
        actual=found.actual[kept],
        labels=tuple(_label(value) if dated else f"row {value + 1}" for value in chosen.index),
        source=f"{count(len(chosen), 'held-out row')} of {found.name} ({short})",
        evaluation=found.digest,
        notes=notes,
    )


def _spread(rows: int) -> slice:
    return slice(None, None, -(-rows // MOST) or 1)


def _label(value: object) -> str:
    moment = getattr(value, "isoformat", None)
    return aligned.day(moment()) if callable(moment) else str(value)


def _examples(folders: list[Path], notes: tuple[str, ...]) -> Rows | None:
    """The first input example."""
    import pandas as pd

    for frame, params in _saved(folders):
        if not isinstance(frame, pd.DataFrame):
            example, labels = examples.example(frame, params)
            return Rows(
                frame=pd.DataFrame(index=range(len(labels))),
                actual=None,
                labels=labels,
                source="the input example",
                example=example,
                notes=notes,
            )
        kept = frame.iloc[_spread(len(frame))].reset_index(drop=True)
        return Rows(
            frame=kept,
            actual=None,
            labels=tuple(f"row {number + 1}" for number in range(len(kept))),
            source=f"{count(len(kept), 'row')} of the input example",
            notes=notes,
        )
    return None


def _saved(folders: list[Path]) -> Iterator[tuple[Any, Mapping[str, Any] | None]]:
    """Input examples, and the parameters of a prediction that they were logged with."""
    from mlflow.models import Model

    for folder in folders:
        try:
            model = Model.load(str(folder))
            example = model.load_input_example(str(folder))
            params = model.load_input_example_params(str(folder))
        except Exception:  # noqa: BLE001, S112 - MLflow raises whatever comes of what is written there
            continue  # it has none, or none that can be read
        if example is not None:
            yield example, params
