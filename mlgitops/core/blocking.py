"""Blocked versions that stages still hold: what a plan and the status say of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.desired import Desired
    from mlgitops.core.held import Held
    from mlgitops.core.plan import Plan


def why(desired: Desired, model: str, version: int | None) -> str:
    """That a version is blocked, and why; empty if it is not."""
    declared = desired.models.get(model)
    found = declared.blocked.get(version or 0) if declared else None
    return f"version {version} is blocked: {found.reason}" if found else ""


def staying(desired: Desired, held: Held, pending: Plan) -> Iterator[Problem]:
    """The stages that hold a blocked version and that no change of a plan takes it from.

    A valid models.yaml lists no such stage.
    """
    leaving = {(change.model, change.alias) for change in pending.changes}
    for model in desired.models.values():
        now = held.model(model.name)
        for alias, version in now.stages.items() if model.blocked else ():
            if version in model.blocked and (model.name, alias) not in leaving:
                owner = now.owner_of(alias)
                do = (
                    f"{owner} manages the stage and has to put another version there"
                    if owner not in (None, desired.owner)
                    else f"to take it out, list the stage in {desired.file} with another version"
                )
                yield Problem(
                    where=model.blocked[version].where,
                    model=model.name,
                    stage=now.name_of(alias),
                    message=f"{why(desired, model.name, version)}, and stays; {do}",
                )
