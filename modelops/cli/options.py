"""What several verbs share: options, output and the registry they speak to."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from modelops.registry.client import MlflowRegistry
    from modelops.registry.embedded import Embedded

_PIPE_WIDTH = 180  # columns; a pipe has no width of its own

file_option = click.option(
    "--file",
    "-f",
    type=click.Path(path_type=Path),
    default=Path("models.yaml"),
    show_default=True,
    help="The desired state.",
)
registry_option = click.option(
    "--registry",
    envvar="MLFLOW_TRACKING_URI",
    metavar="URI",
    help="MLflow's tracking URI.  [env: MLFLOW_TRACKING_URI; default: embedded]",
)
state_option = click.option(
    "--state",
    envvar="MODELOPS_STATE",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".modelops"),
    show_default=True,
    help="The folder of the embedded registry.",
)
format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
)


def registry_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which registry is meant."""
    return registry_option(state_option(command))


def embedded(state: Path) -> Embedded:
    """The embedded registry in a folder."""
    from modelops.registry.embedded import Embedded

    return Embedded(folder=state)


def tracking_uri(registry: str | None, state: Path) -> str:
    """The registry's address; exported, so that child processes use the same one."""
    uri = registry or embedded(state).uri
    os.environ["MLFLOW_TRACKING_URI"] = uri
    return uri


def connect(registry: str | None, state: Path) -> MlflowRegistry:
    """A client of the registry.

    Raises:
        RegistryError: it can not be used.
    """
    uri = tracking_uri(registry, state)
    if not registry:
        click.echo(f"embedded registry in {state} (set MLFLOW_TRACKING_URI for another)", err=True)
    from modelops.registry.client import MlflowRegistry

    return MlflowRegistry(uri)


def console(*, stderr: bool = False) -> Console:
    """A console: colour and the terminal's width on a terminal, plain lines in a pipe."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal:
        made = Console(stderr=stderr, highlight=False, width=_PIPE_WIDTH, no_color=True)
    return made


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """What is being done, on a terminal only."""
    err = console(stderr=True)
    if not err.is_terminal:
        yield lambda _: None
        return
    with err.status("") as spinner:
        yield spinner.update


def show(
    form: str,
    *,
    text: Callable[[Console], None],
    markdown: Callable[[], str],
    document: Callable[[], dict[str, Any]],
) -> None:
    """Print a report in the format that was asked for."""
    if form == "json":
        click.echo(json.dumps(document(), indent=2, ensure_ascii=False))
    elif form == "markdown":
        click.echo(markdown(), nl=False)
    else:
        text(console())
