"""Whether workflows start on files that models.yaml includes, and whose review these need.

Protocol: docs.github.com, "Workflow syntax for GitHub Actions" (`on.<event>.paths`, filter
patterns), "About code owners".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlgitops.doctor.finding import failed, passed, unchecked
from mlgitops.errors import GitError
from mlgitops.file import include, texts
from mlgitops.history import paths
from mlgitops.system import files, yamls
from mlgitops.words import listed, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mlgitops.doctor.finding import Finding

_EVENTS = ("push", "pull_request", "pull_request_target")
_OWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")  # GitHub takes the first
_MAX_BYTES = 3 * 2**20  # of CODEOWNERS; GitHub's limit
_OF_FILTER = re.compile(r"\*\*/|\*\*|\*|\[[^]]*\]|[?+]|.", re.DOTALL)
_OF_OWNERS = re.compile(r"^\*\*/|/\*\*/|\*\*|\*|\?|.", re.DOTALL)


def covered(file: Path) -> Iterator[Finding]:
    """What a repository on GitHub does with the files that a valid models.yaml includes.

    Nothing is said where it includes none, or where there is no repository.
    """
    said = texts.read(file)
    if not said.patterns:
        return
    try:
        place = paths.place(file)
    except GitError:
        return
    folder = place.files(file).folder
    known = [one.path for one in said.included]
    named = {
        one.text: [folder + path for path in (_example(one), *include.matching([one], known))]
        for one in said.patterns
    }
    yield from _of_workflows(place.top, place.path, named)
    yield from _of_owners(place.top, named)


def _example(pattern: include.Pattern) -> str:
    """A path that a pattern names, as any other file that somebody adds."""
    named = ("any" if one == "**" else re.sub(r"\*", "any", one) for one in pattern.parts)
    return "/".join(named).replace("?", "x")


def _of_workflows(
    top: Path, declares: str, named: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    """The workflows that start on models.yaml start on all that it includes."""
    check, starting, failing = "workflows", 0, 0
    for workflow in sorted((top / ".github/workflows").glob("*.y*ml")):
        name = workflow.relative_to(top).as_posix()
        try:
            filters = list(_filters(yamls.load(files.read_bytes(workflow, limit=yamls.LARGEST))))
        except (OSError, *yamls.BROKEN) as error:
            yield unchecked(check, f"{name} cannot be read: {one_line(error)}")
            continue
        for event, said in filters:
            if not _starts(said, declares):
                continue
            starting += 1
            lacking = [
                one for one, some in named.items() if not all(_starts(said, p) for p in some)
            ]
            if lacking:
                failing += 1
                yield failed(
                    check,
                    f"{name} does not start on a {event} of every file that include names: "
                    f"{listed(lacking)}",
                    f"name these in `paths` of its `on: {event}`, as models.yaml",
                )
    if starting and not failing:
        yield passed(check, "those that start on models.yaml start on what it includes")


def _filters(workflow: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The events that a workflow starts on by paths, each with what it says of them."""
    found = workflow.get("on", workflow.get(True)) if isinstance(workflow, dict) else None
    for event in _EVENTS:
        said = found.get(event) if isinstance(found, dict) else None
        if isinstance(said, dict) and {"paths", "paths-ignore"} & said.keys():
            yield event, said


def _starts(said: Mapping[str, Any], path: str) -> bool:
    """Whether a change of a file starts a workflow: the last pattern that matches counts."""
    starts = "paths" not in said
    for one in said.get("paths", said.get("paths-ignore")) or ():
        text = str(one)
        if _filter(text.removeprefix("!")).fullmatch(path):
            starts = ("paths" in said) is not text.startswith("!")
    return starts


def _filter(pattern: str) -> re.Pattern[str]:
    """A filter of paths, in which ? and + are of the character before."""
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "?", "+": "+"}
    found = _OF_FILTER.findall(pattern)
    made = (special.get(p, p if len(p) > 1 else re.escape(p)) for p in found)
    try:
        return re.compile("".join(made))
    except re.error:  # GitHub refuses it, too
        return re.compile("(?!)")


def _of_owners(top: Path, named: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Each file has an owner, without whom everybody who can write approves its changes."""
    check = "owners of files"
    place = next((one for one in _OWNERS if (top / one).is_file()), None)
    if place is None:
        return  # what is asked on GitHub tells
    try:
        text = files.read_text(top / place, limit=_MAX_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        yield unchecked(check, f"{place} cannot be read: {one_line(error)}")
        return
    rules = [line.partition("#")[0].split() for line in text.splitlines()]
    owners = {
        pattern: [owners_of(rules, path) for path in found] for pattern, found in named.items()
    }
    if lacking := [pattern for pattern, found in owners.items() if not all(found)]:
        what = f"{place} gives nobody what include names: {listed(lacking)}"
        yield failed(check, what, "add lines such as `/models/ @acme/data-science`")
        return
    told = (
        f"{pattern}: {listed(sorted({one for those in found for one in those}))}"
        for pattern, found in owners.items()
    )
    yield passed(check, "; ".join(told))


def owners_of(rules: Sequence[Sequence[str]], path: str) -> list[str]:
    """The owners of a file: of the last rule that matches."""
    matching = (rule for rule in reversed(rules) if rule and _rule(rule[0]).match(path))
    return [*next(matching, ())][1:]


def _rule(pattern: str) -> re.Pattern[str]:
    """A pattern of CODEOWNERS: as in .gitignore, but `/*` at its end names no folders."""
    fixed = pattern.rstrip("/")
    above = "" if "/" in fixed else "(?:.*/)?"
    special = {"**/": "(?:.*/)?", "/**/": "/(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    made = "".join(special.get(p, re.escape(p)) for p in _OF_OWNERS.findall(fixed.lstrip("/")))
    inside = r"\Z" if fixed.endswith("/*") else r"(?:/|\Z)"
    below = "/" if pattern.endswith("/") else inside
    return re.compile(above + made + below)
