"""The verb that compares two versions of a model."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops.cli.evidence import (
    cache_option,
    cached,
    environments_option,
    installing,
    quick_option,
)
from mlgitops.cli.options import (
    Target,
    failures_reported,
    format_option,
    optional_file_option,
    registry_options,
    report_option,
    show_report,
)
from mlgitops.cli.progress import progress
from mlgitops.core.pins import declared
from mlgitops.errors import UsageError
from mlgitops.file.load import load_or_empty
from mlgitops.registry.lookup import held_version, no_version, require_model
from mlgitops.words import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.evidence import Comparison
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.stage import DeclaredStages
    from mlgitops.core.version import Version
    from mlgitops.system.store import Store

_RUN = re.compile(r"[0-9a-f]{32}")


@click.command(
    epilog="""\b
Examples:
  mlgitops compare power-forecasting-model Production Staging
  mlgitops compare power-forecasting-model 1 2 --report compare.html
  mlgitops compare power-forecasting-model Production 0f8a1c2e4b6d48f09a1b2c3d4e5f6071
"""
)
@click.argument("model")
@click.argument("old")
@click.argument("new")
@quick_option
@environments_option
@cache_option
@report_option
@optional_file_option
@registry_options
@format_option
def compare(
    model: str,
    old: str,
    new: str,
    file: Path | None,
    quick: bool,
    environments: bool,
    cache: bool | None,
    reports: tuple[Path, ...],
    target: Target,
    form: str,
) -> None:
    """Compare two versions of a model.

    OLD and NEW are each a version number, a stage or a run id. Compares metrics, parameters, data,
    signature and requirements. Has both versions predict the same rows (those that the recipe holds
    out, those of `evaluation` in models.yaml, or the input example) and measures the cost.
    """
    from mlgitops.report import comparison, document, html

    told = installing(wanted=environments, quick=quick)
    with failures_reported(reports), progress() as say:
        store = cached(wanted=cache, quick=quick)
        found = _compared(target.connect(), model, (old, new), file, quick, told, store, say)
    show_report(
        form,
        comparison.report(found),
        lambda: document.comparison(found),
        lambda: html.comparison(found),
        reports,
    )


def _compared(
    client: RegistryReader,
    model: str,
    names: tuple[str, str],
    file: Path | None,
    quick: bool,
    told: Callable[[str], None] | None,
    store: Store | None,
    say: Callable[[str], None],
) -> Comparison:
    from mlgitops.history.links import comparing
    from mlgitops.proposal.reading import history
    from mlgitops.recipes.package import package_of
    from mlgitops.review.artifacts import Cabinet
    from mlgitops.review.compare import Scope, side, with_signature
    from mlgitops.review.compare import compare as beside
    from mlgitops.review.environments import Environments
    from mlgitops.review.heldout import declared as declared_rows
    from mlgitops.review.tools import tools

    desired = load_or_empty(file)
    pinned = declared(desired)
    held = require_model(client, model)
    found = [_find(client, model, name, desired.stages) for name in names]
    own = Environments(say=told) if told else None
    with Cabinet(client, say) as cabinet, tools(package_of(desired), own, store) as shared:
        sides, notes = [], list[str]()
        for label, version in found:
            say(f"reading {label}")
            full = client.evidence(version)
            full, unknown = with_signature(client, full) if quick else (full, "")
            notes += [f"{label}: {unknown}"] if unknown else []
            sides.append(side(model, label, full, None if quick else cabinet, pinned))
        say("comparing predictions")
        declared_model = desired.models.get(model)
        scope = Scope(
            predict=not quick,
            link=comparing(Path(desired.file)),
            tools=shared,
            better=declared_model.directions if declared_model else {},
            units=declared_model.units if declared_model else {},
            declared=declared_rows(desired, model),
        )
        past = history(client, held)
        compared = beside(model, sides[0], sides[1], scope, past)
        return replace(compared, warnings=(*compared.warnings, *notes))


def _find(
    client: RegistryReader, model: str, name: str, stages: DeclaredStages
) -> tuple[str, Version]:
    """A version by what it is called, with its label.

    Raises:
        UsageError: there is none, or the stage is empty.
    """
    if _RUN.fullmatch(name):
        version = client.of_run(model, name)
        if version is None:
            raise UsageError(f"{model} has no run {name} in the registry; pass one of its versions")
        return f"run {name[:8]}", version
    number = whole_number(name)
    if number is None:
        number = held_version(client, model, name, stages)
    version = client.version(model, number)
    if version is None:
        raise no_version(client, model, number)
    return f"version {number}", version
