"""What the answers of two versions say in the language of their task, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """The errors, predicted minus actual, of the rows of a day, week, month, quarter or year.

    Attributes:
        label: `2019-01`, `2019Q1`.
        new_mean, new_mae: mean error and mean absolute error, in the unit of the target.
        old_mean, old_mae: None without an old version.
    """

    label: str
    rows: int
    old_mean: float | None
    new_mean: float
    old_mae: float | None
    new_mae: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Recall:
    """How often a version is right about a class, as fractions; None where it has no such row.

    Attributes:
        rows: which are of that class.
        old, new: the share of them that the version finds.
        old_precision, new_precision: the share that is of that class of what the version says is.
    """

    name: str
    rows: int
    old: float | None
    new: float | None
    old_precision: float | None
    new_precision: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Rows that a version gave about the same probability.

    Attributes:
        said: the mean of these probabilities.
        true: the share of the rows for which it came true.
    """

    said: float
    true: float
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Switched:
    """A row that got another class; probabilities are those that a version gives its own class."""

    row: str
    old: str
    new: str
    old_probability: float | None
    new_probability: float | None
    actual: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Probabilities:
    """What both say of each class; arrays of shape (rows, classes).

    Attributes:
        old: None where the old version gives none, or there is none.
        moved: share of rows → the probability that moved to other classes is at most that.
        event: what `old_bins` and `new_bins` are the probabilities of: the second of two classes;
            of more, that the version is right.
        old_bins, new_bins: ascending; empty where nobody knows what is true.
    """

    classes: tuple[str, ...]
    new: np.ndarray
    old: np.ndarray | None
    moved: Mapping[float, float] = field(default_factory=lambda: MappingProxyType({}))
    event: str = ""
    old_bins: tuple[Bin, ...] = ()
    new_bins: tuple[Bin, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Classes:
    """What else there is to know of a classification.

    Attributes:
        broken: rows that only the old version gets right; None where that is not known.
        mended: rows that only the new version gets right.
        recalls: of each class, the largest first.
        switched: rows whose class changed, those whose probabilities moved most first.
    """

    broken: int | None = None
    mended: int | None = None
    recalls: tuple[Recall, ...] = ()
    switched: tuple[Switched, ...] = ()
    probabilities: Probabilities | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """One of several numbers that a model gives for a row.

    Attributes:
        changed: the share of rows that moved by more than the tolerance.
        quantiles: share of rows → difference new minus old at most that; in the output's unit.
    """

    name: str
    changed: float | None
    old_mean: float | None
    new_mean: float
    quantiles: Mapping[float, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Vectors:
    """Vectors, one a row, such as embeddings.

    Attributes:
        old_size, new_size: numbers of a vector.
        old_norm, new_norm: the median length of a vector.
        cosine: share of rows → cosine of old and new at most that; empty where sizes differ.
        neighbours: of the rows nearest to a row by cosine, the share that both agree on.
        nearest: how many rows that are.
        unlike: the rows with the smallest cosine of old and new, and that cosine.
    """

    new_size: int
    new_norm: float
    old_size: int | None = None
    old_norm: float | None = None
    cosine: Mapping[float, float] = field(default_factory=lambda: MappingProxyType({}))
    neighbours: float | None = None
    nearest: int = 0
    unlike: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reworded:
    """An answer in text; `old` is None without an old version."""

    row: str
    old: str | None
    new: str
