"""A message to a chat when something was applied, refused or has drifted; off by default.

MLGITOPS_WEBHOOK_URL names an incoming webhook that takes Slack's JSON. The address is a secret: it
is printed nowhere. If it cannot be sent, the command prints a warning and continues.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from mlgitops import words
from mlgitops.core.guards import allowing
from mlgitops.errors import HttpError
from mlgitops.report import wording
from mlgitops.system import secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mlgitops.core.apply import Outcome
    from mlgitops.core.plan import Change
    from mlgitops.core.stamp import Author
    from mlgitops.core.status import StageStatus
    from mlgitops.deploy.values import Step
    from mlgitops.proposal.propose import Proposal

VARIABLE = "MLGITOPS_WEBHOOK_URL"
_TIMEOUT = 5.0  # seconds
_MOST = 20  # lines of a message


def applied(proposal: Proposal, done: Iterable[Outcome], whose: Callable[[Change], Author]) -> None:
    """Tell what an apply did and refused, and whose change each was; silent if it did nothing."""
    told: dict[str, list[str]] = {}
    excepted = allowing(proposal.objections)
    for one in done:
        allowed = excepted(one.change)
        said = "; ".join(filter(None, (one.reason, allowed and f"allowed: {allowed}")))
        reason = f" ({said})" if said else ""
        what = f"{one.change.model} {one.change.stage} {wording.versions(one.change)}"
        told.setdefault(_by(whose(one.change)), []).append(f"{what}: {one.status.value}{reason}")
    lines = [line for by, its in told.items() for line in (by, *its)]
    if proposal.refused:
        lines = [*(lines or ["mlgitops apply"]), wording.refusal(proposal)]
    if lines:
        _send(lines)


def _by(author: Author) -> str:
    request = f", pull request {author.pull_request}" if author.pull_request else ""
    reason = f": {author.reason}" if author.reason else ""
    return f"mlgitops apply by {author.actor}, commit {author.commit[:12]}{request}{reason}"


def drifted(stages: Iterable[StageStatus], steps: Iterable[Step] = ()) -> None:
    """Tell which stages are not what models.yaml says, or are not served so."""
    lines = [f"{stage.model} {stage.stage}: {wording.wrong(stage)}" for stage in stages]
    lines += map(str, steps)
    if lines:
        _send(["mlgitops: drift", *lines])


def synced(what: str, lines: Iterable[str]) -> None:
    """Tell what came of following a repository."""
    _send([f"mlgitops sync of {what}", *lines])


def _send(lines: list[str]) -> None:
    url = os.environ.get(VARIABLE)
    if not url:
        return
    from mlgitops.system.http import HttpClient

    shown = lines[:_MOST] + ([f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else [])
    try:
        answer = HttpClient(timeout=_TIMEOUT).request(
            "POST", url, json={"text": "\n".join(map(_escaped, shown))}, name=VARIABLE
        )
    except HttpError as error:
        _warn(error.reason)
        return
    if not answer.ok:
        _warn(f"it answered {answer.status}")


def _warn(reason: str) -> None:
    said = f"warning: could not send a message to the webhook in {VARIABLE}: {reason}"
    click.echo(words.plain(said), err=True)


def _escaped(text: str) -> str:
    """As Slack asks for it: a model's name must not become a mention or a link."""
    text = words.plain(secrets.hidden(text))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
