"""What a plan must know of versions: asked for at once, and each thing once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.evidence import Past
from mlgitops.core.prompts import is_prompt
from mlgitops.core.version import READY, latest
from mlgitops.core.way_back import WayBack, of_change
from mlgitops.history.way_back import ways_back
from mlgitops.registry.presence import Presence, look
from mlgitops.review.compare import with_signature

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mlgitops.core.desired import Desired
    from mlgitops.core.held import Held, HeldModel
    from mlgitops.core.plan import Change
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.version import Version, VersionKey

_RECENT = 20  # versions of a model
_THERE = Presence()


class Reading:
    """The versions of changes, with what was recorded of those whose turn it is."""

    def __init__(self, held: Held, reader: RegistryReader) -> None:
        self._held, self._reader = held, reader
        self._bare: dict[VersionKey, Version] = {}
        self._latest: dict[str, list[Version]] = {}
        self._full: Mapping[VersionKey, Version] = {}
        self._signed: dict[VersionKey, Version] = {}
        self._past: dict[str, tuple[Past, ...]] = {}
        self._payloads: Mapping[VersionKey, Presence] = {}
        self._back: Mapping[tuple[str, str], WayBack] = {}

    def look_up(self, wanted: Iterable[VersionKey], past: Collection[str]) -> None:
        """Read versions, as many at once as the registry allows.

        Args:
            wanted: the versions of changes.
            past: the models whose latest versions will be asked for.
        """
        listed = self._reader.all_versions(past) if past else {}
        for (model, _), version in latest(listed, _RECENT).items():
            self._latest.setdefault(model, []).append(version)
        there = {key for key in wanted if key[0] in self._held.models}
        self._bare |= {key: listed[key] for key in there & listed.keys()}
        self._bare |= self._reader.versions(sorted(there - listed.keys()))

    def look_for_payloads(self, wanted: Iterable[VersionKey]) -> None:
        """Look for the payloads of some of the versions."""
        there = [
            key
            for key in sorted(wanted)
            if (one := self._bare.get(key)) and one.status == READY and not is_prompt(one.tags)
        ]
        self._payloads = look(self._reader, there)

    def look_back(self, changes: Iterable[Change], desired: Desired) -> None:
        """See where a rollback of each change would lead."""
        steps = [step for one in changes if (step := of_change(one, desired.stages.production))]
        found = ways_back(steps, desired, self._held, self._reader)
        self._back = dict(zip((step.slot for step in steps), found, strict=True))

    def read(self, wanted: Iterable[VersionKey]) -> None:
        """Read what was recorded of some of the versions, and of the latest of their models.

        It takes the place of what was read before: a plan of many models needs the room of a few.
        """
        versions = {key: self._bare[key] for key in wanted if key in self._bare}
        models = {model for model, _ in versions}
        past = {(m, one.number): one for m in models for one in self._latest.get(m, ())}
        self._full = self._reader.all_evidence(versions | past)
        self._signed = {}
        self._past = {
            model: in_stages(
                self._held.model(model),
                (self._full[model, one.number] for one in self._latest.get(model, ())),
            )
            for model in models
        }

    def version(self, model: str, number: int | None) -> Version | None:
        """A version without what was recorded of it; None if it does not exist."""
        return self._bare.get((model, number or 0))

    def recorded(self, model: str, number: int | None, *, signature: bool) -> Version | None:
        """A version with what was recorded of it; None if it does not exist."""
        key = (model, number or 0)
        found = self._full.get(key)
        if found is None or not signature:
            return found
        if key not in self._signed:
            # why a signature cannot be read is what a guard says
            self._signed[key], _ = with_signature(self._reader, found)
        return self._signed[key]

    def past(self, model: str) -> tuple[Past, ...]:
        """The latest versions of a model, if they were asked for."""
        return self._past.get(model, ())

    def payload(self, change: Change) -> Presence:
        """Whether the payload of the version that enters the stage is there."""
        return self._payloads.get((change.model, change.new or 0), _THERE)

    def way_back(self, change: Change) -> WayBack | None:
        """Where a rollback leads afterwards, if that was asked."""
        return self._back.get((change.model, change.alias))


def history(reader: RegistryReader, held: HeldModel) -> tuple[Past, ...]:
    """The latest versions of a model with their metrics and stages, ascending."""
    found = latest(reader.all_versions([held.name]), _RECENT)
    return in_stages(held, reader.all_evidence(found).values())


def in_stages(held: HeldModel, versions: Iterable[Version]) -> tuple[Past, ...]:
    """Versions with their metrics and the stages that hold them."""
    stages: dict[int, list[str]] = {}
    for alias, number in held.stages.items():
        stages.setdefault(number, []).append(held.name_of(alias))
    return tuple(
        Past(
            number=one.number, metrics=one.metrics, stages=tuple(sorted(stages.get(one.number, ())))
        )
        for one in versions
    )
