"""A plan as a file: what is read is what was written, and what was written is the plan."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core.diff import diff
from mlgitops.core.guards import Shown
from mlgitops.core.held import Held, HeldModel
from mlgitops.core.stamp import Stamp
from mlgitops.file.load import loads
from mlgitops.proposal import planfile
from tests.team import declaring

if TYPE_CHECKING:
    import pytest

    from tests.team import Team

versions = st.integers(1, 5)
aliases = st.dictionaries(st.sampled_from(["staging", "production", "shadow"]), versions)
stages = st.dictionaries(
    st.sampled_from(["Staging", "Production", "Shadow"]), st.none() | versions, min_size=1
)
stamps = st.builds(
    Stamp,
    move=versions,
    version=st.none() | versions,
    previous=st.none() | versions,
    commit=st.text(),
    actor=st.text(),
    time=st.just("2026-11-26T03:15:00Z"),
    pull_request=st.none() | st.text(),
)


@given(held=aliases, wanted=stages, stamp=st.none() | stamps)
def test_a_plan_survives_its_file(
    tmp_path_factory: pytest.TempPathFactory,
    held: dict[str, int],
    wanted: dict[str, int | None],
    stamp: Stamp | None,
) -> None:
    """Every value of every change comes back, stamps and places in models.yaml included."""
    body = ", ".join(f"{stage}: {version or 'null'}" for stage, version in wanted.items())
    text = f"models: {{wind: {{stages: {{{body}}}}}}}\n{declaring(wanted)}"
    desired = loads(text, "models.yaml")
    stamped = {"production": MappingProxyType({1: stamp})} if stamp else {}
    model = HeldModel(name="wind", aliases=held, stamps=MappingProxyType(stamped))
    plan = diff(desired, Held(models={"wind": model}))
    path = tmp_path_factory.getbasetemp() / "plan.json"
    shown = Shown(plan=plan, fingerprint="sha256:0", refused=(("wind", "production"),))
    planfile.write(path, shown)
    assert planfile.read(path) == shown


def test_the_file_holds_the_changes_in_their_order(team: Team) -> None:
    """Other programs read what will happen from it, and of which models.yaml."""
    team.versions(2)
    team.stages(Production=1, Staging=2)
    team.ok("plan", "--out", "plan.json")
    document = json.loads((team.folder / "plan.json").read_text())
    (model,) = document["plan"]["models"]
    assert [
        (change["stage"], change["action"], change["old"], change["new"], change["carrier"])
        for change in model["changes"]
    ] == [("Staging", "fill", None, 2, 2), ("Production", "fill", None, 1, 1)]
    assert model["changes"][0]["where"] == {"file": "models.yaml", "line": 5, "column": 7}
    assert document["fingerprint"].startswith("sha256:")
