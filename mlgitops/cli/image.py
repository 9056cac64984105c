"""The verbs of serving images: build, smoke, scan, prove and publish."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops import words
from mlgitops.cli.options import (
    Target,
    format_option,
    optional_file_option,
    plain_format_option,
    progress,
    registry_options,
    show_report,
)
from mlgitops.cli.serve import check_smoked
from mlgitops.errors import ScanFailedError, UsageError
from mlgitops.file.load import load_pins
from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.image.spec import BuildOptions

_SHOWN = 5  # secrets that an error names

_requests_option = click.option(
    "--requests",
    type=click.IntRange(2000),
    default=20_000,
    show_default=True,
    help="Requests in the load test.",
)


@click.group()
def image() -> None:
    """Build, test, scan and push serving images.

    Needs Docker.
    """


def build_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What may be chosen of an image."""
    path = click.Path(path_type=Path, exists=True, dir_okay=False)
    for option in (
        click.option("--base", help="The base image.  [default: python:X.Y-slim of the model]"),
        click.option("--package", "packages", multiple=True, help="Add a Python requirement."),
        click.option("--debian", multiple=True, help="Add a Debian package, such as libgomp1."),
        click.option("--platform", help="linux/amd64 or linux/arm64.  [default: the engine's]"),
        click.option(
            "--uv-config",
            "configuration",
            type=path,
            help="A uv.toml for your own package index; never stored in the image.",
        ),
        click.option("--no-cache", is_flag=True, help="Build every layer again."),
        optional_file_option,
    ):
        command = option(command)
    return command


def image_options(no_cache: bool, file: Path | None, **chosen: Any) -> BuildOptions:
    """The options of an image, with what a job of GitHub Actions knows of the commit.

    Raises:
        DesiredStateError: the file that may pin versions is not valid.
    """
    from mlgitops.image.spec import BuildOptions

    repository = os.environ.get("GITHUB_REPOSITORY")
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    return BuildOptions(
        cached=not no_cache,
        pins=load_pins(file),
        commit=os.environ.get("GITHUB_SHA"),
        url=f"{server}/{repository}" if repository else None,
        **chosen,
    )


@image.command(
    epilog="""\b
Examples:
  mlgitops image build power-forecasting-model Production
  mlgitops image build power-forecasting-model 2 --push registry.example.org/wind
"""
)
@click.argument("model")
@click.argument("version")
@click.option("--push", "repository", help="Push the image as REPOSITORY/MODEL:VERSION-DIGEST.")
@build_options
@registry_options
@plain_format_option
def build(model: str, version: str, target: Target, form: str, **chosen: Any) -> None:
    """Build the serving image of a version.

    VERSION is a number, or a stage that holds the version.
    """
    from mlgitops.image.build import build as make
    from mlgitops.report import document

    options = image_options(push=bool(chosen["repository"]), **chosen)
    with progress() as say:
        made = make(target.connect(), model, version, options, say=say)
    if form == "json":
        click.echo(json.dumps(document.image(made), indent=2))
        return
    for tag in made.tags:
        click.echo(tag)


@image.command(
    epilog="""\b
Examples:
  mlgitops image smoke power-forecasting-model:production
  mlgitops image smoke power-forecasting-model:production --junit smoke.xml
"""
)
@click.argument("tag")
@click.option("--memory", default="1g", show_default=True, help="Memory limit of the container.")
@_requests_option
@click.option("--junit", type=click.Path(path_type=Path), help="Also write JUnit XML to this file.")
@format_option
def smoke(tag: str, memory: str, requests: int, junit: Path | None, form: str) -> None:
    """Smoke-test an image.

    Runs the image TAG in a confined container, tests it and stops it.
    """
    from mlgitops.image.smoke import smoke as test
    from mlgitops.report import document
    from mlgitops.report import smoke as reports

    with progress() as say:
        report = test(tag, requests_sent=requests, memory=memory, say=say)
    if junit:
        files.write_text(junit, reports.junit(report))
    show_report(form, reports.shown(report), lambda: document.smoke(report))
    check_smoked([report])


