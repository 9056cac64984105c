"""The verbs of serving images: build, smoke, scan, prove and publish."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops import words
from mlgitops.cli.numbers import Whole
from mlgitops.cli.options import (
    Target,
    as_json,
    format_option,
    models_argument,
    optional_file_option,
    plain_format_option,
    registry_options,
    show_report,
    tell,
)
from mlgitops.cli.progress import progress
from mlgitops.cli.serve import check_smoked
from mlgitops.cli.terms import permission, terms_options
from mlgitops.core.permissions import Guard, by_exceptions
from mlgitops.core.pins import declared
from mlgitops.errors import ImageError, ScanFailedError, SmokeFailedError, UsageError
from mlgitops.file.load import load_or_empty
from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.desired import Desired
    from mlgitops.image.spec import BuildOptions

_SHOWN = 5  # secrets that an error names

_requests_option = click.option(
    "--requests",
    type=Whole(2000),
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
        click.option(
            "--base",
            help="The base image, also NAME@sha256:….  [default: python:X.Y-slim of the model]",
        ),
        click.option("--package", "packages", multiple=True, help="Add a Python requirement."),
        click.option("--debian", multiple=True, help="Add a Debian package, such as libgomp1."),
        click.option(
            "--compile",
            is_flag=True,
            help="Compile trees even if answers then differ by up to 1e-12, relatively.",
        ),
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


def log_in(repository: str) -> None:
    """Log in to a registry of images, if the environment says as whom.

    Raises:
        DockerError: there is no Docker, or the login is refused.
    """
    from mlgitops.system import docker

    user, password = (
        os.environ.get(f"MLGITOPS_IMAGES_{part}", "") for part in ("USERNAME", "PASSWORD")
    )
    if user and password:
        docker.login(repository.split("/", maxsplit=1)[0], user, password)


def image_options(no_cache: bool, file: Path | None, **chosen: Any) -> BuildOptions:
    """The options of an image, with what models.yaml and a job of GitHub Actions know.

    Raises:
        DesiredStateError: models.yaml is not valid.
    """
    return options_for(load_or_empty(file), no_cache=no_cache, **chosen)


def options_for(desired: Desired, *, no_cache: bool = False, **chosen: Any) -> BuildOptions:
    """The same, of a models.yaml that is read already."""
    from mlgitops.image.spec import BuildOptions

    repository = os.environ.get("GITHUB_REPOSITORY")
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    return BuildOptions(
        cached=not no_cache,
        pins=declared(desired),
        stages=desired.stages,
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
        click.echo(as_json(document.image(made)))
        return
    for tag in made.tags:
        tell(tag)


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
  mlgitops image prove plan.json --out proof.json; mlgitops apply --proof proof.json
"""
)
@click.argument("plan", type=click.Path(path_type=Path))
@_requests_option
@click.option(
    "--report", type=click.Path(path_type=Path), help="Write the results to this file, as Markdown."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write what passed to this file, for apply --proof.",
)
@terms_options
@build_options
@registry_options
def prove(
    plan: Path,
    requests: int,
    report: Path | None,
    out: Path | None,
    target: Target,
    allow: tuple[str, ...],
    rollback: bool,
    labels: str,
    file: Path | None,
    **chosen: Any,
) -> None:
    """Build and smoke-test the images of a plan.

    PLAN is a file from `mlgitops plan --out`. Tests the image of each version that the plan puts
    into a stage, but for refused changes; one that fails does not stop the others. Without Docker,
    all of them fail. If the guard image-proof is allowed, failures are reported and the command
    succeeds.
    """
    from mlgitops.image.prove import prove as test
    from mlgitops.proposal import planfile, prooffile
    from mlgitops.report import smoke as reports

    changes = planfile.read(plan).accepted
    with progress() as say:
        desired = load_or_empty(file)
        client, options = target.connect(), options_for(desired, **chosen)
        found = list(test(client, changes, options, requests_sent=requests, say=say))
    proofs = [one.proof for one in found]
    if out:
        prooffile.write(out, proofs)
    if report:
        files.write_text(report, reports.proven(found))
    for one in found:
        tell(one.report.summary if one.report else reports.untested(one.proof))
    if not found:
        tell("the plan puts no version into a stage; nothing to test")
    allowed, now = permission(allow, rollback, labels), datetime.now(UTC)
    failed = [
        f"{proof.model} {proof.version}: {proof.why}"
        for proof in proofs
        if not proof.passed
        and Guard.IMAGE_PROOF not in (allowed | by_exceptions(desired, now, proof.model)).guards
    ]
    if failed:
        raise SmokeFailedError("\n".join([*failed, reports.REFUSED]))


@image.command(
    epilog="""\b
Examples:
  mlgitops image publish registry.example.org/wind
  mlgitops image publish registry.example.org/wind power-forecasting-model 'churn-*'
"""
)
@click.argument("repository")
@models_argument
@build_options
@registry_options
def publish(
    repository: str, models: tuple[str, ...], target: Target, file: Path | None, **chosen: Any
) -> None:
    """Push the images of what the stages hold to REPOSITORY.

    Makes REPOSITORY/MODEL:stage the image of the version in that stage, for every stage of MODELS,
    by name or pattern, or of all models, that holds the version that models.yaml declares. Builds
    and pushes only images that are missing or stale. Logs in first if MLGITOPS_IMAGES_USERNAME and
    MLGITOPS_IMAGES_PASSWORD are set. Needs Docker's buildx.
    """
    from mlgitops.core.status import stage_statuses
    from mlgitops.file.load import load
    from mlgitops.image.publish import publish as push
    from mlgitops.proposal.propose import read

    if not repository.strip():
        raise UsageError("REPOSITORY is empty; pass one, such as registry.example.org/wind")
    desired = load(file or Path("models.yaml"))
    log_in(repository)
    options = options_for(desired, repository=repository, push=True, **chosen)
    failed = []
    with progress() as say:
        client = target.connect()
        stages = stage_statuses(*read(desired, client, models))
        for one in push(client, stages, options, say=say):
            what = "pushed" if one.pushed else "up to date"
            if one.error:
                what = "failed"
                failed.append(f"{one.tag}: {one.error}")
            tell(f"{one.tag}: version {one.version}, {what}")
    if failed:
        raise ImageError("\n".join(failed))
