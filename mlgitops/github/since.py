"""What a comment says that the one before did not: changes of a plan, and their verdicts. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlgitops.report.markdown import CHANGES, table
from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HEADLINE = re.compile(r"^\*\*(?:Plan: |No changes)", re.MULTILINE)
_HEADER = table(CHANGES, ()).partition("\n")[0]
_CELL = re.compile(r"(?<!\\)\|")
_MOST = 5  # changes that are told one by one


def told(before: str, text: str) -> str:
    """A text with word of what is different, above its headline; as it is if nothing can be said.

    Args:
        before: the comment that the text replaces.
        text: the report of a plan, in Markdown.
    """
    headline = _HEADLINE.search(text)
    old, new = _changes(before), _changes(text)
    if headline is None or old is None or new is None:
        return text
    found = list(_differences(old, new))
    rest = [f"- and {count(len(found) - _MOST, 'more difference')}"] if len(found) > _MOST else []
    said = "\n".join(["**Since the last plan:**\n", *found[:_MOST], *rest])
    if not found:
        said = "Since the last plan: the same changes and verdicts."
    return f"{text[: headline.start()]}{said}\n\n{text[headline.start() :]}"


def _changes(text: str) -> Mapping[str, str] | None:
    """Model and stage → versions and verdicts; None where a plan is missing, or a part of it."""
    if not _HEADLINE.search(text):
        return None
    listed, _, after = text.replace("\r", "").partition(f"{_HEADER}\n")[2].partition("\n\n")
    if after.startswith("… and "):
        return None  # rows are left out
    rows = listed.split("\n")[1:]
    cells = ([cell.strip() for cell in _CELL.split(row)] for row in rows)
    return {f"{c[2]} {c[3]}": f"{c[4]}, gates: {c[5]}" for c in cells if len(c) == len(CHANGES) + 2}


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name, said in new.items():
        if name not in old:
            yield f"- {name}: {said} (new)"
        elif old[name] != said:
            yield f"- {name}: {said} (before: {old[name]})"
    gone = [name for name in old if name not in new]
    yield from (f"- {name}: no longer planned (before: {old[name]})" for name in gone)
