"""Whether workers have the packages of this machine, so that the same models come out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.words import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# what a recipe's result depends on wherever it uses it, and what carries the work
PACKAGES = (
    *("mlgitops", "mlflow", "scikit-learn", "numpy", "pandas", "skops", "cloudpickle"),
    *("distributed",),
)
_ADVICE = (
    "workers do not fit this machine; give them the same Python, and install the same lock there, "
    "with mlgitops[dask,review,train]"
)
_FIRST = 3  # workers that are named of those with one fault


def unfit(
    here: Mapping[str, str], there: Mapping[str, Mapping[str, str]], files: Iterable[str] = ()
) -> str:
    """What is wrong with workers; empty if nothing is.

    Args:
        here: name → version on this machine, as `facts` gives it.
        there: of each worker, by its address, the same.
        files: which must be on both.
    """
    faults: dict[str, list[str]] = {}
    for worker, found in there.items():
        if wrong := "; ".join(_wrong(here, found, files)):
            faults.setdefault(wrong, []).append(worker)
    if not faults:
        return ""
    lines = [f"{listed(workers, most=_FIRST)}: {wrong}" for wrong, workers in faults.items()]
    return "\n".join((_ADVICE, *lines))


def _wrong(
    here: Mapping[str, str], there: Mapping[str, str], files: Iterable[str]
) -> Iterator[str]:
    mine, theirs = here["Python"], there.get("Python", "unknown")
    if mine.split(".")[:2] != theirs.split(".")[:2]:
        yield f"Python is {theirs}, here {mine}"
    for name in PACKAGES:
        if (own := here.get(name)) is not None and own != (other := there.get(name)):
            yield f"{name} is {other}, here {own}" if other else f"{name} is missing, here {own}"
    for path in files:
        if path not in there:
            yield (
                f"{path} is not there: an embedded registry serves workers of the same machine; "
                "for others, MLFLOW_TRACKING_URI has to name a server"
            )