@image.command(
    epilog="""\b
Examples:
  mlgitops image scan power-forecasting-model:production --sbom sbom.cdx.json
  mlgitops image scan power-forecasting-model:production --deny-licence AGPL-3.0-only
"""
)
@click.argument("tag")
@click.option(
    "--sbom", type=click.Path(path_type=Path), help="Write the bill of materials to this file."
)
@click.option(
    "--deny-licence",
    "denied",
    multiple=True,
    metavar="SPDX",
    help="Fail if a Python package allows only this licence.",
)
@click.option(
    "--fail-on-vulnerability",
    "vulnerable",
    is_flag=True,
    help="Fail on a known vulnerability, or if the database cannot be reached.",
)
@click.option(
    "--osv-url",
    "database",
    envvar="MLGITOPS_OSV_URL",
    metavar="URL",
    help="The OSV database to query.  [env: MLGITOPS_OSV_URL; default: api.osv.dev]",
)
@format_option
def scan(
    tag: str,
    sbom: Path | None,
    denied: tuple[str, ...],
    vulnerable: bool,
    database: str | None,
    form: str,
) -> None:
    """Scan an image for vulnerabilities and secrets.

    Also lists its packages and their licences. A secret always fails the scan.
    """
    from mlgitops.image.scan import Rules, licences
    from mlgitops.image.scan import scan as look
    from mlgitops.image.scan.vulnerabilities import DATABASE
    from mlgitops.report import document, scanned

    rules = Rules(
        denied=frozenset(map(licences.identifier, denied)),
        vulnerable=vulnerable,
        database=database or DATABASE,
    )
    with progress() as say:
        found = look(tag, rules, say=say)
    if sbom:
        files.write_text(sbom, found.bill)
    show_report(form, scanned.shown(found), lambda: document.scan(found))
    if found.failed:
        lines = [f"{check.check}: {check.found}" for check in found.failed]
        lines += [words.plain(leak) for leak in found.search.leaks[:_SHOWN]]
        raise ScanFailedError("\n".join([found.summary, *lines]))


@image.command(
    epilog="""\b
Examples:
  mlgitops plan --out plan.json && mlgitops image prove plan.json --report images.md
"""
)
@click.argument("plan", type=click.Path(path_type=Path))
@_requests_option
@click.option(
    "--report", type=click.Path(path_type=Path), help="Write the results to this file, as Markdown."
)
@build_options
@registry_options
def prove(
    plan: Path,
    requests: int,
    report: Path | None,
    target: Target,
    **chosen: Any,
) -> None:
    """Build and smoke-test the images of a plan.

    PLAN is a file from `mlgitops plan --out`. Tests the image of each version that the plan puts
    into a stage, but for refused changes.
    """
    from mlgitops.image import release
    from mlgitops.proposal import planfile
    from mlgitops.report import smoke as reports

    changes = planfile.read(plan).accepted
    with progress() as say:
        client, options = target.connect(), image_options(**chosen)
        found = list(release.prove(client, changes, options, requests_sent=requests, say=say))
    if report:
        files.write_text(report, "\n".join(map(reports.folded, found)))
    for one in found:
        click.echo(one.summary)
    if not found:
        click.echo("the plan puts no version into a stage; nothing to test")
    check_smoked(found)


@image.command(
    epilog="""\b
Examples:
  mlgitops image publish plan.json registry.example.org/wind
"""
)
@click.argument("plan", type=click.Path(path_type=Path))
@click.argument("repository")
@build_options
@registry_options
def publish(plan: Path, repository: str, target: Target, **chosen: Any) -> None:
    """Build and push the images of a plan to REPOSITORY.

    PLAN is a file from `mlgitops plan --out`. Pushes the image of each version that the plan puts
    into a stage, but for refused changes. Logs in first if MLGITOPS_IMAGES_USERNAME and
    MLGITOPS_IMAGES_PASSWORD are set.
    """
    from mlgitops.image import release
    from mlgitops.proposal import planfile
    from mlgitops.system import docker

    if not repository.strip():
        raise UsageError("REPOSITORY is empty; pass one, such as registry.example.org/wind")
    changes = planfile.read(plan).accepted
    user, password = (
        os.environ.get(f"MLGITOPS_IMAGES_{part}", "") for part in ("USERNAME", "PASSWORD")
    )
    if user and password:
        docker.login(repository.split("/", maxsplit=1)[0], user, password)
    options = image_options(repository=repository, push=True, **chosen)
    with progress() as say:
        pushed = release.publish(target.connect(), changes, options, say=say)
    for made in pushed:
        for tag in made.tags:
            click.echo(tag)
