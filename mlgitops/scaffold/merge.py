"""What becomes of a repository's files when their templates change; git merges the texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from packaging.version import Version

from mlgitops.system import git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PIN = re.compile(r"(?<=uses: )([\w.-]+/[\w./-]+)@[0-9a-f]{40} # v(\d+(?:\.\d+)*)")


class Fate(StrEnum):
    """What becomes of a file."""

    ADDED = "added"
    UPDATED = "updated"
    MERGED = "merged"  # with what the team changed
    CONFLICT = "conflict"  # the text has git's markers
    REMOVED = "removed"
    LEFT_OUT = "left out"  # the team deleted it
    KEPT = "kept"  # it is the team's: no template made it, or has it any longer


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A file whose template changed, appeared or went.

    Attributes:
        path: in the repository.
        text: what it is to hold, where something is written; None: it is not to exist.
    """

    path: str
    fate: Fate
    text: str | None = None

    @property
    def written(self) -> bool:
        """Whether the repository changes by it."""
        return self.fate not in (Fate.LEFT_OUT, Fate.KEPT)


def changes(
    base: Mapping[str, str],
    ours: Mapping[str, str],
    new: Mapping[str, str],
    labels: tuple[str, str, str],
) -> Iterator[Change]:
    """What is to be done, by path.

    Args:
        base: what the files were made from.
        ours: those of them that are there, as they are now.
        new: what the templates make now.
        labels: what markers of conflicts call the texts of a file: ours, base, new.

    Raises:
        GitError: git cannot merge.
    """
    for path in sorted({*base, *new}):
        before, now, after = base.get(path), ours.get(path), new.get(path)
        if after in (before, now):
            continue
        if now is None:
            fate = Fate.ADDED if before is None else Fate.LEFT_OUT
            yield Change(path=path, fate=fate, text=after)
        elif before is None:
            yield Change(path=path, fate=Fate.KEPT)
        elif after is None:
            same = _alike(now, before)
            yield Change(path=path, fate=Fate.REMOVED if same[0] == same[1] else Fate.KEPT)
        else:
            change = _merged(path, now, before, after, labels)
            if change.text != now:
                yield change


def _merged(path: str, now: str, before: str, after: str, labels: tuple[str, str, str]) -> Change:
    ours, base, new = _alike(now, before, after)
    if ours == base:
        fate, text = Fate.UPDATED, new
    else:
        text, conflicts = git.merged(ours, base, new, labels)
        fate = Fate.CONFLICT if conflicts else Fate.MERGED
    ends = "\r\n" if "\r\n" in now else "\n"
    return Change(path=path, fate=fate, text=text.replace("\n", ends))


def _alike(*texts: str) -> list[str]:
    """Forms of a workflow without differences that mean nothing: line ends, and what is pinned.

    Dependabot moves the actions of a team, and we those of the templates: in the same lines. Each
    action gets the newest commit that any of the texts names.
    """
    newest: dict[str, tuple[Version, str]] = {}
    for pin in (pin for text in texts for pin in _PIN.finditer(text)):
        version = Version(pin[2])
        if pin[1] not in newest or version > newest[pin[1]][0]:
            newest[pin[1]] = version, pin[0]
    return [_PIN.sub(lambda pin: newest[pin[1]][1], text).replace("\r\n", "\n") for text in texts]
