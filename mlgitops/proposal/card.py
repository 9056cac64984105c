"""All that is recorded of one version: what a model card says."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.held import Held
from mlgitops.errors import ServeError, UsageError
from mlgitops.history.stays import timeline
from mlgitops.proposal.trial import entering, side_of
from mlgitops.recipes.package import package_of
from mlgitops.registry.lookup import find_version, no_model, no_version, require_model
from mlgitops.review.artifacts import Cabinet
from mlgitops.review.tools import tools

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mlgitops.core.desired import Desired, DesiredModel
    from mlgitops.core.evidence import Side
    from mlgitops.core.gate import Verdict
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.stage import DeclaredStages
    from mlgitops.core.version import Version
    from mlgitops.history.revisions import Revision
    from mlgitops.history.stays import Stay

URL = "http://127.0.0.1:5001"
_LONGEST = 16_000  # characters of a command that people copy


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A version and what is known of it.

    Attributes:
        side: the version with what its run recorded, and its payload's own words.
        declared: its model in models.yaml; None where it has none.
        stages: those that it holds now.
        stays: of this version in any stage, oldest first by stage.
        verdicts: of each stage that it holds, what that stage's gates say of it today, against
            the version that the stage held before.
        call: the command that asks a server of it at `URL` for a prediction; None if none can be
            derived from it, or a long one.
    """

    model: str
    side: Side
    declared: DesiredModel | None
    stages: tuple[str, ...]
    stays: tuple[Stay, ...]
    verdicts: tuple[tuple[str, Verdict], ...]
    call: str | None

    @property
    def version(self) -> Version:
        """The version."""
        return self.side.version

    @property
    def pinned(self) -> tuple[str, ...]:
        """The stages whose pin in models.yaml is met by the payload."""
        stages = self.declared.stages if self.declared else ()
        found = self.side.artifact.digest if self.side.artifact else None
        return tuple(
            s.name
            for s in stages
            if s.digest is not None and (s.version, s.digest) == (self.version.number, found)
        )


def chosen(registry: RegistryReader, model: str, text: str | None, declared: DeclaredStages) -> int:
    """The version that is meant: a number, what a stage holds, else production, else the latest.

    Raises:
        UsageError: there is no such model, version or stage, the stage is empty, or the model is
            a prompt.
    """
    if text is not None:
        return find_version(registry, model, text, declared)[0].number
    found = require_model(registry, model)
    if found.prompt:
        raise no_model(model)
    last_first = reversed(declared.production)
    held = next((found.stages[one] for one in last_first if one in found.stages), None)
    latest = max(registry.recipes(model), default=None)
    if held is None and latest is None:
        raise UsageError(f"{model} has no version; register one first")
    return held or latest or 0


def make_card(
    registry: RegistryReader,
    model: str,
    number: int,
    desired: Desired,
    revisions: Iterable[Revision],
) -> Card:
    """The card of a version that exists.

    Raises:
        RegistryError: the registry could not be read.
    """
    held, bare = registry.model(model), registry.version(model, number)
    if held is None or bare is None:
        raise no_version(registry, model, number)
    declared = desired.models.get(model)
    aliases = sorted(alias for alias, holds in held.stages.items() if holds == number)
    with Cabinet(registry) as cabinet, tools(package_of(desired)) as shared:
        new = side_of(registry, model, bare, cabinet)
        verdicts = tuple(
            (desired.stages.name_of(alias), verdict)
            for alias in aliases
            if declared and declared.gates_for(alias)
            for verdict in entering(registry, desired, held, alias, new, cabinet, shared).verdicts
        )
        call = _call(new.artifact.folder) if new.artifact else None
    return Card(
        model=model,
        side=new,
        declared=declared,
        stages=tuple(map(desired.stages.name_of, aliases)),
        stays=tuple(
            stay
            for stay in timeline(revisions, Held(models=MappingProxyType({model: held})))
            if (stay.model, stay.version) == (model, number)
        ),
        verdicts=verdicts,
        call=call,
    )


def _call(folder: Path) -> str | None:
    from mlgitops.serve import payloads

    try:
        command = payloads.curl(payloads.request_in(folder), URL)
    except ServeError:
        return None
    return command if len(command) <= _LONGEST else None
