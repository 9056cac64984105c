"""Texts that fit into a comment, an issue, a pull request or a job's summary. Pure.

What is left out is left out whole: first details that are folded, then rows of long tables, then
blocks from the end. So a report says first what nobody may miss, and the rest is still Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from mlgitops.report.markdown import block, summary_of
from mlgitops.words import count

LIMIT = 65_536  # characters; GitHub refuses a longer body
SUMMARY_LIMIT = 1_048_576  # bytes; GitHub shows no summary of a step that is larger
LEAST = 1_000  # a limit below this leaves no room for anything
_BETWEEN = "\n\n"
_NOTE = 600  # what the last line may take
_TITLE = 2_000  # where the title of details ends, at the latest
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SUMMARY = re.compile(r"<summary>(.*?)</summary>", re.DOTALL)

Size = Callable[[str], int]


def octets(text: str) -> int:
    """The size of a text in bytes of UTF-8."""
    return len(text.encode())


def fitted(text: str, limit: int = LIMIT, *, run: str | None = None, size: Size = len) -> str:
    """A text of at most `limit`; its last line says what was left out.

    Args:
        text: Markdown, the most important first.
        limit: in what `size` counts; `LEAST` or more.
        run: the address of the run whose artifacts hold the whole text.
        size: counts characters, or `octets`.
    """
    if size(text) <= limit:
        return text
    cut = _Cut(text, limit - _NOTE, size)
    cut.folded()
    cut.rows()
    cut.end()
    where = f"[artifacts of the run]({run})" if run else "artifacts of the run"
    said = f"shortened: {', '.join(cut.said)} left out. The complete report is in the {where}."
    return _BETWEEN.join([*cut.blocks, f"… {said}\n"])


class _Cut:
    """Blocks of Markdown that become fewer and shorter until they fit into some room."""

    def __init__(self, text: str, room: int, size: Size) -> None:
        self.blocks = list(_blocks(text))
        self.said: list[str] = []
        self._room = room
        self._size = size

    def _over(self) -> int:
        return self._size(_BETWEEN.join(self.blocks)) - self._room

    def folded(self) -> None:
        """Leave a line of each of the details, the longest first; none if that is not enough."""
        found = [i for i, block in enumerate(self.blocks) if block.startswith("<details")]
        found.sort(key=lambda i: (self._size(self.blocks[i]), i), reverse=True)
        over, gone = self._over(), 0
        for i in found:
            if over <= 0:
                break
            line = _line_of(self.blocks[i])
            over -= self._size(self.blocks[i]) - self._size(line)
            self.blocks[i] = line
            gone += 1
        if over > 0:
            left_out = set(found)
            self.blocks = [block for i, block in enumerate(self.blocks) if i not in left_out]
        self._say(gone, "folded detail")

    def rows(self) -> None:
        """Leave each long table a third of the room, or more if that is enough."""
        tables = [i for i, block in enumerate(self.blocks) if block.startswith("|")]
        for i in sorted(tables, key=lambda i: self._size(self.blocks[i]), reverse=True):
            block = self.blocks[i]
            if self._size(block) <= self._room // 3:
                break
            room = max(self._room // 3, self._size(block) - max(0, self._over()))
            if self._size(block) > room:
                self.blocks[i] = _shortened(block, room, self._size)

    def end(self) -> None:
        """Leave out blocks from the end; a heading without its block, too."""
        over, gone = self._over(), 0
        while self.blocks and (over > 0 or self.blocks[-1].startswith("#")):
            if len(self.blocks) == 1:
                self.blocks = [_clipped(self.blocks[0], self._room)]
                break
            block = self.blocks.pop()
            over -= self._size(block) + len(_BETWEEN)
            gone += not block.startswith("#")
        self._say(gone, "part")
        self.said = self.said or ["the end"]

    def _say(self, gone: int, noun: str) -> None:
        if gone:
            self.said.append(count(gone, noun))


def _line_of(details: str) -> str:
    found = _SUMMARY.search(details, 0, _TITLE)
    title = block(summary_of(found[1])) if found else "Details"
    return f"{title}: see the artifacts for details"


def _shortened(table: str, room: int, size: Size) -> str:
    """The first rows of a table, and how many there are more."""
    rows = table.split("\n")
    room -= 40  # for the line that says so
    kept, used = rows[:2], size("\n".join(rows[:2]))
    for row in rows[2:]:
        used += size(row) + 1
        if used > room:
            break
        kept.append(row)
    return "\n".join(kept) + f"{_BETWEEN}… and {count(len(rows) - len(kept), 'more row')}"


def _clipped(block: str, room: int) -> str:
    """The start of a paragraph; nothing of what would not be closed."""
    if block.startswith(("<details", "|")) or _FENCE.match(block):
        return ""
    kept = block.encode()[:room].decode(errors="ignore")
    return kept[: max(kept.rfind("\n"), kept.rfind(" "))].rstrip("\\ \n")


def _blocks(text: str) -> Iterator[str]:
    """What empty lines divide, and headings begin; details and fenced code stay whole."""
    block: list[str] = []
    fence, depth = "", 0
    for line in text.split("\n"):
        free = not fence and not depth
        if free and block and (not line.strip() or _begins(line, block[-1])):
            yield "\n".join(block)
            block = []
        if free and not line.strip():
            continue
        block.append(line)
        fence = _fence(line, fence)
        if not fence:
            depth = max(0, depth + line.startswith("<details") - ("</details>" in line))
        if not free and not fence and not depth:
            yield "\n".join(block)
            block = []
    if block:
        yield "\n".join(block)


def _begins(line: str, before: str) -> bool:
    """Whether a line begins a block although no empty line is before it."""
    table = line.startswith("|") and not before.startswith("|")
    return table or line.startswith(("#", "<details")) or bool(_FENCE.match(line))


def _fence(line: str, fence: str) -> str:
    """The fence that is open after a line."""
    found = _FENCE.match(line)
    if not fence:
        return found[1] if found else ""
    closes = found is not None and found[1].startswith(fence) and line.strip() == found[1]
    return "" if closes else fence
