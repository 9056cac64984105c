"""For any registry and any desired state: apply, then plan is empty, and all addresses resolve."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlgitops.core.apply import Status, execute
from mlgitops.core.diff import diff, keeping
from mlgitops.core.held import Held
from mlgitops.core.plan import Action
from mlgitops.core.stamp import TAG, Author
from mlgitops.file.load import loads
from mlgitops.proposal.propose import read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlgitops.core.desired import Desired
    from mlgitops.core.registry import Registry
    from tests.team import Team

VERSIONS = 4
STAGES = ["Staging", "Production", "Shadow"]
NUMBERS = st.integers(1, VERSIONS)
WANTED = st.dictionaries(st.sampled_from(STAGES), st.none() | NUMBERS)
BY_HAND = st.one_of(
    st.tuples(st.just("alias"), st.sampled_from([*STAGES, "champion"]), NUMBERS),
    st.tuples(st.just("unset"), st.sampled_from([*STAGES, "champion"]), NUMBERS),
    st.tuples(
        st.just("classic"), st.sampled_from(["Staging", "Production", "Archived", "None"]), NUMBERS
    ),
)
STEPS = st.lists(st.one_of(st.tuples(st.just("apply"), WANTED), BY_HAND), max_size=6)
AUTHOR = Author(commit="c0ffee", actor="ada")
NAMES = count()


def desired_of(model: str, stages: dict[str, int | None], order: Sequence[str] = STAGES) -> Desired:
    """A models.yaml with one model; the stages are declared in the order of promotion."""
    pairs = ", ".join(f"{n}: {'null' if v is None else v}" for n, v in stages.items())
    text = f"stages: [{', '.join(order)}]\nmodels: {{{model}: {{stages: {{{pairs}}}}}}}"
    return loads(text, "models.yaml")


def apply(registry: Registry, desired: Desired) -> None:
    """One apply; every change must succeed."""
    pending = diff(*read(desired, registry))
    done = execute(pending, registry, lambda _: AUTHOR, lambda: datetime.now(UTC))
    assert {Status.APPLIED} >= {outcome.status for outcome in done}, done


@pytest.fixture(scope="module")
def shared(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for all examples; each has a model of its own."""
    import shutil

    folder = tmp_path_factory.mktemp("plans")
    shutil.copy(migrated, folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    steps=STEPS,
    wanted=WANTED,
    order=st.permutations(STAGES),
    refused=st.sets(st.sampled_from(STAGES)),
)
def test_apply_then_plan_is_empty(
    shared: str,
    steps: list[tuple[object, ...]],
    wanted: dict[str, int | None],
    order: list[str],
    refused: set[str],
) -> None:
    """Whatever was applied and moved by hand before: swapping, emptying, reverting included.

    Where some changes are refused at first, the rest is applied and they alone are left.
    """
    from mlgitops.registry.connect import connect
    from tests.team import Team

    registry = connect(shared)
    team = Team(folder=None, uri=shared, capsys=None)  # type: ignore[arg-type]
    model = f"any-{next(NAMES)}"
    team.versions(VERSIONS, model)
    for step in steps:
        _do(step, team, registry, model)
    desired = desired_of(model, wanted, order)
    desired, actual = read(desired, registry)
    assert diff(desired, actual) == diff(*read(desired, registry))

    _apply_the_rest(registry, desired, actual, {(model, stage.lower()) for stage in refused})
    apply(registry, desired)

    assert diff(*read(desired, registry)).changes == ()
    held = registry.held().model(model)
    for stage, version in wanted.items():
        assert version == held.stages.get(stage.lower())
    for stage in ("Staging", "Production"):
        covered = stage == "Staging" and _production(team, model) == wanted.get("Staging")
        # what was set up by hand as desired is left as it is
        if stage in wanted and held.newest_stamp(stage.lower()):
            assert (None if covered else wanted[stage]) == team.classic(stage, model)


def _apply_the_rest(
    registry: Registry, desired: Desired, before: Held, refused: set[tuple[str, str]]
) -> None:
    """Apply what is not refused: no refused stage moves, and its change is as pending as before."""
    pending = diff(desired, before)
    execute(
        keeping(pending, before, refused), registry, lambda _: AUTHOR, lambda: datetime.now(UTC)
    )
    after = registry.held(desired.models)
    left = diff(desired, after)
    moves = {c.key for c in pending.changes if c.enters or c.action is Action.EMPTY}
    assert {key for key in moves if key[:2] in refused} <= {change.key for change in left.changes}
    for change in left.changes:
        assert (change.model, change.alias) in refused
        old, new = before.model(change.model), after.model(change.model)
        assert old.stages.get(change.alias) == new.stages.get(change.alias)
        assert old.stamps.get(change.alias) == new.stamps.get(change.alias)
    assert keeping(left, after, refused).changes == ()


def _production(team: Team, model: str) -> int | None:
    return team.classic("Production", model)


def _do(step: tuple[object, ...], team: Team, registry: Registry, model: str) -> None:
    match step:
        case ("apply", dict() as stages):
            apply(registry, desired_of(model, stages))
        case ("alias", str() as stage, int() as number):
            team.client.set_registered_model_alias(model, stage.lower(), str(number))
        case ("unset", str() as stage, _):
            team.client.delete_registered_model_alias(model, stage.lower())
        case ("classic", str() as stage, int() as number):
            team.move_by_hand(number, stage, model)


def test_planning_names_no_change_where_nothing_differs() -> None:
    """An empty models.yaml and an empty registry: nothing to do, and it says so."""
    empty = diff(loads("models: {}", "models.yaml"), Held(models={}))
    assert (empty.changes, empty.stages) == ((), 0)


@given(order=st.permutations(STAGES), wanted=st.permutations(STAGES))
def test_stages_are_applied_in_the_order_of_promotion(order: list[str], wanted: list[str]) -> None:
    """That of the declaration, whatever the order in the model."""
    desired = desired_of("wind", dict.fromkeys(wanted, 1), order)
    assert [change.stage for change in diff(desired, Held(models={})).changes] == order


def test_staging_is_applied_before_production() -> None:
    """Where nothing is declared, and whatever the order in the file."""
    text = "models: {wind: {stages: {Production: 1, Staging: 2}}}"
    changes = diff(loads(text, "models.yaml"), Held(models={})).changes
    assert [change.stage for change in changes] == ["Staging", "Production"]


def test_a_damaged_stamp_counts_as_none(team: Team) -> None:
    """A stamp that someone edited into nonsense does not stop the reconciler."""
    team.versions(2)
    team.stages(Production=1)
    team.ok("apply")
    for nonsense in ("{}", "not json", '{"production": {"move": "x"}}', "[1]"):
        team.client.set_model_version_tag("wind", "1", TAG, nonsense)
        assert team.run("plan", "--exit-code").code == 0
    team.stages(Production=2)
    team.ok("apply", "--allow", "unmanaged")  # nothing says any more that mlgitops set it
    assert team.aliases() == {"production": 2}


def test_a_stamp_by_a_later_release_counts(team: Team) -> None:
    """One with a field that this release does not know says that mlgitops set the stage."""
    team.versions(2)
    team.stages(Production=1)
    team.ok("apply")
    written = json.loads(team.client.get_model_version("wind", "1").tags[TAG])
    written["production"]["later"] = {"more": [1]}
    team.client.set_model_version_tag("wind", "1", TAG, json.dumps(written))
    team.stages(Production=2)
    team.ok("apply")
    assert team.aliases() == {"production": 2}
