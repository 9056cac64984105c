"""Who was told of the last move of each stage, and who is still to be told. Pure.

The tag `mlgitops.announced` of a registered model holds a JSON object: recipient → alias → the key
of the move that it was last told of. Who is to be told follows from it and from the stamps, not
from the last apply: whatever a run was killed at, the next one tells the rest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.words import from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlgitops.core.desired import Desired, DesiredModel
    from mlgitops.core.held import Held, HeldModel
    from mlgitops.core.stamp import Stamp

TAG = "mlgitops.announced"
_KEY = 32  # hexadecimal digits
Told = dict[str, dict[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """The last move of a stage, for those who do not know it.

    Attributes:
        old, new: the versions before and after it; None for an empty stage.
        digest: of the new version's payload, where models.yaml pins it.
        commit: the commit of models.yaml that asked for it.
        registry: the identity of the registry.
        time: when the stage changed: ISO 8601, UTC.
        key: what tells the move from all others, the same however often it is announced.
        image: the new version's image, where it is known.
        recipients: who is to be told.
    """

    model: str
    stage: str
    alias: str
    old: int | None
    new: int | None
    digest: str | None
    commit: str
    registry: str
    time: str
    key: str
    image: str | None = None
    recipients: tuple[str, ...] = ()

    @property
    def data(self) -> dict[str, object]:
        """What recipients are told: GitHub takes ten values."""
        names = ("model", "stage", "alias", "old", "new", "digest", "image", "commit", "registry")
        return {**{name: getattr(self, name) for name in names}, "key": self.key}

    def __str__(self) -> str:
        old, new = (str(one) if one else "empty" for one in (self.old, self.new))
        return f"{self.model} {self.stage} {old} → {new}"


def due(desired: Desired, held: Held) -> Iterator[Announcement]:
    """The moves that somebody is still to be told of.

    Moves of the owner's stages that are as their stamps left them: read back, and not drifted.
    """
    for model in desired.models.values():
        now = held.model(model.name)
        for alias in sorted(now.stamps) if model.announce else ():
            stamp = now.stamp_in_force(alias)
            if stamp is None or stamp.owner != desired.owner:
                continue
            key = _key(model.name, alias, stamp)
            left = tuple(r for r in model.announce if now.told.get(r, {}).get(alias) != key)
            if left:
                yield Announcement(
                    model=model.name,
                    stage=desired.stages.name_of(alias),
                    alias=alias,
                    old=stamp.previous,
                    new=stamp.version,
                    digest=_digest(model, alias, stamp.version),
                    commit=stamp.commit,
                    registry=stamp.registry,
                    time=stamp.time,
                    key=key,
                    recipients=left,
                )


def _key(model: str, alias: str, stamp: Stamp) -> str:
    # a model that was deleted and made anew counts its moves from 1 again
    parts = [stamp.registry, model, alias, str(stamp.move), stamp.time]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_KEY]


def _digest(model: DesiredModel, alias: str, version: int | None) -> str | None:
    stage = model.listed(alias)
    return stage.digest if stage and stage.version == version else None


def after(now: HeldModel, model: DesiredModel, told: Iterable[tuple[str, str, str]]) -> Told:
    """What the tag is to hold once some recipients were told.

    What other owners of stages have written stays; who is not to be told any more is left out.

    Args:
        now: the model, as it was read just before.
        model: the same in models.yaml.
        told: recipient, alias and key of each.
    """
    made: Told = {recipient: dict(keys) for recipient, keys in now.told.items()}
    known = list(told)
    for recipient, alias, key in known:
        made.setdefault(recipient, {})[alias] = key
    ours = {alias for _, alias, _ in known}
    for recipient in made.keys() - set(model.announce):
        made[recipient] = {a: key for a, key in made[recipient].items() if a not in ours}
    return {recipient: keys for recipient, keys in made.items() if keys}


def dump(told: Mapping[str, Mapping[str, str]]) -> str:
    """The tag's value."""
    return json.dumps(told, separators=(",", ":"), sort_keys=True)


def parse(text: str) -> Told:
    """Read a tag's value; what has another form, for example edited by hand, is left out."""
    if not text:
        return {}  # thousands of models have no such tag
    try:
        written = from_json(text)
    except ValueError:
        return {}
    found = written.items() if isinstance(written, dict) else ()
    return {
        recipient: {alias: key for alias, key in keys.items() if isinstance(key, str)}
        for recipient, keys in found
        if isinstance(keys, dict)
    }
