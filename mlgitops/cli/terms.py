"""On what terms a plan is judged: what flags and labels allow, and for which changes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlgitops.cli.options import tell, warn
from mlgitops.core.guards import Terms
from mlgitops.core.permissions import Guard, by_flags, by_labels, expired
from mlgitops.core.review import untouched
from mlgitops.errors import DesiredStateError
from mlgitops.file.load import SPELLED_FREELY, completed, of_revision
from mlgitops.file.texts import Texts
from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.desired import Desired
    from mlgitops.core.permissions import Permission
    from mlgitops.core.plan import Change
    from mlgitops.core.stamp import Author
    from mlgitops.errors import Problem
    from mlgitops.file.load import Source

_FEW = 5  # freezes that are told one by one
_NOTHING = "models: {}"


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
            metavar="NAME[@LOGIN],…",
            help="The pull request's labels that count, and who set them.  [env: MLGITOPS_LABELS]",
        ),
    ):
        command = option(command)
    return command


def permission(allow: tuple[str, ...], rollback: bool, labels: str) -> Permission:
    """What flags and labels allow together."""
    return by_labels(_labels(labels)) | by_flags(map(Guard, allow), rollback=rollback)


def _labels(text: str) -> frozenset[str]:
    """The labels that --labels lists."""
    return frozenset(label.strip() for label in text.split(","))


def base_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What is under review: all that models.yaml of a commit does not say."""
    return click.option("--base", "revision", metavar="REV", help=text)


def base_of(file: Path, revision: str | None, now: Source | None = None) -> Desired | None:
    """What a revision declares; nothing where it has no such file, or one that is not valid.

    Args:
        file: models.yaml.
        revision: a commit; None if everything is under review.
        now: what the file says, where that is known: what is the same is not read again.
    """
    if revision is None:
        return None
    from mlgitops.file.earlier import earlier
    from mlgitops.history.revisions import texts_at

    try:
        known = None if now is None else now.texts
        texts = texts_at(file, revision, known) or Texts(text=_NOTHING)
        if now is not None:
            with suppress(DesiredStateError):
                freely = replace(now.desired, version=SPELLED_FREELY)
                return completed(earlier(texts, file, revision, now), freely)
        return of_revision(texts, file, revision)
    except DesiredStateError:
        return of_revision(_NOTHING, file, revision)


def check_exceptions(desired: Desired, base: Desired | None) -> None:
    """Refuse exceptions that have ended and are under review; warn of all others.

    Raises:
        DesiredStateError: naming each.
    """
    now = datetime.now(UTC)
    wrong = tuple(expired(desired, now, base))
    warn_of_exceptions(desired, but=wrong)
    if wrong:
        raise DesiredStateError(wrong)


def warn_of_exceptions(desired: Desired, but: tuple[Problem, ...] = ()) -> None:
    """Tell which exceptions have ended: they allow nothing any more, and stop nothing else."""
    for one in expired(desired, datetime.now(UTC)):
        if one not in but:
            warn(str(one))


def tell_of_freezes(desired: Desired) -> None:
    """Tell what is frozen, also while nothing waits for it."""
    named = [("", desired.freeze), *((f"{m.name}: ", m.freeze) for m in desired.models.values())]
    now = datetime.now(UTC)
    told = [f"frozen: {name}{one}" for name, one in named if one and one.lasts(now)]
    for line in told[:_FEW]:
        tell(line, err=True)
    if len(told) > _FEW:
        tell(f"frozen: {count(len(told) - _FEW, 'more model')}", err=True)


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
    who: str = "",
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
        who: passed the flags.
        more: what else Terms take.
    """
    before = untouched(desired, base) if base else lambda _model, _alias: False
    given = _labels(labels)

    def own(change: Change) -> Permission:
        ours = frozenset() if before(change.model, change.alias) else given
        theirs = whose(change).labels if whose else frozenset()
        return by_labels(ours | theirs)

    return Terms(
        now=datetime.now(UTC),
        permission=by_flags(map(Guard, allow), rollback=rollback, who=who),
        own=own,
        before=before,
        **more,
    )
