"""What the objects of a stage are called, and what they carry and say of themselves. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MANAGER = "mlgitops"  # who manages the objects, and the fields that it has set
OWNER = "mlgitops/owner"
DEPLOYMENT = "mlgitops/deployment"
ROLE = "mlgitops/role"  # of a pod; the Service sends requests to those that serve only
SERVING, CANDIDATE = "serving", "candidate"
INSTANCE = "app.kubernetes.io/instance"
VERSION = "app.kubernetes.io/version"
MANAGED_BY = "app.kubernetes.io/managed-by"
NAME = "app.kubernetes.io/name"

_UNFIT = re.compile(r"[^a-z0-9]+")
_UNFIT_VALUE = re.compile(r"[^A-Za-z0-9_.-]+")
_LIKE_A_HASH = re.compile(r"[0-9a-f]{8}")
_LONGEST = 52  # of 63 characters of a DNS label, so that `-candidate` can follow
_LONGEST_VALUE = 63  # of a label's value


def name_of(model: str, stage: str) -> str:
    """The name of all of a stage's objects: a DNS label; no two stages share one.

    >>> name_of("wind", "Production")
    'wind-production'
    >>> name_of("Solar park", "Production") == name_of("solar-park", "Production")
    False
    """
    alias = alias_of(stage)
    slug, last = (_UNFIT.sub("-", part.lower()).strip("-") for part in (model, alias))
    name = f"{slug}-{last}"
    clear = slug == model and last == alias and "-" not in alias and name[0].isalpha()
    if clear and len(name) <= _LONGEST and not _LIKE_A_HASH.fullmatch(alias):
        return name
    mark = _short(f"{model}/{alias}", 8)
    start = name if name[:1].isalpha() else f"m-{name}"
    return f"{start[: _LONGEST - 9].strip('-')}-{mark}"


def owner_label(owner: str) -> str:
    """What stands for an owner in a label, which may not hold its whole text."""
    return _short(owner, 16)


def labels(model: str, stage: str, version: str, *, owner: str, deployment: str) -> dict[str, str]:
    """The labels of an object."""
    return {
        INSTANCE: name_of(model, stage),
        MANAGED_BY: MANAGER,
        NAME: _value(model),
        VERSION: version,
        DEPLOYMENT: _value(deployment),
        OWNER: owner_label(owner),
    }


def selector(model: str, stage: str) -> dict[str, str]:
    """The labels by which pods that serve are found: they never change."""
    return {INSTANCE: name_of(model, stage), ROLE: SERVING}


def annotated(texts: Mapping[str, str]) -> dict[str, str]:
    """What is known of a promotion, as annotations; what is not known is left out."""
    return {f"mlgitops/{name}": text for name, text in sorted(texts.items()) if text}


def annotation(thing: Mapping[str, Any], name: str) -> str:
    """One of an object's annotations; empty if it does not have it."""
    return str((thing["metadata"].get("annotations") or {}).get(f"mlgitops/{name}", ""))


def label(thing: Mapping[str, Any], name: str) -> str:
    """One of an object's labels; empty if it does not have it."""
    return str((thing["metadata"].get("labels") or {}).get(name, ""))


def condition(thing: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """One of the conditions of an object's status; empty if it does not have it."""
    every = (thing.get("status") or {}).get("conditions") or ()
    found: Mapping[str, Any] = next((one for one in every if one.get("type") == kind), {})
    return found


def _value(text: str) -> str:
    """A text as the value of a label; one that is none gets a mark of its own."""
    fit = _UNFIT_VALUE.sub("-", text).strip("-_.")
    if fit == text and len(text) <= _LONGEST_VALUE:
        return text
    return f"{fit[: _LONGEST_VALUE - 9]}-{_short(text, 8)}".lstrip("-_.")


def _short(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
