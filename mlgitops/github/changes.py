"""Whether what started a run concerns models: decided in the job, by git, from the event's commits.

A workflow's own filters would keep a required check from ever reporting. What cannot be told counts
as changed.

Protocol: docs.github.com, "Webhook events and payloads": pull_request, merge_group, push.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.errors import DesiredStateError
from mlgitops.file.load import load, of_revision
from mlgitops.gates.python import PythonGate
from mlgitops.history.revisions import text_at
from mlgitops.system import git

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.desired import Desired
    from mlgitops.github.context import Context

_NONE = "0" * 40  # what a new branch was before


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What differs between the base of an event and the commit that is checked out.

    Attributes:
        declared: models.yaml.
        code: the recipes and gates that it names, or which of them it names.
        other: anything but models.yaml.
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
        text = text_at(file, base)
        before = None if text is None else of_revision(text, file, base)
    except DesiredStateError:
        return Changes()
    top = Path(git.run(file, "rev-parse", "--show-toplevel"))
    changed = set(_differing(top, base, "."))
    declared = set(_differing(top, base, str(file.resolve())))
    code = _differing(top, base, *_modules(now))
    return Changes(
        declared=bool(declared),
        code=bool(code) or before is None or _uses(now) != _uses(before),
        other=bool(changed - declared),
    )


def _differing(top: Path, base: str, *paths: str) -> list[str]:
    """The changed files below paths, those that a rename removed included."""
    options = ("--name-only", "--no-renames", "-z", f"{base}...HEAD")
    return git.run(top, "diff", *options, "--", *paths).split("\0")[:-1]


def _modules(desired: Desired) -> Iterator[str]:
    """Where the modules are that a models.yaml names."""
    for module in {desired.recipes, *(gate.module for gate in _gates(desired))}:
        for folder in desired.folders:
            path = Path(folder).resolve() / module.partition(".")[0]
            yield from (str(path), str(path.with_suffix(".py")))


def _uses(desired: Desired) -> tuple[object, ...]:
    """What a models.yaml wants of modules."""
    recipes = {name: dict(model.versions) for name, model in desired.models.items()}
    return desired.recipes, recipes, {gate.python for gate in _gates(desired)}


def _gates(desired: Desired) -> Iterator[PythonGate]:
    for model in desired.models.values():
        for gates in model.gates.values():
            yield from (gate for gate in gates if isinstance(gate, PythonGate))


def found(context: Context, file: Path) -> Changes:
    """What the event of a run changed.

    Raises:
        GitError: the clone does not have the commit that it compares with.
    """
    base = base_of(context)
    return Changes() if base is None else since(base, file)
