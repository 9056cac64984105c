"""1,000 changes of which 5% of all requests fail or are late, before or after the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.registry import injected

if TYPE_CHECKING:
    from tests.proxy import Proxy
    from tests.team import Team

pytestmark = [pytest.mark.no_docker, pytest.mark.xdist_group("injected")]


@pytest.mark.timeout(600)
@pytest.mark.thorough
def test_a_thousand_changes_converge(
    remote: Team, proxied: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No wrong stage, no move that is stamped twice; the repetitions are told in one line."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    names, desired = injected.fill(remote, 500), {"Production": 1, "Staging": 2}
    injected.check_apply(remote, proxied, names, desired, move=1, share=0.05)
