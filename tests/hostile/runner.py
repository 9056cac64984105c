"""What GitHub's runner takes for a command: the parser of its source, in Python.

Source: github.com/actions/runner at 258d6c8, src/Runner.Common/ActionCommand.cs (`TryParseV2`,
`TryParse`) and src/Runner.Worker/ActionCommandManager.cs (`TryProcessCommand`).
"""

from __future__ import annotations

import re

COMMANDS = {
    *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group"),
    *("notice", "remove-matcher", "save-state", "set-env", "set-output", "stop-commands"),
    "warning",
}


def command(line: str, registered: set[str] = COMMANDS) -> tuple[str, str] | None:
    """The name and the data of the command that a line is; None if it is none."""
    start = line.lstrip()  # as TrimStart, of Unicode's blanks
    if start.startswith("::") and "::" in start[2:]:
        said, _, data = start[2:].partition("::")
        if said.partition(" ")[0].lower() in registered:
            return said.partition(" ")[0].lower(), data
    _, prefix, rest = line.partition("##[")
    said, end, data = rest.partition("]")
    if prefix and end and said.partition(" ")[0].lower() in registered:
        return said.partition(" ")[0].lower(), data
    return None


def executed(log: str) -> list[tuple[str, str]]:
    """The commands that a step's log gives, but those that stop and resume them."""
    registered, token, done = set(COMMANDS), "", []
    for line in re.split(r"\r\n|\n|\r", log):  # as StreamReader.ReadLine
        found = command(line, registered)
        if found is None or (token and found[0] != token):
            continue
        if token:
            registered.remove(token)
            token = ""
        elif found[0] == "stop-commands":
            token = found[1].lower()
            registered.add(token)
        else:
            done.append(found)
    return done
