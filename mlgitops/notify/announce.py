"""Tells programs of others that a stage has changed: repositories on GitHub, and webhooks.

A webhook's request is made and signed as standardwebhooks.com says. Its address and its secret are
in the variables MLGITOPS_ANNOUNCE_NAME_URL and MLGITOPS_ANNOUNCE_NAME_SECRET, and printed nowhere.
"""

from __future__ import annotations

import json
import os
import time
from itertools import groupby
from typing import TYPE_CHECKING

from urllib3.util import Retry

from mlgitops.core.announced import after, due
from mlgitops.errors import (
    AnnounceError,
    GitHubDeniedError,
    GitHubError,
    GitHubRejectedError,
    HttpError,
)
from mlgitops.errors.registry import RegistryError
from mlgitops.system import signing
from mlgitops.system.http import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlgitops.core.announced import Announcement, Told
    from mlgitops.core.desired import Desired
    from mlgitops.core.held import Held

    Dispatch = Callable[[str, str, Mapping[str, object]], None]

EVENT = "mlgitops-stage"  # of GitHub
TYPE = "mlgitops.stage.changed"  # of webhooks
VARIABLE = "MLGITOPS_ANNOUNCE_"
_TIMEOUT = 60.0  # seconds, tries included
_WAITS = (1.0, 4.0)  # seconds before GitHub is asked again
_PASSING = (429, 500, 502, 503, 504)


def announce(
    desired: Desired,
    held: Held,
    dispatch: Dispatch,
    keep: Callable[[str, Told], None],
    *,
    complete: Callable[[Announcement], Announcement],
    tell: Callable[[str], None],
) -> None:
    """Tell each recipient of the moves that it does not know; one that fails stops no other.

    What was told is kept model by model: after a failure, or a kill, the next run tells the rest. A
    recipient may be told of a move more than once, under the same key.

    Args:
        desired: models.yaml, with its owner.
        held: the models, each read by its name just before.
        dispatch: sends an event to a repository: OWNER/NAME, its type, and what it carries.
        keep: keeps who was told of which moves of a model.
        complete: adds what is found out only now.
        tell: is told of each, in a line.

    Raises:
        AnnounceError: naming everybody who could not be told.
    """
    failures: list[str] = []
    for model, moves in groupby(due(desired, held), key=lambda one: one.model):
        told = []
        for one in map(complete, moves):
            for recipient in one.recipients:
                try:
                    _send(one, recipient, dispatch)
                except (AnnounceError, GitHubError) as error:
                    failures.append(f"{one}: could not tell {recipient}: {error}")
                else:
                    told.append((recipient, one.alias, one.key))
                    tell(f"{one}: told {recipient}")
        try:
            if told:
                keep(model, after(held.model(model), desired.models[model], told))
        except RegistryError as error:
            failures.append(f"{model}: could not keep who was told: {error}")
    if failures:
        raise AnnounceError("\n".join([*failures, "run `mlgitops announce` again for the rest"]))


def _send(one: Announcement, recipient: str, dispatch: Dispatch) -> None:
    if "/" not in recipient:
        _post(one, recipient)
        return
    for wait in _WAITS:
        try:
            dispatch(recipient, EVENT, one.data)
        except (GitHubDeniedError, GitHubRejectedError):
            raise
        except GitHubError:
            time.sleep(wait)
        else:
            return
    dispatch(recipient, EVENT, one.data)


def _post(one: Announcement, name: str) -> None:
    """Send to a webhook.

    Raises:
        AnnounceError: it has not taken it.
    """
    url, secret = (os.environ.get(f"{VARIABLE}{name}_{part}", "") for part in ("URL", "SECRET"))
    if not (url and secret):
        raise AnnounceError(f"set {VARIABLE}{name}_URL and {VARIABLE}{name}_SECRET")
    now = int(time.time())
    # what is sent again under the same id is the same
    body = json.dumps({"type": TYPE, "timestamp": one.time, "data": one.data}).encode()
    try:
        key = signing.key_of(secret)
    except ValueError:
        raise AnnounceError(f"{VARIABLE}{name}_SECRET is no base64 after whsec_") from None
    headers = {
        "Content-Type": "application/json",
        "webhook-id": one.key,
        "webhook-timestamp": str(now),
        "webhook-signature": signing.signature(key, one.key, str(now), body),
    }
    try:
        answer = HttpClient(timeout=_TIMEOUT, retry=_retry()).request(
            "POST", url, body=body, headers=headers, name=f"{VARIABLE}{name}_URL"
        )
    except HttpError as error:
        raise AnnounceError(error.reason) from error
    if not answer.ok:
        raise AnnounceError(f"it answered {answer.status}")


def _retry() -> Retry:
    # a POST, too: its id says that it is the same
    return Retry(
        total=3,
        backoff_factor=1,
        status_forcelist=_PASSING,
        allowed_methods=("POST",),
        raise_on_status=False,
    )
