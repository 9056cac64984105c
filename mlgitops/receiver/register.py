"""Registers the receiver at MLflow.

Protocol: mlflow.org/docs/latest/rest-api.html, "Create Webhook", "Update Webhook", "Test Webhook".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mlgitops.errors.registry import RegistryRequestError
from mlgitops.receiver.events import SUBSCRIBED
from mlgitops.registry.answers.form import Form, Paged
from mlgitops.registry.paging import rows
from mlgitops.words import brief

if TYPE_CHECKING:
    from mlgitops.registry.api import Page
    from mlgitops.registry.calls import Calls, Json

NAME = "mlgitops"
_PATH = "webhooks"
_PAGE = 100
_PRIVATE = (
    "MLflow takes https addresses of the internet only, unless its server has "
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https and MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true"
)


class Webhook(Form, frozen=True):
    """A webhook."""

    webhook_id: str
    name: str = ""


class Webhooks(Paged, frozen=True):
    """Those that MLflow lists."""

    webhooks: tuple[Webhook, ...] = ()


class Made(Form, frozen=True):
    """The one that was made or changed."""

    webhook: Webhook


class Result(Form, frozen=True):
    """What became of an example."""

    success: bool = False
    response_status: int | None = None
    response_body: str = ""
    error_message: str = ""


class Tested(Form, frozen=True):
    """That of a test."""

    result: Result


def register(calls: Calls, url: str, secret: str) -> str:
    """Make the webhook `mlgitops`, or bring it up to date; returns its id.

    Raises:
        RegistryError: MLflow takes no such webhook, or cannot be asked.
    """
    body: Json = {
        "name": NAME,
        "url": url,
        "events": [{"entity": e.upper(), "action": a.upper()} for e, a in SUBSCRIBED],
        "secret": secret,
        "status": "ACTIVE",
        "description": "Starts the workflows of mlgitops.",
    }
    webhooks = rows(partial(_page, calls), _PAGE)
    found = next((one for one in webhooks if one.name == NAME), None)
    try:
        if found is None:
            made = calls.ask("POST", _PATH, body, Made)
        else:
            made = calls.ask("PATCH", f"{_PATH}/{found.webhook_id}", body, Made)
    except RegistryRequestError as error:
        raise RegistryRequestError(f"{error}. {_PRIVATE}") from error
    return made.webhook.webhook_id


def _page(calls: Calls, size: int, token: str | None) -> Page[Webhook]:
    query = {"max_results": size} | ({"page_token": token} if token else {})
    found = calls.get(_PATH, query, Webhooks, pages=True)
    return found.holding(found.webhooks)


def reached(calls: Calls, webhook: str) -> str:
    """Have MLflow send an example; returns why the receiver did not take it, empty if it did.

    Raises:
        RegistryError: MLflow cannot be asked.
    """
    result = calls.ask("POST", f"{_PATH}/{webhook}/test", {}, Tested).result
    if result.success:
        return ""
    said = result.error_message or result.response_body
    return brief(f"{result.response_status or ''} {said}", 300)
