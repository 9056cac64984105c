"""How a pull request that proposes a version is recognized: its branch, its text, its commit. Pure.

A model's stage has one branch. The first line of the pull request's text tells the version, and
the commit names the tree that it made: one that somebody pushed to or amended has another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mlgitops.core.stage import alias_of
from mlgitops.history.reasons import TRAILER
from mlgitops.report.markdown import unlinked
from mlgitops.system import secrets
from mlgitops.words import LONGEST_REASON, brief

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "mlgitops/propose/"
_TREE = "Mlgitops-Tree"
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_MARKER = re.compile(r"<!-- mlgitops:(proposes|withdrew) (\d{1,10}|none)( asked)? -->")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A version that is to enter a stage.

    Attributes:
        version: None: the stage is to be empty.
        asked: somebody asked for it; else a rule of models.yaml chose it.
        reason: of who asked for it.
        auto_merge: GitHub is asked to merge by itself.
    """

    model: str
    stage: str
    version: int | None
    asked: bool = True
    reason: str = ""
    auto_merge: bool = False

    @property
    def branch(self) -> str:
        """The branch of the stage."""
        return branch_of(self.model, self.stage)

    @property
    def title(self) -> str:
        """The title of the pull request, and of its commit."""
        if self.version is None:
            return unlinked(f"Empty {self.stage} of {self.model}")
        return unlinked(f"Put {self.model} {self.version} into {self.stage}")

    @property
    def said(self) -> str:
        """The reason as a trailer has it: one line, without secrets."""
        return brief(secrets.hidden(self.reason), LONGEST_REASON)

    @property
    def marker(self) -> str:
        """The first line of the pull request's text."""
        return f"<!-- mlgitops:proposes {_number(self.version)}{' asked' * self.asked} -->"

    def message(self, tree: str) -> str:
        """The commit's message, which ends with trailers."""
        trailers = [f"{TRAILER}: {self.said}"] if self.said else []
        return "\n".join([self.title, "", *trailers, f"{_TREE}: {tree}"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """What the first line of a pull request's text tells."""

    version: int | None
    asked: bool
    withdrawn: bool


def branch_of(model: str, stage: str) -> str:
    """The branch of a stage: readable, and another one for each."""
    name = "-".join(_PLAIN.findall(model))
    if name != model:
        name = f"{name}-{sha256(model.encode()).hexdigest()[:8]}".lstrip("-")
    return f"{PREFIX}{name}/{alias_of(stage)}"


def marked(pull: Mapping[str, Any]) -> Marked | None:
    """What a pull request proposes; None if it does not tell."""
    found = _MARKER.fullmatch(str(pull.get("body") or "").partition("\n")[0].rstrip())
    if found is None:
        return None
    version = None if found[2] == "none" else int(found[2])
    return Marked(version=version, asked=bool(found[3]), withdrawn=found[1] == "withdrew")


def withdrawn(pull: Mapping[str, Any]) -> str:
    """The text of a pull request that proposes nothing any more."""
    return str(pull.get("body") or "").replace("mlgitops:proposes", "mlgitops:withdrew", 1)


def was_turned_down(pulls: Iterable[Mapping[str, Any]], version: int | None) -> bool:
    """Whether one of some pull requests that are not open proposed a version: people decided."""
    closed = (marked(pull) for pull in pulls if pull.get("state") == "closed")
    return any(one and one.version == version and not one.withdrawn for one in closed)


def trailer(commit: Mapping[str, Any], name: str) -> str:
    """The value of a trailer of a commit's message; empty without one."""
    lines = str(commit.get("message") or "").splitlines()
    begin = f"{name}: "
    return next((line.removeprefix(begin) for line in lines[1:] if line.startswith(begin)), "")


def is_untouched(commit: Mapping[str, Any]) -> bool:
    """Whether the head of a branch is as it was proposed."""
    return trailer(commit, _TREE) == str(commit["tree"]["sha"])


def _number(version: int | None) -> str:
    return "none" if version is None else str(version)
