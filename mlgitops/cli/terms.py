"""On what terms a plan is judged: what flags and labels allow, and for which changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops.core import guards
from mlgitops.core.guards import Guard, Terms
from mlgitops.core.review import untouched

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.desired import Desired
    from mlgitops.core.guards import Permission
    from mlgitops.core.plan import Change
    from mlgitops.core.stamp import Author


def terms_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that allow what guards refuse."""
    for option in (
        click.option(
            "--allow",
            type=click.Choice([guard.value for guard in Guard]),
            multiple=True,
            help="Allow what this guard would block.",
        ),
        click.option(
            "--rollback",
            is_flag=True,
            envvar="MLGITOPS_ROLLBACK",
            help="Mark the change as a rollback, which may pass a freeze.",
        ),
        click.option(
            "--labels",
            envvar="MLGITOPS_LABELS",
            default="",
            metavar="NAME,NAME",
            help="The pull request's labels, which can do the same.  [env: MLGITOPS_LABELS]",
        ),
    ):
        command = option(command)
    return command


def permission(allow: tuple[str, ...], rollback: bool, labels: str) -> Permission:
    """What flags and labels allow together."""
    return guards.permission(
        frozenset(map(Guard, allow)), rollback=rollback, labels=labels_of(labels)
    )


def labels_of(text: str) -> frozenset[str]:
    """The labels that --labels lists."""
    return frozenset(label.strip() for label in text.split(","))


authors_option = click.option(
    "--authors",
    envvar="MLGITOPS_AUTHORS",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Whose changes they are, with their labels: a file from `mlgitops github author`.  "
    "[env: MLGITOPS_AUTHORS]",
)


def terms(
    desired: Desired,
    *,
    allow: tuple[str, ...],
    rollback: bool,
    labels: str,
    base: Desired | None = None,
    whose: Callable[[Change], Author] | None = None,
    **more: Any,
) -> Terms:
    """The terms of now.

    Args:
        desired: models.yaml.
        allow: guards that are allowed for every change.
        rollback: every change may be a rollback.
        labels: of the pull request that is under review: they allow its changes.
        base: models.yaml without what is under review; None if all of it is.
        whose: tells the labels of a change that was merged.
        more: what else Terms take.
    """
    before = untouched(desired, base) if base else lambda _model, _alias: False
    given = labels_of(labels)

    def own(change: Change) -> Permission:
        ours = frozenset() if before(change.model, change.alias) else given
        theirs = whose(change).labels if whose else frozenset()
        return guards.permission(frozenset(), labels=ours | theirs)

    return Terms(
        now=datetime.now(UTC),
        permission=guards.permission(frozenset(map(Guard, allow)), rollback=rollback),
        own=own,
        before=before,
        **more,
    )
