"""The classic stages: MLflow's deprecated field, kept in step with the aliases.

`models:/NAME/Production` resolves to the highest version whose classic stage is Production. A
version has one classic stage, while it can hold several aliases. Pure: no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.core.stage import ARCHIVED

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """One request that moves a version to a classic stage.

    Attributes:
        archive_others: in the same transaction, archive the versions that are in it now.
    """

    version: int
    stage: str
    archive_others: bool = False


def transitions(
    current: Mapping[int, str], wanted: Mapping[str, int | None]
) -> tuple[Transition, ...]:
    """The fewest requests after which every wanted classic stage resolves as it should.

    Args:
        current: version → its classic stage. Versions that are not known may be in a stage, too:
            one that is filled archives them; from one that is emptied they are to be read first.
        wanted: classic stage → the only version in it; None if it is to be empty. Production
            comes first, so that it is never without its version.
    """
    now, made = dict(current), []
    for stage, version in wanted.items():
        others = sorted(v for v, held in now.items() if held == stage and v != version)
        if version is None:
            steps = [Transition(version=other, stage=ARCHIVED) for other in others]
        elif now.get(version) == stage:
            steps = [Transition(version=v, stage=ARCHIVED) for v in others if v > version]
        else:
            steps = [Transition(version=version, stage=stage, archive_others=True)]
            now.update(dict.fromkeys(others, ARCHIVED))
            now[version] = stage
        made += steps
    return tuple(made)
