"""Texts that fit into a comment, an issue or a pull request."""

from __future__ import annotations

LIMIT = 65_536  # characters; GitHub refuses a longer body
_SECTION = "\n### "
_NOTE = "\n\n… cut here: the whole report is in the job's summary and its artifacts.\n"


def fitted(text: str, limit: int = LIMIT) -> str:
    """A body of at most `limit` characters: sections are left out from the end, never the start."""
    if len(text) <= limit:
        return text
    room = limit - len(_NOTE)
    cut = text.rfind(_SECTION, 0, room + 1)
    if cut <= 0:
        cut = text.rfind("\n", 0, room + 1)
    return text[: cut if cut > 0 else room].rstrip() + _NOTE
