"""The verb that checks what people set up by hand."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from mlgitops.cli.options import (
    file_option,
    format_option,
    registry_option,
    show_report,
    state_option,
    target_at,
)
from mlgitops.cli.progress import progress
from mlgitops.errors import DesiredStateError, MissingExtraError, MlgitopsError
from mlgitops.file.load import load_or_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mlgitops.doctor.finding import Finding
    from mlgitops.registry.registry import MlflowRegistry

_AREAS = ("machine", "docker", "file", "registry", "github")


@click.command(
    epilog="""\b
Examples:
  mlgitops doctor
  mlgitops doctor registry --for apply        may this account write what models.yaml declares?
  GH_TOKEN=$(gh auth token) mlgitops doctor github
  mlgitops doctor --format json | jq -r '.findings[] | select(.verdict == "failed") | .remedy'
"""
)
@click.argument("areas", nargs=-1, type=click.Choice(_AREAS))
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["plan", "apply"]),
    default="plan",
    show_default=True,
    help="What the account of the registry is for: plan reads, apply writes.",
)
@click.option(
    "--write",
    is_flag=True,
    help="Create a registered model of a unique name and remove it, to see if that is allowed.",
)
@file_option
@registry_option
@state_option
@format_option
def doctor(
    areas: tuple[str, ...],
    purpose: str,
    write: bool,
    file: Path,
    registry: str | None,
    state: Path,
    form: str,
) -> int:
    """Check this machine, models.yaml, the registry and GitHub.

    Checks AREAS, or all. Each line passed, failed, with what to do, or is not checkable from here.
    Changes nothing, unless --write is passed. Shows names of variables and secrets, and no value.

    Asks GitHub about GITHUB_REPOSITORY, else about the repository of the remote `origin`, with
    GITHUB_TOKEN or GH_TOKEN; what this token may not read is not checkable. Exits with 1 if a check
    failed.
    """
    from mlgitops.doctor import machine, shown
    from mlgitops.doctor.finding import examined

    chosen = [name for name in _AREAS if name in areas or not areas]
    applies = purpose == "apply"
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "machine": lambda: machine.machine(file),
        "docker": machine.containers,
    }
    if {"registry", "file"} & set(chosen):
        opened = _opened(registry, state)
        names = _declared(file)
        checks["file"] = lambda: machine.declared(file, _identity(opened))
        checks["registry"] = lambda: _of_registry(opened, names, applies=applies, tries=write)
    if "github" in chosen:
        checks["github"] = lambda: _of_github(file)
    with progress() as say:
        say("checking")
        findings = examined({name: checks[name] for name in chosen})
    show_report(form, shown.report(findings), lambda: shown.document(findings))
    return int(shown.has_failed(findings))


def _opened(registry: str | None, state: Path) -> MlflowRegistry | MlgitopsError | None:
    """The registry, or why it cannot be opened; None for an embedded one that is not made yet."""
    try:
        target = target_at(registry, state)
        if target.named is None and not state.exists():
            return None
        return target.connect()
    except ModuleNotFoundError as error:
        return MissingExtraError(
            f"it needs the package {error.name}, which is not installed: "
            "pip install 'mlgitops[review]'"
        )
    except MlgitopsError as error:
        return error


def _identity(opened: MlflowRegistry | MlgitopsError | None) -> str:
    if opened is None:
        return "sqlite:"
    return "" if isinstance(opened, MlgitopsError) else opened.identity


def _declared(file: Path) -> tuple[str, ...]:
    try:
        return tuple(load_or_empty(file if file.exists() else None).models)
    except DesiredStateError:
        return ()  # the area of the file says what is wrong there


def _of_registry(
    opened: MlflowRegistry | MlgitopsError | None,
    names: tuple[str, ...],
    *,
    applies: bool,
    tries: bool,
) -> Iterator[Finding]:
    from mlgitops.doctor import registry
    from mlgitops.doctor.finding import failed, unchecked

    if opened is None:
        why = "none is named; commands use an embedded one, which the first of them makes"
        return iter([unchecked("reachable", why, "set MLFLOW_TRACKING_URI")])
    if isinstance(opened, MlgitopsError):
        return iter([failed("reachable", str(opened), "")])
    return registry.checked(opened, names, applies=applies, tries=tries)


def _of_github(file: Path) -> Iterator[Finding]:
    from mlgitops.doctor import github
    from mlgitops.doctor.expected import required_checks
    from mlgitops.doctor.finding import unchecked
    from mlgitops.github import context, elsewhere
    from mlgitops.github.api import GitHub
    from mlgitops.system import git

    variables = elsewhere.variables(git.origin(file) or "", os.environ)
    if not variables.get("GITHUB_REPOSITORY"):
        why = "neither GITHUB_REPOSITORY nor a remote `origin` names it"
        return iter([unchecked("repository", why)])
    if not variables.get("GITHUB_TOKEN"):
        why, remedy = "there is no token", "set GITHUB_TOKEN, such as GH_TOKEN=$(gh auth token)"
        return iter([unchecked("repository", why, remedy)])
    found = context.read({**os.environ, **variables})
    required = required_checks(file.resolve().parent)
    return github.repository(GitHub(found), found.repository, required)
