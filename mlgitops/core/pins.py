"""Pins: the digests that models.yaml writes beside versions, and what a payload must meet."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of
from mlgitops.errors import DigestMismatchError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.core.desired import Desired
    from mlgitops.errors import Where


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """What models.yaml says of a stage: its version, and the digest of that version's payload."""

    model: str
    stage: str
    version: int
    digest: str
    where: Where = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class Pins:
    """The pins of a models.yaml; without one, none."""

    pinned: tuple[Pin, ...] = ()

    @cached_property
    def _of_model(self) -> Mapping[str, list[Pin]]:
        found = defaultdict(list)
        for pin in self.pinned:
            found[pin.model].append(pin)
        return dict(found)

    def binding(self, model: str, version: int, stage: str | None) -> tuple[Pin, ...]:
        """The pins that a version must meet: those of the stage, and its own in any stage."""
        return tuple(
            pin
            for pin in self._of_model.get(model, ())
            if pin.version == version or (stage and alias_of(stage) == alias_of(pin.stage))
        )

    def verify(self, model: str, version: int, stage: str | None, found: str) -> None:
        """Hold a payload against every pin that it must meet.

        Args:
            model: the registered model's name.
            version: the version whose payload it is.
            stage: the stage that it is wanted for; None if it is wanted by its number.
            found: the digest of the payload.

        Raises:
            DigestMismatchError: it is another one; naming both digests and what to do.
        """
        problems = [mismatch(pin, version, found) for pin in self.binding(model, version, stage)]
        if wrong := [problem for problem in problems if problem is not None]:
            raise DigestMismatchError(wrong)


def declared(desired: Desired) -> Pins:
    """The pins of a desired state, in the order of the file."""
    return Pins(
        pinned=tuple(
            Pin(
                model=model.name,
                stage=stage.name,
                version=stage.version,
                digest=stage.digest,
                where=stage.where,
            )
            for model in desired.models.values()
            for stage in model.stages
            if stage.version is not None and stage.digest is not None
        )
    )


def mismatch(pin: Pin, version: int, found: str) -> Problem | None:
    """What is wrong with a version whose payload has the digest `found`; None if nothing is."""
    if found == pin.digest:
        return None
    if version == pin.version:
        accept = f"mlgitops pin {pin.model} {pin.stage} --force"
        what = f"the pinned {pin.digest}; its payload was changed"
        hint = f"declare a version that you trust or, if you trust this payload, run `{accept}`"
    else:
        what = f"{pin.digest}, which is pinned for version {pin.version} of this stage"
        hint = "run `mlgitops apply` first, or correct the file"
    return Problem(
        where=pin.where,
        model=pin.model,
        stage=pin.stage,
        message=f"version {version} has the digest {found}, not {what}; {hint}",
    )
