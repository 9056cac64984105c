"""The one way out: streams on which text of others says and does nothing but itself."""

from __future__ import annotations

import io
import sys
from typing import IO, cast

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.system import outlet, secrets
from mlgitops.system.outlet import Outlet
from tests.hostile.runner import command

PIECES = st.sampled_from(
    (
        *(
            "::",
            ":",
            "##[",
            "#",
            "[",
            "error",
            "]",
            "::add-mask::",
            "##vso[",
            " ",
            "\t",
            "\n",
            "\r",
        ),
        *("\x0b", "\u2028", "\u200b", "\x1b[31m", "\x1b", "\x9b", "x", "é"),
    )
)


def written(*texts: str) -> str:
    """What an outlet lets out."""
    stream = io.StringIO()
    for text in texts:
        Outlet(stream).write(text)
    return stream.getvalue()


@given(st.lists(st.lists(PIECES, max_size=9).map("".join), max_size=4))
def test_no_line_is_a_command(texts: list[str]) -> None:
    """Neither in one text nor across several that are written one after the other."""
    stream = io.StringIO()
    out = Outlet(stream)
    for text in texts:
        out.write(text)
    for line in stream.getvalue().split("\n"):
        assert command(line) is None
        assert "##vso[" not in line
        assert not line.lstrip().startswith("::")
        assert line.replace("\t", "").isprintable()


def test_what_is_no_command_stays_as_it_is() -> None:
    """Text, tables, headings and JSON."""
    text = '# a\n\n## b\nstd::vector\t##\n{"a": ["::"]}\n— 模型\n'
    assert written(text) == text


def test_only_colours_of_our_own_pass() -> None:
    """And for a spinner, what moves the cursor; a title of a terminal never does."""
    stream = io.StringIO()
    plain = cast("IO[str]", Outlet(stream))
    for out in (plain, outlet.coloured(plain), outlet.drawn(plain)):
        out.write("\x1b[1mx\x1b[0m\x1b[2K\x1b]0;t\x07\n")
    assert stream.getvalue() == (
        " [1mx [0m [2K ]0;t \n\x1b[1mx\x1b[0m [2K ]0;t \n\x1b[1mx\x1b[0m\x1b[2K ]0;t \n"
    )


def test_secrets_of_the_process_do_not_get_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are, in an address, in JSON, in a header; nor those of an address's own."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", 'pa"ss w/rd')
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-secret-key")
    monkeypatch.setenv("MLGITOPS_DEPLOY_KEY", "-----BEGIN-----\nline-of-key\n-----END-----\n")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:proxy%21word@proxy")
    monkeypatch.setenv("SHORT_TOKEN", "abc")
    secrets.forget()
    said = 'pa"ss w/rd pa%22ss%20w%2Frd pa\\"ss w/rd aws-secret-key line-of-key proxy!word abc'
    assert written(said) == "*** *** *** *** *** *** abc"
    assert written("Basic YWRhOnBhInNzIHcvcmQ= ftp://u:p@h/?sig=1\n") == (
        "Basic *** ftp://h/?sig=***\n"
    )
    monkeypatch.undo()
    secrets.forget()
    assert written(said) == said


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_every_text_can_be_written(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the encoding of the stream; to ASCII, as click does, UTF-8."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    with outlet.opened():
        print("é 模型 \ud800")
        click.echo("–")
        sys.stdout.flush()
    assert raw.getvalue().decode() == "é 模型  \n–\n"


def test_commands_are_stopped_for_what_others_write(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """On standard error only: programs read standard output; with a token that nobody knows."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    tokens = set()
    for _ in range(2):
        with outlet.opened():
            print("{}")
        printed = capfd.readouterr()
        assert printed.out == "{}\n"
        stop, resume = printed.err.splitlines()
        token = stop.removeprefix("::stop-commands::")
        assert resume == f"::{token}::"
        tokens.add(token)
    assert len(tokens) == 2
    assert min(map(len, tokens)) == 32
