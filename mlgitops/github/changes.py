"""Whether what started a run concerns models: decided in the job, by git, from the event's commits.

A workflow's own filters would keep a required check from ever reporting. What cannot be told counts
as changed.

Protocol: docs.github.com, "Webhook events and payloads": pull_request, merge_group, push.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors import DesiredStateError
from mlgitops.file.load import load, of_revision
from mlgitops.history import paths
from mlgitops.history.fork import differing
from mlgitops.history.named import gates_of, named
from mlgitops.history.paths import Files
from mlgitops.history.revisions import texts_at

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.core.desired import Desired
    from mlgitops.github.context import Context

_NONE = "0" * 40  # what a new branch was before


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What differs between the base of an event and the commit that is checked out.

    Attributes:
        declared: models.yaml, or what it includes.
        code: the recipes, gates and held-out rows that it names, or which recipes and gates.
        other: anything else.
    """

    declared: bool = True
    code: bool = True
    other: bool = True


def base_of(context: Context) -> str | None:
    """The commit that an event compares with; None where it compares with none."""
    event = context.event
    found = (
        _inside(event.get("pull_request"), "base", "sha")
        or _inside(event.get("merge_group"), "base_sha")
        or _inside(event, "before")
    )
    return None if found == _NONE else found


def _inside(value: object, *keys: str) -> str | None:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None


def since(base: str, file: Path) -> Changes:
    """What changed on the way from a commit, or from where its branch left it.

    Raises:
        GitError: the clone does not have the commit.
    """
    try:
        now = load(file)
        found = texts_at(file, base)
        before = None if found is None else of_revision(found, file, base)
    except DesiredStateError:
        return Changes()
    changed = set(differing(file, base, "HEAD"))
    # by the patterns of both: a file that is not included any more was
    place = paths.place(file)
    patterns = place.files(file).included + (found.patterns if found else ())
    declared = set(filter(Files(place.path, patterns).has, changed))
    code = any(map(named(now, place).has, changed - declared))
    return Changes(
        declared=bool(declared),
        code=code or before is None or _uses(now) != _uses(before),
        other=bool(changed - declared),
    )


def _uses(desired: Desired) -> tuple[object, ...]:
    """What a models.yaml wants of modules."""
    models = desired.models.values()
    recipes = {model.name: dict(model.versions) for model in models if model.versions}
    gates = {gate.python for model in models for gate in gates_of(model)}
    return desired.recipes, recipes, gates


def found(context: Context, file: Path) -> Changes:
    """What the event of a run changed.

    Raises:
        GitError: the clone does not have the commit that it compares with.
    """
    base = base_of(context)
    return Changes() if base is None else since(base, file)
