"""Reports on a pull request: read as data, and with word of what made them.

The job that comments runs the base branch's code. Its text was made by a job that runs the pull
request's, and says whatever that code wants it to say, unless the pull request leaves it alone.
"""

from __future__ import annotations

import re
import stat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from mlgitops.words import count, listed, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from mlgitops.github.context import Context

MAX_BYTES = 4 * 1024 * 1024  # of one report; a comment holds a sixtieth of it
# text and declarations: nothing of them runs, and what they declare is what the report is about
_INERT = (".md", ".yaml", ".yml")
# but for these, which configure what makes a report
_MAKERS = (".github", "mlgitops", "stack")
# GitHub looks for mentions after Markdown has resolved escapes and entities
_MENTION = re.compile(r"(?<!\w)(?:@|&(?:#0*64|#x0*40|commat);?)(?=\w)", re.IGNORECASE)


def read(path: Path) -> str:
    """The Markdown of a report, in which nobody is mentioned; or why it cannot be shown."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        return f"**{path.name} cannot be shown:** it is not a regular file.\n"
    if status.st_size > MAX_BYTES:
        return f"**{path.name} cannot be shown:** it is larger than {MAX_BYTES >> 20} MiB.\n"
    return _MENTION.sub("@\u200b", path.read_text(encoding="utf-8", errors="replace"))


def warning(context: Context, changed: Collection[Mapping[str, Any]] | None) -> str:
    """What a reader must know before a report; nothing where the base branch's code made it.

    Args:
        context: of a run on a pull request.
        changed: the entries of GitHub's "List pull requests files"; None if it did not answer.
    """
    if changed is None:
        return _block("GitHub did not say which files this pull request changes.")
    if touched := makers(changed):
        names = listed([_code(name) for name in touched])
        return _block(f"This pull request changes what made this report: {names}.")
    known = _event(context).get("changed_files")
    if isinstance(known, int) and len(changed) < known:
        return _block(f"GitHub listed {len(changed):,} of {count(known, 'changed file')}.")
    return ""


def makers(changed: Iterable[Mapping[str, Any]], inert: tuple[str, ...] = _INERT) -> list[str]:
    """The changed files that may have made a report, or what it was measured with.

    Args:
        changed: the entries of one of GitHub's lists of files.
        inert: suffixes of files that make nothing.
    """
    both = ((entry.get("filename"), entry.get("previous_filename")) for entry in changed)
    return sorted(
        {str(name) for names in both for name in names if name and _makes(str(name), inert)}
    )


def _makes(file: str, inert: tuple[str, ...]) -> bool:
    path = PurePosixPath(file)
    return path.parts[0] in _MAKERS or path.suffix not in inert


def _block(why: str) -> str:
    return (
        f"> [!WARNING]\n> {why} A report says what the code that made it wants: review that code "
        "first.\n\n"
    )


def signature(context: Context) -> str:
    """The last line of a comment: what made its text, and what posted it."""
    head, base = (_commit(_event(context).get(side)) for side in ("head", "base"))
    if not head or not base:
        return ""
    run = f"[run {context.run}]({context.run_url})" if context.run else "a run"
    return f"\n\n<sub>From {run} of {head}, posted by the code of {base}.</sub>\n"


def _event(context: Context) -> Mapping[str, Any]:
    found = context.event.get("pull_request")
    return found if isinstance(found, dict) else {}


def _commit(side: object) -> str:
    sha = side.get("sha") if isinstance(side, dict) else None
    return _code(sha[:12]) if isinstance(sha, str) and sha else ""


def _code(text: str) -> str:
    return f"`{plain(text).replace('`', chr(39))}`"
