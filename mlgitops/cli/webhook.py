"""The verb that receives MLflow's webhooks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from mlgitops.cli.numbers import Number, Whole
from mlgitops.cli.options import Target, registry_options, tell, warn
from mlgitops.core.stage import alias_of
from mlgitops.errors import ReceiverError, UsageError
from mlgitops.system import signals

if TYPE_CHECKING:
    from mlgitops.github.api import GitHub
    from mlgitops.receiver.app import App

_SECRET, _TOKEN = "MLGITOPS_RECEIVER_SECRET", "GITHUB_TOKEN"
_KNOWN = "each worker of MLflow knows it after MLFLOW_WEBHOOK_CACHE_TTL, 60 s unless set"
_ENDING = "stopping: starting what waits"


@click.command(
    epilog="""\b
Examples:
  mlgitops webhook --repository acme/models
  mlgitops webhook --register https://hooks.example.org/mlflow

\b
Variables:
  MLGITOPS_RECEIVER_SECRET  what MLflow signs with, at least 16 characters
  GITHUB_TOKEN              may write contents of the repository
  GITHUB_API_URL            of GitHub Enterprise Server
"""
)
@click.option(
    "--register",
    "address",
    metavar="URL",
    help="Register this receiver at MLflow under its address, and exit.",
)
@click.option(
    "--repository",
    envvar="GITHUB_REPOSITORY",
    metavar="OWNER/NAME",
    help="Whose workflows are started.  [env: GITHUB_REPOSITORY]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=Whole(1, 65535), default=8090, show_default=True, help="The port to listen on."
)
@click.option(
    "--candidate",
    "candidates",
    multiple=True,
    default=("candidate",),
    show_default=True,
    metavar="ALIAS",
    help="An alias that proposes the version it is set to.",
)
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="ALIAS",
    help="An alias that is no stage: moving it starts nothing.",
)
@click.option(
    "--settle",
    type=Number(0, 60),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait this long for more events before starting.",
)
@click.option(
    "--interval",
    type=Number(0, 86_400),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait this long between two starts of the same workflow.",
)
@registry_options
def webhook(
    address: str | None,
    repository: str | None,
    host: str,
    port: int,
    candidates: tuple[str, ...],
    ignored: tuple[str, ...],
    settle: float,
    interval: float,
    target: Target,
) -> None:
    """Start workflows when the registry changes.

    Receives MLflow's webhooks at /mlflow. A new version sends GitHub the event mlgitops-version,
    which the proposal workflow takes; an alias that was not moved by mlgitops sends mlgitops-drift,
    which Drift takes. /health answers health checks. Keeps nothing on disk. When it is stopped, it
    first starts what waits.
    """
    secret = os.environ.get(_SECRET, "")
    if len(secret) < 16:
        raise UsageError(f"set {_SECRET} to at least 16 characters: openssl rand -hex 32")
    if address:
        _register(target, address, secret)
        return
    from mlgitops.receiver.app import App
    from mlgitops.receiver.waiting import Pace
    from mlgitops.receiver.worker import Worker

    worker = Worker(
        registry=target.connect(),
        start=_github(repository).dispatch,
        pace=Pace(settle=settle, interval=interval),
        tell=tell,
    )
    app = App(
        secret=secret,
        worker=worker,
        candidates=[*map(alias_of, candidates)],
        ignored=[*map(alias_of, ignored)],
    )
    ending = signals.Signals()
    with signals.caught(ending, _ENDING):
        _serve(app, host, port)
        worker.run(lambda: ending.arrived)


def _register(target: Target, url: str, secret: str) -> None:
    from mlgitops.receiver import register
    from mlgitops.registry.address import speaks_plain_http
    from mlgitops.registry.calls import Calls
    from mlgitops.registry.server import server_at

    uri = target.named.registry if target.named else ""
    if not speaks_plain_http(uri):
        raise UsageError("webhooks need an MLflow server; set MLFLOW_TRACKING_URI to its address")
    calls = Calls(server_at(uri))
    number = register.register(calls, url, secret)
    tell(f"registered the webhook {register.NAME} ({number}); {_KNOWN}")
    if why := register.reached(calls, number):
        warn(f"MLflow did not reach it: {why}")
    else:
        tell("MLflow reached it")


def _github(repository: str | None) -> GitHub:
    """The repository whose workflows are started."""
    from mlgitops.github import context
    from mlgitops.github.api import GitHub

    if not repository or not os.environ.get(_TOKEN):
        raise UsageError(f"pass --repository OWNER/NAME, and set {_TOKEN}")
    return GitHub(context.read({**os.environ, "GITHUB_REPOSITORY": repository}))


def _serve(app: App, host: str, port: int) -> None:
    """Take deliveries in threads beside this one, until the process ends.

    Raises:
        ReceiverError: the address cannot be listened on.
    """
    from threading import Thread

    import waitress

    from mlgitops.receiver.app import LIMIT, PATH

    options: dict[str, Any] = {
        "max_request_body_size": LIMIT,
        "max_request_header_size": 2**14,
        "inbuf_overflow": 2 * LIMIT,  # what is larger would lie on disk
        "channel_timeout": 30,
        "ident": None,
    }
    try:
        server = waitress.create_server(app, host=host, port=port, **options)
    except (OSError, ValueError) as error:
        raise ReceiverError(f"cannot listen on {host}:{port}: {error}") from error
    tell(f"receiving webhooks at http://{host}:{port}{PATH}", err=True)
    Thread(target=server.run, daemon=True).start()
