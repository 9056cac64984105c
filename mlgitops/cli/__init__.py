"""The command line: thin verbs over the other packages, and the one place that exits."""

from __future__ import annotations

import gc
import logging
import os
import sys

import click

from mlgitops import __version__
from mlgitops.cli.verbs import VERBS, Verbs
from mlgitops.errors import MissingExtraError, MlgitopsError, UsageError

_EPILOG = """\b
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
Without an address, the registry is embedded, in the folder .mlgitops.

\b
Exit codes: 0 success, 1 error, 2 changes are pending (--exit-code),
3 changes were refused, 4 a change failed, 5 the smoke test failed,
6 a deployment failed, 7 the image scan failed, 8 some changes were refused and
the others applied, 64 wrong command line, 130 interrupted, 143 terminated.
"""


@click.group(cls=Verbs, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mlgitops")
def cli() -> None:
    """Manage the stages of an MLflow model registry from Git.

    models.yaml declares which version of each model is in each stage.
    """


def main() -> None:
    """Run the command line and exit with the code of what happened."""
    # a verb makes many values and ends: with Python's defaults, looking for garbage among the
    # entries of ten thousand models takes 40% of a plan
    gc.set_threshold(100_000, 50, 50)
    # what it starts with `python -m` imports nothing from the current folder, which is a checkout
    os.environ["PYTHONSAFEPATH"] = "1"
    sys.exit(run(sys.argv[1:]))


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
    try:
        result = _invoked(arguments)
    except MlgitopsError as error:
        return _failed(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "mlgitops"
        return _failed(f"{error.format_message()} See {command} --help.", UsageError.exit_code)
    except click.ClickException as error:
        return _failed(error.format_message(), 1)
    except (click.Abort, KeyboardInterrupt):
        return _failed("interrupted", 130)
    except BrokenPipeError:
        # the reader of a pipe has gone: what was printed so far is all it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0


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


def _failed(message: str, code: int) -> int:
    plain = False if os.environ.get("NO_COLOR") else None
    for line in message.splitlines():
        click.echo(click.style("error: ", fg="red") + line, err=True, color=plain)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        click.echo(f"::error title=mlgitops::{_annotation(message)}", err=True)
    return code


def _annotation(message: str) -> str:
    """A message as a workflow command carries it: docs.github.com, "Workflow commands"."""
    return message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
