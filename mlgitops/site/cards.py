"""The model cards of what stages hold: all that is recorded of a version, but for its payload."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mlgitops.core.evidence import Side
from mlgitops.errors.registry import RegistryError
from mlgitops.proposal.card import Card
from mlgitops.review.compare import with_signature
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.version import Version, VersionKey
    from mlgitops.site.values import ModelShown

MOST = 200  # versions; each costs some requests, one of them for its MLmodel file


def read(
    reader: RegistryReader,
    held: Collection[VersionKey],
    recorded: Mapping[VersionKey, Version],
) -> Mapping[VersionKey, Side]:
    """What stages hold, with its signature, and why that is not known.

    Where stages hold more than MOST versions, the others have what is known of them already.

    Args:
        reader: of the registry.
        held: the versions.
        recorded: what the runs of some recorded.
    """
    wanted = list(dict.fromkeys(held))
    full = reader.all_evidence(reader.versions(wanted[:MOST]))

    def one(version: Version) -> Side:
        try:
            return _side(*with_signature(reader, version))
        except RegistryError as error:
            return _side(version, one_line(error))

    with ThreadPoolExecutor(reader.at_once) as threads:
        found = dict(zip(full, threads.map(one, full.values()), strict=True))
    rest = {key: _side(recorded[key]) for key in wanted[MOST:] if key in recorded}
    return {**rest, **found}


def _side(version: Version, trouble: str = "") -> Side:
    return Side(label=f"version {version.number}", version=version, trouble=trouble)


def of(model: ModelShown) -> Iterator[Card]:
    """The cards of a model: one for each version that a stage holds, in the order of its stages."""
    for number in dict.fromkeys(one.status.actual for one in model.stages):
        side = model.held.get(number or 0)
        if side:
            yield Card(
                model=model.name,
                side=side,
                declared=model.declared,
                stages=tuple(
                    one.status.stage for one in model.stages if one.status.actual == number
                ),
                stays=(),
                verdicts=(),
                call=None,
            )
