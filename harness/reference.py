"""The reference in docs/, from the code that it describes: nox -s reference; lint checks it."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import click

from harness import written
from harness.forms import escaped, tables
from mlgitops.cli.verbs import VERBS
from mlgitops.errors.codes import EXIT_CODES
from mlgitops.file.schema import json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FOLDER = "docs/reference"

_COMMANDS = """\
# Commands

Every command has `--help`; this page is made from the same text.

Commands that print a report take `--format`. Text is for a terminal and abbreviates long lists.
Markdown is for GitHub: refusals and verdicts come first, everything else is folded. If a comment
would be too long, it drops folded details first and says where to find them. JSON has everything
except the predictions of single rows, in the form of `report.schema.json`: `kind` names the type of
document, and `version` goes up with each change that breaks readers.

What is printed, reported or posted holds no secret of the process: values of variables such as
`*_PASSWORD`, `*_TOKEN` and `*_SECRET`, and logins and tokens in addresses, become `***` or are left
out. Names and messages of others cannot steer a terminal, give commands to GitHub's runner, or
mention anybody. `MLGITOPS_DEBUG=1` prints the traceback of an unexpected error.

| command | what it does | writes |
|---|---|---|
"""
_EXIT_CODES = """\
# Exit codes

| exit code | meaning |
|---|---|
"""
_MODELS_YAML = """\
# models.yaml

The keys of `models.yaml`, made from its JSON Schema, which [editors](../editors.md) use too.
Unknown keys are errors. The comments at the top of this repository's `models.yaml` show each key
with an example. [Evidence](../evidence.md#gates) explains the gates,
[deploying](../deploying.md) the deployments, and [many files](../models-yaml.md) `include`.

"""


def texts() -> Mapping[str, str]:
    """All pages that are made from code: path → text."""
    return {
        f"{_FOLDER}/commands.md": commands(),
        f"{_FOLDER}/exit-codes.md": exit_codes(),
        f"{_FOLDER}/models-yaml.md": _MODELS_YAML + "\n".join(tables(json_schema())),
    }


def out_of_date() -> dict[str, str]:
    """Those that are not as they should be, with the text that they should have."""
    return written.out_of_date(texts())


def exit_codes() -> str:
    """The page of exit codes."""
    return _EXIT_CODES + "".join(f"| {one.code} | {one.meaning} |\n" for one in EXIT_CODES)


def commands() -> str:
    """The page of all commands."""
    rows = [
        f"| [`mlgitops {name}`](#mlgitops-{name}) | {escaped(verb.summary)} | {verb.writes} |"
        for name, verb in sorted(VERBS.items())
    ]
    found = (text for path, command in every() for text in _described(path, command))
    return _COMMANDS + "\n".join([*rows, "", *found])


def every() -> Iterator[tuple[str, click.Command]]:
    """All commands, those of groups after their group: the words that call it → the command."""
    for name, verb in sorted(VERBS.items()):
        command = verb.load()
        yield f"mlgitops {name}", command
        if isinstance(command, click.Group):
            for inner in command.list_commands(click.Context(command)):
                yield f"mlgitops {name} {inner}", command.commands[inner]


def _described(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=path.rsplit(" ", 1)[-1])
    yield f"## {path}\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{path} {usage}\n```\n"
    yield _prose(command.help or "")
    options = [
        f"| {_ways(parameter, record[0])} | {_effect(parameter, record[1])} |"
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        and (record := parameter.get_help_record(context))
        and "--help" not in parameter.opts
    ]
    if options:
        yield "\n".join(["| option | |", "|---|---|", *options, ""])
    if command.epilog:
        yield _examples(command.epilog)


def _ways(parameter: click.Parameter, record: str) -> str:
    """The ways in which an option is written; choices are listed elsewhere, as tables use |."""
    if isinstance(parameter.type, click.Choice):
        record = record.replace(f"[{'|'.join(map(str, parameter.type.choices))}]", "CHOICE")
    return ", ".join(f"`{way.strip()}`" for way in re.split(r" / |, (?=-)", record))


def _effect(parameter: click.Parameter, record: str) -> str:
    if not isinstance(parameter.type, click.Choice):
        return escaped(record)
    choices = ", ".join(f"`{choice}`" for choice in parameter.type.choices)
    return f"{escaped(record)} CHOICE: {choices}."


def _prose(text: str) -> str:
    """Help as Markdown: paragraphs as they are, what has lines of its own as a block."""
    parts = inspect.cleandoc(text).split("\f")[0].split("\n\n")
    return "\n\n".join(_paragraph(part) for part in parts) + "\n"


def _paragraph(text: str) -> str:
    if text.startswith("\b"):
        lines = text.removeprefix("\b").strip("\n")
        return f"```text\n{lines}\n```"
    return re.sub(r"([<*])", r"\\\1", text)


def _examples(epilog: str) -> str:
    """The examples of a command, and what its help says after them."""
    found = []
    for part in inspect.cleandoc(epilog).split("\n\n"):
        first, _, rest = part.removeprefix("\b\n").partition("\n")
        if first == "Examples:":
            # what a line does stands behind it, where a shell would take it for arguments
            lines = re.sub(r"(?m)(?<=\S)( {2,})(?=\S)", r"\1# ", inspect.cleandoc(rest))
            found.append(f"```console\n{lines}\n```")
        else:
            found.append(_paragraph(part))
    return "\n\n".join(found) + "\n"


if __name__ == "__main__":
    written.main(texts(), "reference")
