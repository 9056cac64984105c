"""What the registry says of a version: its own record, and that of the run that made it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from mlgitops.core.version import DatasetUse
from mlgitops.registry.connect import connect

if TYPE_CHECKING:
    from tests.team import Team

WIND = "power-forecasting-model"


@pytest.mark.xdist_group("farm")
def test_the_evidence_of_a_version_is_what_its_run_recorded(farm: Team) -> None:
    """Data sets with what for, how long, from which commit, and where the payload lies."""
    registry = connect(farm.uri)
    bare = registry.version(WIND, 2)
    assert bare is not None

    found = registry.evidence(bare)

    assert found.run_id is not None
    run = farm.client.get_run(found.run_id)
    assert run.inputs is not None
    uses = {i.tags[0].value: i.dataset for i in run.inputs.dataset_inputs}
    assert found.datasets == tuple(
        DatasetUse(
            name=uses[context].name,
            digest=uses[context].digest,
            context=context,
            source=uses[context].source,
            schema=uses[context].schema or "",
        )
        for context in ("test", "train")
    )
    assert found.seconds == (run.info.end_time - run.info.start_time) / 1000
    assert found.commit == run.data.tags.get("mlflow.source.git.commit")
    assert found.uri == f"models:/{WIND}/2"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.created or "")
    assert found.params == run.data.params


def test_a_version_without_a_run_has_no_evidence(team: Team) -> None:
    """It may have been registered from a folder; nothing is made up."""
    team.client.create_registered_model("wind")
    team.client.create_model_version("wind", str(team.folder), await_creation_for=0)
    registry = connect(team.uri)
    bare = registry.version("wind", 1)
    assert bare is not None

    found = registry.evidence(bare)

    assert found == bare
    assert (found.datasets, found.seconds, found.commit) == ((), None, None)
