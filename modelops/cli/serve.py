"""Verbs for the served model: serve and smoke."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelops.cli.options import connect, format_option, registry_options, show
from modelops.errors import SmokeFailedError
from modelops.registry.holder import holder

if TYPE_CHECKING:
    from pathlib import Path

_SHOWN = 5  # failed requests that the error names


@click.command(
    epilog="""\b
Examples:
  modelops serve power-forecasting-model Production
  modelops serve power-forecasting-model Staging --port 5001 --env-manager uv
"""
)
@click.argument("model")
@click.argument("stage")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="Default: a free one.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option(
    "--env-manager",
    type=click.Choice(["local", "uv", "virtualenv", "conda"]),
    default="local",
    show_default=True,
    help="local: this environment; others build the model's own first.",
)
@registry_options
def serve(
    model: str,
    stage: str,
    host: str,
    port: int | None,
    workers: int,
    env_manager: str,
    registry: str | None,
    state: Path,
) -> int:
    """Serve the version that STAGE of MODEL holds, with MLflow's own server."""
    from modelops.processes import free_port
    from modelops.serving.server import Options, run

    uri = held(model, stage, registry, state)
    chosen = port or free_port()
    click.echo(f"serving {uri} ({stage}) at http://{host}:{chosen}; stop it with Ctrl-C", err=True)
    return run(uri, Options(host=host, port=chosen, workers=workers, env_manager=env_manager))


@click.command(
    epilog="""\b
Examples:
  modelops smoke power-forecasting-model Production
  modelops smoke power-forecasting-model Production --url http://127.0.0.1:5001
"""
)
@click.argument("model")
@click.argument("stage")
@click.option("--url", help="What serves it already; default: serve it for the test.")
@click.option("--timeout", type=float, default=30.0, show_default=True, help="Seconds a request.")
@registry_options
@format_option
def smoke(
    model: str,
    stage: str,
    url: str | None,
    timeout: float,
    registry: str | None,
    state: Path,
    form: str,
) -> None:
    """Test what serves STAGE of MODEL: all endpoints, all formats, its answers, bad requests."""
    from contextlib import nullcontext

    from modelops.serving import report as reports
    from modelops.serving.server import Server, start
    from modelops.serving.smoke import smoke as test

    uri = held(model, stage, registry, state)
    serving = nullcontext(Server(url=url, model_uri=uri)) if url else start(uri)
    with serving as server:
        report = test(server.url, uri, timeout=timeout)
    show(
        form,
        text=lambda console: reports.text(report, console),
        markdown=lambda: reports.markdown(report),
        document=lambda: reports.document(report),
    )
    if report.failed:
        named = "\n".join(f"{c.request}: {c.actual}" for c in report.failed[:_SHOWN])
        raise SmokeFailedError(f"{report.summary}\n{named}")


def held(model: str, stage: str, registry: str | None, state: Path) -> str:
    """The URI of the version that a stage holds, which stays the same if the stage moves on.

    Raises:
        UsageError: there is no such model, or the stage is empty.
    """
    return f"models:/{model}/{holder(connect(registry, state), model, stage)}"


COMMANDS = (serve, smoke)
