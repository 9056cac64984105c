"""The demo does the whole job, and nothing of it twice."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlgitops.cli import run
from mlgitops.scaffold.play import Demo, play, process, summary

if TYPE_CHECKING:
    from mlgitops.registry.embedded import Embedded
    from tests.team import Team

ROOT = Path(__file__).resolve().parents[2]
MODEL = "power-forecasting-model"


@pytest.mark.no_docker
@pytest.mark.xdist_group("demo")
@pytest.mark.timeout(900)
@pytest.mark.thorough
def test_the_demo_promotes_serves_and_rolls_back_once(
    remote: Team, server: tuple[str, Embedded], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both addresses are at the first version again; a second one, not in git, writes nothing."""
    url, _ = server
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    demo = Demo(root=ROOT, state=remote.folder / "state", run=run, url=url, served=process)
    demo.state.mkdir()

    play(demo)
    summary(demo)

    assert (demo.site / "models" / f"{MODEL}.html").exists()
    assert demo.report.exists()
    stamp = remote.tag(2, "Production", MODEL)
    assert stamp is not None
    assert (stamp["move"], stamp["version"], stamp["previous"]) == (2, 2, 1)
    assert remote.aliases(MODEL) == {"staging": 2, "production": 1}
    assert (remote.classic("Staging", MODEL), remote.classic("Production", MODEL)) == (2, 1)

    before = _everything(remote)
    unpacked = remote.folder / "unpacked"
    unpacked.mkdir()
    shutil.copy(ROOT / "models.yaml", unpacked)
    play(Demo(root=unpacked, state=demo.state, run=run, url=url, served=process))
    assert before == _everything(remote)


def _everything(team: Team) -> list[str]:
    models = [str(model) for model in team.client.search_registered_models()]
    return models + [str(version) for version in team.client.search_model_versions()]
