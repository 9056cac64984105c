"""Requests fail or are late by lot; `tests/stack` does it with 1,000 changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.registry import injected

if TYPE_CHECKING:
    from tests.proxy import Proxy
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("server")


@pytest.mark.thorough
def test_apply_converges_though_requests_and_answers_are_lost(
    remote: Team, proxied: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 changes, then 30 back: no wrong stage, no move stamped twice, repetitions told once."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    names = injected.fill(remote, 15)
    for move, versions in enumerate(((1, 2), (2, 1)), start=1):
        desired = dict(zip(("Production", "Staging"), versions, strict=True))
        injected.check_apply(remote, proxied, names, desired, move=move, share=0.15)
