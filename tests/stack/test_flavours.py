"""Models of many flavours, built, smoke-tested and compared with MLflow's own server.

`nox -s matrix` takes all of them, `nox -s stack` a sample.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import requests

from harness.flavours import FLAVOURS, Flavour
from mlgitops.image.build import build
from mlgitops.image.container import running
from mlgitops.image.smoke import smoke
from mlgitops.image.spec import BuildOptions
from mlgitops.registry.connect import connect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Team

pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(900)]
CHOSEN = [one for one in FLAVOURS if one.sampled or os.environ.get("MLGITOPS_EVERY_FLAVOUR")]


def _case(flavour: Flavour) -> Any:
    # a table; test_kinds.py proves the others without an image
    marks = [] if flavour.name == "text_labels" else [pytest.mark.thorough]
    return pytest.param(flavour, id=flavour.name, marks=marks)


@pytest.mark.parametrize("flavour", map(_case, CHOSEN))
def test_it_serves_and_answers_as_mlflows_server(
    flavour: Flavour, team: Team, repository: str, tmp_path: Path
) -> None:
    """Its image passes every check, and answers a request of its own to the letter."""
    folder = tmp_path / "saved"
    request = flavour.save(folder)
    team.client.create_registered_model(flavour.name)
    team.client.create_model_version(flavour.name, str(folder), await_creation_for=0)
    options = BuildOptions(repository=repository, debian=flavour.debian)
    (tag,) = build(connect(team.uri), flavour.name, "1", options).tags
    report = smoke(tag, requests_sent=2_000)
    assert [(check.request, check.actual) for check in report.failed] == []
    with flavour.served(folder) as theirs, running(tag) as ours:
        answers = [
            requests.post(f"{url}/invocations", json=request, timeout=60)
            for url in (theirs, ours.url)
        ]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    expected, given = (json.loads(answer.text) for answer in answers)
    assert given == expected
