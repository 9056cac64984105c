"""The command line: thin verbs over the other packages, and the one place that exits."""

from __future__ import annotations

import atexit
import gc
import io
import logging
import os
import sys
import textwrap
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from mlgitops import __version__, words
from mlgitops.cli.verbs import VERBS, Verbs
from mlgitops.errors import MissingExtraError, MlgitopsError, Problem, ProblemsError, UsageError
from mlgitops.errors.codes import EXIT_CODES
from mlgitops.system import outlet, signals
from mlgitops.words import brief

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMPLETE = "_MLGITOPS_COMPLETE"  # set by what a shell runs to complete
_LONGEST = 300  # characters of what an unforeseen exception says

_CODES = ", ".join(f"{one.code} {one.brief}" for one in EXIT_CODES)
_EPILOG = f"""\b
Examples:
  mlgitops validate                          check models.yaml offline
  mlgitops plan --exit-code                  exit with 2 if changes are pending
  mlgitops promote power-forecasting-model Production 2
  mlgitops apply
  mlgitops status --format json

\b
MLFLOW_TRACKING_URI names the registry; MLFLOW_REGISTRY_URI names one apart from
the runs. Logins, TLS and timeouts are MLflow's own variables, such as
MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN.
MLGITOPS_LOGIN is a command that prints such variables, for short-lived logins.
Without an address, the registry is embedded, in the folder .mlgitops.

\b
{textwrap.fill(f"Exit codes: {_CODES}.", 78)}

\b
After an unexpected error, MLGITOPS_DEBUG=1 prints its traceback.
"""


@click.group(cls=Verbs, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mlgitops")
def cli() -> None:
    """Manage the stages of an MLflow model registry from Git.

    models.yaml declares which version of each model is in each stage.
    """


def main() -> None:
    """Run the command line and exit with the code of what happened."""
    if os.environ.get(_COMPLETE):
        _complete()
    ended: list[int] = []  # with the exit code, once the command has
    atexit.register(_leave, ended)  # before others do, as the last one that is called
    # a verb makes many values and ends: with Python's defaults, looking for garbage among the
    # entries of ten thousand models takes 40% of a plan
    gc.set_threshold(1_000_000, 50, 50)
    for stream in (sys.stdout, sys.stderr):  # what a locale has no letters for is no reason to fail
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if os.path.expanduser("~") == "~":  # noqa: PTH111 - a user without a name; Path.home() raises
        os.environ["HOME"] = "/"  # as Docker says
    # what it starts with `python -m` imports nothing from the current folder, which is a checkout
    os.environ["PYTHONSAFEPATH"] = "1"
    signals.unwind_on_term()
    ended.append(run(sys.argv[1:]))
    sys.exit(*ended)


def _leave(ended: Sequence[int]) -> None:
    """End the process; to free value by value what it holds takes up to a quarter of its time."""
    with suppress(OSError, ValueError):  # Python itself says what could not be printed
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for code in ended:
            os._exit(code)


def _complete() -> NoReturn:
    """Answer a shell that completes a command line; it has no place for errors."""
    try:
        cli.main(prog_name="mlgitops", complete_var=_COMPLETE)
    except Exception:  # noqa: BLE001 - such as a package that the verb needs
        sys.exit(1)


def run(arguments: list[str]) -> int:
    """Run one command; returns its exit code and prints errors on standard error."""
    # MLflow's defaults wait for minutes on a registry that is down, report usage home, and log
    # what it is doing between the lines of what was asked for
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for client in ("azure", "databricks"):  # what they raise says the same, and comes to an error
        logging.getLogger(client).setLevel(logging.CRITICAL)
    with outlet.opened():
        code, failure, problems = _attempted(arguments)
        for line in failure.splitlines():
            _tell_error(line)
    if failure and os.environ.get("GITHUB_ACTIONS") == "true":
        from mlgitops.cli.annotations import commands

        for command in commands(failure, problems):
            click.echo(command, err=True)
    return code


def _attempted(arguments: list[str]) -> tuple[int, str, tuple[Problem, ...]]:
    """The exit code of a command, and why it failed; empty if it did not. Its single problems."""
    try:
        result = _invoked(arguments)
        sys.stdout.flush()
    except ProblemsError as error:
        return error.exit_code, str(error), error.problems
    except MlgitopsError as error:
        return error.exit_code, str(error), ()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code, "", ()
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "mlgitops"
        return UsageError.exit_code, f"{error.format_message()} See {command} --help.", ()
    except click.ClickException as error:
        return 1, error.format_message(), ()
    except (click.Abort, KeyboardInterrupt):
        return 130, "interrupted", ()
    except signals.Terminated:
        return 143, "terminated", ()
    except BrokenPipeError:
        # the reader of a pipe has gone: what was printed so far is all it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0, "", ()
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback of others' values
        return 1, _unexpected(error), ()
    return result if isinstance(result, int) else 0, "", ()


def _invoked(arguments: list[str]) -> object:
    """What a verb returns.

    Raises:
        MissingExtraError: it needs a package that is not installed.
    """
    try:
        return cli.main(args=arguments, prog_name="mlgitops", standalone_mode=False)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        verb = next((word for word in arguments if word in VERBS), None)
        if verb is None or package in ("", "mlgitops"):
            raise
        raise MissingExtraError(
            f"`mlgitops {verb}` needs the package {package}, which is not installed: "
            f"pip install 'mlgitops[{VERBS[verb].extra}]'"
        ) from error


def _unexpected(error: Exception) -> str:
    """What an exception says that nobody foresaw; its traceback only if that was asked for."""
    if os.environ.get("MLGITOPS_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, OSError) and error.strerror:
        # such as a full disk, which any temporary file may meet
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = "/".join((*Path(frame.filename).parts[-2:-1], Path(frame.filename).name))
    what = f"{type(error).__name__} in {place}:{frame.lineno}: {brief(error, _LONGEST)}"
    return f"bug in mlgitops: {what}; to see the traceback, set MLGITOPS_DEBUG=1. Please report it"


def _tell_error(line: str) -> None:
    plain = False if os.environ.get("NO_COLOR") else None
    shown = click.style("error: ", fg="red") + words.plain(line)
    click.echo(shown, file=outlet.coloured(sys.stderr), color=plain)
