"""Several numbers a row of two versions: outputs of their own meaning, or vectors. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.predicted import Output, Vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np

    from mlgitops.core.evidence import Series

FEW = 8  # numbers without names that may each mean something
_OUTPUTS = (0.05, 0.5, 0.95)
_COSINES = (0.0, 0.01, 0.05, 0.25, 0.5, 1.0)
_MOST = 1_000  # rows whose neighbours are looked for
_NEAREST = 10
_UNLIKE = 5


def outputs(series: Series, columns: tuple[str, ...], tolerance: float) -> Iterator[Output]:
    """Each output of both versions; arrays of shape (rows, outputs)."""
    import numpy as np

    names = columns or tuple(f"output {number + 1}" for number in range(series.new.shape[1]))
    moved = None if series.old is None else changed(series.old, series.new, tolerance)
    for index, name in enumerate(names):
        new = series.new[:, index]
        old = None if series.old is None else series.old[:, index]
        yield Output(
            name=name,
            changed=None if moved is None else float(moved[:, index].mean()),
            old_mean=None if old is None else float(np.mean(old)),
            new_mean=float(np.mean(new)),
            quantiles=_quantiles(None if old is None else new - old, _OUTPUTS),
        )


def changed(old: np.ndarray, new: np.ndarray, tolerance: float) -> np.ndarray:
    """Which numbers moved by more than this share of the old one."""
    import numpy as np

    moved: np.ndarray = ~np.isclose(new, old, rtol=tolerance, atol=1e-12, equal_nan=True)
    return moved


def vectors(series: Series, *, few: bool) -> Vectors:
    """The directions and lengths of both, and whether they find the same rows alike.

    Of few rows, no shares.
    """
    new, old = series.new, series.old
    if old is None:
        return Vectors(new_size=new.shape[1], new_norm=_norm(new))
    alike = cosine(old, new) if old.shape == new.shape else None
    nearest = 0 if few else min(_NEAREST, len(new) - 2)
    return Vectors(
        new_size=new.shape[1],
        new_norm=_norm(new),
        old_size=old.shape[1],
        old_norm=_norm(old),
        cosine=_quantiles(None if few else alike, _COSINES),
        neighbours=_agreement(old, new, nearest) if nearest > 0 else None,
        nearest=max(nearest, 0),
        unlike=() if alike is None else _unlike(series.labels, alike),
    )


def cosine(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Of each row of both; 1 of two that are zero, 0 of one; shape (rows,)."""
    import numpy as np

    lengths = np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1)
    same = (old == new).all(axis=1).astype(float)
    found: np.ndarray = np.divide((old * new).sum(axis=1), lengths, out=same, where=lengths > 0)
    return found.clip(-1, 1)


def _unlike(labels: tuple[str, ...], alike: np.ndarray) -> tuple[tuple[str, float], ...]:
    order = alike.argsort(kind="stable")[:_UNLIKE]
    return tuple((labels[index], float(alike[index])) for index in order)


def _norm(values: np.ndarray) -> float:
    import numpy as np

    return float(np.median(np.linalg.norm(values, axis=1)))


def _quantiles(values: np.ndarray | None, shares: tuple[float, ...]) -> Mapping[float, float]:
    import numpy as np

    usable = None if values is None else values[np.isfinite(values)]
    if usable is None or not len(usable):
        return MappingProxyType({})
    found = np.quantile(usable, shares)
    return MappingProxyType({share: float(v) for share, v in zip(shares, found, strict=True)})


def _agreement(old: np.ndarray, new: np.ndarray, nearest: int) -> float | None:
    """The share of the rows nearest to a row that both versions agree on."""
    import numpy as np
    from sklearn.neighbors import NearestNeighbors

    if not (np.isfinite(old).all() and np.isfinite(new).all()):
        return None
    step = -(-len(new) // _MOST)
    found = [
        NearestNeighbors(n_neighbors=nearest, metric="cosine", algorithm="brute")
        .fit(values[::step])
        .kneighbors(return_distance=False)
        for values in (old, new)
    ]
    shared = [len(set(a) & set(b)) for a, b in zip(*found, strict=True)]
    return float(np.mean(shared)) / nearest
