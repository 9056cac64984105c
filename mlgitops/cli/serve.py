"""Verbs for the served model: serve and smoke."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops.cli.evidence import environments_option, installing
from mlgitops.cli.numbers import Number, Whole
from mlgitops.cli.options import (
    Target,
    format_option,
    optional_file_option,
    registry_options,
    show_report,
    tell,
)
from mlgitops.core.pins import declared
from mlgitops.errors import SmokeFailedError
from mlgitops.file.load import load_or_empty
from mlgitops.registry.lookup import find_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlgitops.serve.smoke import Report

_SHOWN = 5  # failed requests that the error names


@click.command(
    epilog="""\b
Examples:
  mlgitops serve power-forecasting-model Production
  mlgitops serve power-forecasting-model Staging --port 5001 --env-manager uv
  mlgitops serve power-forecasting-model 3      a version, in a stage or not
"""
)
@click.argument("model")
@click.argument("version", metavar="STAGE|VERSION")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=Whole(1, 65535), help="The port to listen on.  [default: a free port]")
@click.option(
    "--workers",
    type=Whole(1, 64),
    default=1,
    show_default=True,
    help="Server processes; each loads the model.",
)
@click.option(
    "--env-manager",
    type=click.Choice(["local", "uv", "virtualenv", "conda"]),
    default="local",
    show_default=True,
    help="local uses this environment; the others first build the model's own.",
)
@optional_file_option
@registry_options
def serve(
    model: str,
    version: str,
    host: str,
    port: int | None,
    workers: int,
    env_manager: str,
    file: Path | None,
    target: Target,
) -> None:
    """Serve a version with MLflow's own server.

    Serves the version in STAGE, or VERSION.
    """
    from mlgitops.registry import required
    from mlgitops.serve.local import ServeOptions, run
    from mlgitops.system.ports import free_port

    chosen = port or free_port()
    options = ServeOptions(host=host, port=chosen, workers=workers, env_manager=env_manager)
    with _held(model, version, file, target) as (name, source):
        if env_manager != "local":
            required.check(Path(source), name.removeprefix("models:/"), env_manager)
        tell(f"serving {name} at http://{host}:{chosen}; stop it with Ctrl-C", err=True)
        run(source, options)


@click.command(
    epilog="""\b
Examples:
  mlgitops smoke power-forecasting-model Production
  mlgitops smoke power-forecasting-model Production --url http://127.0.0.1:5001
"""
)
@click.argument("model")
@click.argument("version", metavar="STAGE|VERSION")
@click.option("--url", help="Test the server at this URL.  [default: start one for the test]")
@click.option(
    "--timeout",
    type=Number(0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds to wait for each answer.",
)
@environments_option
@optional_file_option
@registry_options
@format_option
def smoke(
    model: str,
    version: str,
    url: str | None,
    timeout: float,
    environments: bool,
    file: Path | None,
    target: Target,
    form: str,
) -> None:
    """Smoke-test a model server.

    Tests all endpoints and input formats, compares the answers with the model's own predictions,
    and sends malformed requests. The model itself runs in a process of its own, with the packages
    that it asks for.
    """
    from contextlib import nullcontext
    from dataclasses import replace
    from functools import partial

    from mlgitops.report import document
    from mlgitops.report import smoke as reports
    from mlgitops.review.environments import Environments
    from mlgitops.serve import truth
    from mlgitops.serve.local import start
    from mlgitops.serve.smoke import smoke as test

    told = installing(wanted=environments, quick=False)
    own = Environments(say=told) if told else None
    with _held(model, version, file, target) as (name, source):
        serving = nullcontext(url) if url else start(source)
        folder = Path(source)
        with serving as address:
            ask = partial(truth.of_folder, folder, own=own)
            report = test(address, folder, ask, timeout=timeout)
        report = replace(report, model_uri=name.partition(" ")[0])
    show_report(form, reports.shown(report), lambda: document.smoke(report))
    check_smoked([report])


def check_smoked(reports: Iterable[Report]) -> None:
    """Fail if a smoke test failed.

    Raises:
        SmokeFailedError: naming the first failed requests of each.
    """
    lines = []
    for report in reports:
        if report.failed:
            lines += [report.summary, *(f"{c.request}: {c.actual}" for c in report.failed[:_SHOWN])]
    if lines:
        raise SmokeFailedError("\n".join(lines))


@contextmanager
def _held(model: str, text: str, file: Path | None, target: Target) -> Iterator[tuple[str, str]]:
    """A version's name for people, and what to load it from until the block ends.

    The version stays the same if the stage moves on.

    Raises:
        UsageError: there is no such model, version or stage, or the stage is empty.
        DigestMismatchError: its payload is not the one that models.yaml pins.
    """
    from mlgitops.registry.verify import verified

    desired = load_or_empty(file)
    client = target.connect()
    found, stage = find_version(client, model, text, desired.stages)
    number = found.number
    with verified(declared(desired), client, model, number, stage) as source:
        yield f"models:/{model}/{number}{f' ({stage})' if stage else ''}", source
