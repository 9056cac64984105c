"""docs/propose.ipynb: its cells run as they are, on a registry and a GitHub of the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlgitops.registry.address import Address

if TYPE_CHECKING:
    import pytest

    from tests.github import fake
    from tests.team import Team

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "propose.ipynb"
FILE = """\
owner: windy/farm
models:
  power-forecasting-model:
    stages: {Staging: null}
"""


def test_the_cells_of_the_notebook_run(
    job: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They register a version and propose it once."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.setenv(name, "")  # as they were, afterwards
    Address(registry=job.uri, tracking=job.uri).publish()
    hub.git.push("main", models__yaml=FILE)
    names: dict[str, Any] = {}
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)  # noqa: S102 - that is the claim
    said = job.capsys.readouterr().out
    url = "https://github.test/p/1"
    assert said.splitlines()[-4:] == [
        "registered version 1 of power-forecasting-model",
        f"{url} is opened",
        f"{url} is open",
        f"power-forecasting-model Staging: {url}, which somebody asked for, is open, and is left "
        "alone",
    ]
    (pull,) = hub.pulls
    assert "test\\_mae" in pull["body"]
