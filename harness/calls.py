"""The commands of mlgitops that a text names, and whether they could be run as they stand."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click

from mlgitops.cli.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHELL = re.compile(r"^ *```(?:console|sh|bash|shell)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4,}(mlgitops .*)$", re.MULTILINE)
_CODE = re.compile(r"`(mlgitops [^`]+)`")
_ENDS = re.compile(r"[|&;<>()]+")
_PROGRAM = re.compile(r"(?:\S*/)?mlgitops")
_FIRST = re.compile(r"[A-Z=…]")  # of what stands for something, and what two words are joined by


def in_blocks(text: str) -> Iterator[list[str]]:
    """The words of each command in blocks to type in, without `mlgitops` itself."""
    for block in (*_SHELL.findall(text), *_INDENTED.findall(text)):
        for line in _joined(block).splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True  # an address is one word
            yield from _calls(list(lexer))


def in_prose(text: str) -> Iterator[list[str]]:
    """The words of each command in a sentence; it may name a part, such as `mlgitops plan`."""
    for code in _CODE.findall(_FENCED.sub("", text)):
        plain = re.sub(r"[\[\]]|\.\.\.|…", " ", code)
        yield from _calls(shlex.split(plain))


def _joined(block: str) -> str:
    """A block with each command in one line."""
    lines: list[str] = []
    begun = ""
    for line in block.replace("\\\n", " ").splitlines():
        begun = f"{begun} {line}" if begun else line
        try:
            shlex.split(begun, comments=True)
        except ValueError:  # a quotation goes on
            continue
        lines.append(" ".join(begun.split()))
        begun = ""
    return "\n".join(lines)


def _calls(words: list[str]) -> Iterator[list[str]]:
    found: list[str] | None = None
    for word in [*words, ";"]:
        if _ENDS.fullmatch(word):
            if found is not None:
                yield found
            found = None
        elif found is not None:
            found.append(word)
        elif _PROGRAM.fullmatch(word):
            found = []
        elif "=" not in word.partition("/")[0] and word not in {"sudo", "time", "exec"}:
            return  # another program's words


def wrong(words: list[str], *, whole: bool) -> str:
    """What is wrong with a command; empty if mlgitops would begin to run it.

    Args:
        words: of the command.
        whole: whether it must have every argument that mlgitops needs.
    """
    if not words or words[0] in {"--help", "--version", "-h"} or _FIRST.match(words[0]):
        return ""
    verb = VERBS.get(words[0])
    if verb is None:
        return f"no command {words[0]}"
    command, rest = verb.load(), words[1:]
    if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        inner = command.commands.get(rest[0])
        if inner is None:
            return "" if _FIRST.match(rest[0]) else f"no command {words[0]} {rest[0]}"
        command, rest = inner, rest[1:]
    return _wrong_options(command, rest, whole=whole)


def _wrong_options(command: click.Command, words: list[str], *, whole: bool) -> str:
    context = click.Context(command, info_name=command.name)
    try:
        values, left, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return "" if not whole and "requires an argument" in str(error) else error.format_message()
    if left and not isinstance(command, click.Group):
        return f"too many arguments: {left}"
    for parameter in command.params:
        value = values.get(parameter.name or "")
        there = isinstance(value, str | tuple) and value  # what is not may be click's own for none
        if isinstance(parameter, click.Argument) and parameter.required and whole and not there:
            return f"{parameter.make_metavar(context)} is missing"
        if isinstance(parameter.type, click.Choice) and isinstance(value, str):
            choices = {str(choice) for choice in parameter.type.choices}
            if not {one for one in value.split("|") if not _FIRST.match(one)} <= choices:
                return f"{parameter.opts[-1]} {value}: one of {sorted(choices)}"
    return ""
