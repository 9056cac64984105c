"""The one way out: what is written to standard output and error says and does nothing but itself.

Most of what is printed was written by others: names, tags, messages of a registry. On these streams
it cannot steer a terminal, hold a secret of this process, or give a command to a CI runner.
"""

from __future__ import annotations

import io
import os
import re
import secrets as random
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import IO, TYPE_CHECKING, cast

from mlgitops import words
from mlgitops.system import secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLOURS = re.compile(r"(\x1b\[[0-9;]*m)")
# and what rich draws a spinner with: to column 1, clear the line, up, hide and show the cursor
_DRAWING = re.compile(r"(\x1b\[(?:[0-9;]*m|2K|1?A|\?25[lh])|\r)")
# source: ActionCommand.cs and OutputManager.cs of github.com/actions/runner. A command is a line
# that begins with `::` after blanks, or holds `##[` anywhere; for Azure Pipelines, `##vso[`
_COMMAND = re.compile(r"^((?:[^\S\n]|\x1b\[[0-9;]*m)*):(?=:)|##(?=(?:vso)?\[)", re.MULTILINE)


class Outlet(io.TextIOBase):
    """A stream before another; only the sequences of a pattern with one group may steer."""

    def __init__(self, stream: IO[str], steering: re.Pattern[str] | None = None) -> None:
        self.stream = stream
        self._steering = steering
        self._open = False  # whether the last text ended in the middle of what may be a command

    def write(self, text: str) -> int:
        """Write what is left of a text; returns how many characters there were."""
        shown = secrets.hidden(text)
        parts = self._steering.split(shown) if self._steering else [shown]
        shown = "".join(part if i % 2 else _visible(part) for i, part in enumerate(parts))
        if self._open and shown.startswith(("#", "[", "v", ":")):
            shown = f" {shown}"
        if "::" in shown or "##" in shown:
            shown = _COMMAND.sub(_broken, shown)
        if shown:
            self._open = shown.endswith(("#", ":"))
        self.stream.write(shown)
        return len(text)

    @property
    def encoding(self) -> str:  # type: ignore[override] # typeshed has a variable
        """See TextIOBase."""
        return getattr(self.stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override] # typeshed has a variable
        """See TextIOBase."""
        return getattr(self.stream, "errors", None) or "strict"

    def flush(self) -> None:
        """See TextIOBase."""
        self.stream.flush()

    def isatty(self) -> bool:
        """See TextIOBase."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """See TextIOBase."""
        return self.stream.fileno()

    def writable(self) -> bool:
        """See TextIOBase."""
        return True


def _visible(text: str) -> str:
    """The same lines, with tabs."""
    return "\n".join("\t".join(map(words.plain, line.split("\t"))) for line in text.split("\n"))


def _broken(found: re.Match[str]) -> str:
    return "# #" if found[1] is None else f"{found[1]}: "


@contextmanager
def opened() -> Iterator[None]:
    """Let both streams out this way; in a job of GitHub Actions, stop its commands meanwhile.

    Commands are stopped for what children may write to these streams themselves. What passes an
    outlet needs no stop, which could not be relied on: the runner reads the two streams apart, so
    that the end of the stop may overtake what was printed before. Nor is it written to standard
    output, which programs read.
    """
    if isinstance(sys.stdout, Outlet):  # a command within a command
        yield
        return
    secrets.forget()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = stream.encoding.lower() in ("ascii", "us-ascii", "ansi_x3.4-1968")
            encoding = "utf-8" if ascii_only else stream.encoding
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    error, token = sys.stderr, random.token_hex(16)
    stopped = os.environ.get("GITHUB_ACTIONS") == "true"
    if stopped:
        _say(error, f"::stop-commands::{token}")
    try:
        with redirect_stdout(Outlet(sys.stdout)), redirect_stderr(Outlet(error)):
            yield
    finally:
        if stopped:
            _say(error, f"::{token}::")


def _say(stream: IO[str], line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()


def coloured(stream: IO[str]) -> IO[str]:
    """The same stream for what may hold colours of our own."""
    return _steered(stream, _COLOURS)


def drawn(stream: IO[str]) -> IO[str]:
    """The same stream for what may move the cursor as well."""
    return _steered(stream, _DRAWING)


def _steered(stream: IO[str], steering: re.Pattern[str]) -> IO[str]:
    return (
        cast("IO[str]", Outlet(stream.stream, steering)) if isinstance(stream, Outlet) else stream
    )
