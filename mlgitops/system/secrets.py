"""The secrets that this process was given, and how a text is shown without them."""

from __future__ import annotations

import base64
import json
import os
import re
from functools import cache, partial
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from mlgitops.system import addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HIDDEN = "***"
_LEAST = 6  # characters; what is shorter stands in too many words
_LOGINS = ("MLFLOW_TRACKING", "MLGITOPS_IMAGES")
# MLFLOW_TRACKING_PASSWORD, DATABRICKS_TOKEN, AWS_SECRET_ACCESS_KEY, MLGITOPS_DEPLOY_KEY …: a
# variable whose name ends so, whoever reads it
_NAME = re.compile(
    r"(?:PASSWORD|PASSWD|TOKEN|SECRET|ACCESS_KEY|SECRET_KEY|API_KEY|DEPLOY_KEY|ACCOUNT_KEY"
    r"|ENCRYPTION_KEY|CONNECTION_STRING|WEBHOOK_URL)$"
)
# what is secret in a kubeconfig; its addresses and names are not
_KUBECONFIG = "MLGITOPS_KUBECONFIG"
_IN_KUBECONFIG = re.compile(r"""\b(?:token|client-key-data|password)["']?: *["']?([^\s"',}]+)""")
_IN_ADDRESS = re.compile(r"://[^\s/?#@:]*:([^\s/?#@]+)@")


def hidden(text: str) -> str:
    """A text without the secrets of this process, nor those that its addresses carry."""
    return _without(_own(), text)


def hidden_of(environment: Mapping[str, str]) -> Callable[[str], str]:
    """How a text is shown without the secrets of other variables than those of this process."""
    return partial(_without, _pattern(environment))


def _without(found: re.Pattern[str] | None, text: str) -> str:
    return addresses.shown(found.sub(HIDDEN, text) if found else text)


def forget() -> None:
    """Look for the secrets anew: the variables have changed."""
    _own.cache_clear()


@cache
def _own() -> re.Pattern[str] | None:
    """What any of them looks like; read once, as every cell of a report is asked for it."""
    return _pattern(os.environ)


def _pattern(environment: Mapping[str, str]) -> re.Pattern[str] | None:
    found = {form for value in _values(environment) for form in _forms(value)}
    longest_first = sorted(found, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, longest_first))) if found else None


def _values(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if _NAME.search(name):
            yield value
            yield from value.splitlines()  # of a key; whoever quotes it joins them
        yield from map(unquote, _IN_ADDRESS.findall(value))
        if name == _KUBECONFIG:
            yield from _IN_KUBECONFIG.findall(value)
    for name in _LOGINS:
        user, password = (environment.get(f"{name}_{part}") for part in ("USERNAME", "PASSWORD"))
        if user and password:  # RFC 7617, as a server may repeat it
            yield base64.b64encode(f"{user}:{password}".encode()).decode()


def _forms(value: str) -> Iterator[str]:
    """A value as it is, in an address, and in JSON."""
    value = value.strip()
    if len(value) >= _LEAST:
        yield from (value, quote(value, safe=""), json.dumps(value, ensure_ascii=False)[1:-1])
