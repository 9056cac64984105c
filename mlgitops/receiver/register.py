"""Registers the receiver at MLflow.

Protocol: mlflow.org/docs/latest/rest-api.html, "Create Webhook", "Update Webhook", "Test Webhook".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mlgitops.errors.registry import RegistryRequestError
from mlgitops.receiver.events import SUBSCRIBED
from mlgitops.registry import answers
from mlgitops.registry.api import Page
from mlgitops.registry.paging import rows
from mlgitops.words import brief

if TYPE_CHECKING:
    from mlgitops.registry.calls import Calls, Json

NAME = "mlgitops"
_PATH = "webhooks"
_PAGE = 100
_PRIVATE = (
    "MLflow takes https addresses of the internet only, unless its server has "
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https and MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true"
)


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
    found = next((one for one in webhooks if one.get("name") == NAME), None)
    try:
        with calls.understood():
            if found is None:
                made = calls.send("POST", _PATH, body)
            else:
                made = calls.send("PATCH", f"{_PATH}/{found['webhook_id']}", body)
            return str(made["webhook"]["webhook_id"])
    except RegistryRequestError as error:
        raise RegistryRequestError(f"{error}. {_PRIVATE}") from error


def _page(calls: Calls, size: int, token: str | None) -> Page[Json]:
    query = {"max_results": size} | ({"page_token": token} if token else {})
    found = calls.get(_PATH, query, pages=True)
    with calls.understood():
        return Page(rows=answers.listed(found, "webhooks"), token=answers.token(found))


def reached(calls: Calls, webhook: str) -> str:
    """Have MLflow send an example; returns why the receiver did not take it, empty if it did.

    Raises:
        RegistryError: MLflow cannot be asked.
    """
    with calls.understood():
        result = calls.send("POST", f"{_PATH}/{webhook}/test", {})["result"]
        if result.get("success"):
            return ""
        said = result.get("error_message") or result.get("response_body", "")
        return brief(f"{result.get('response_status') or ''} {said}", 300)
