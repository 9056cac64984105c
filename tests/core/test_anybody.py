"""Whatever others left in a registry: what guards refuse stays as it is, all else is applied."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlgitops.core import guards
from mlgitops.core.apply import Status, execute
from mlgitops.core.diff import diff, keeping
from mlgitops.core.guards import Terms
from mlgitops.core.stage import alias_of
from mlgitops.core.stamp import Author
from mlgitops.file.load import loads
from mlgitops.proposal.propose import read
from tests.core.memory import MODEL, Memory, Order, Stored

if TYPE_CHECKING:
    from mlgitops.core.held import HeldModel
    from mlgitops.core.registry import Registry

TERMS = Terms(now=datetime(2026, 1, 1, tzinfo=UTC))
AUTHOR = Author(commit="c" * 40, actor="ada")
STAGES = ["Staging", "Production", "champion"]
NUMBERS = st.integers(1, 4)
SPELLED = st.sampled_from([s for name in STAGES for s in {name, name.lower(), name.title()}])
WANTED = st.dictionaries(st.sampled_from(STAGES), st.none() | NUMBERS)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("apply"), st.sampled_from(["ours", "theirs"]), WANTED),
        st.tuples(st.just("alias"), SPELLED, NUMBERS),
        st.tuples(st.just("unset"), SPELLED, NUMBERS),
        st.tuples(
            st.just("classic"), st.sampled_from(["Staging", "Production", "Archived"]), NUMBERS
        ),
    ),
    max_size=8,
)


def registry_of(stored: Stored) -> Registry:
    """The registry in memory, for one who meets nobody else."""
    made = Memory(stored=stored, order=Order([]), who=0, locks_out=False)
    made.order.end(1)
    return cast("Registry", made)


def held_in(stored: Stored) -> HeldModel:
    """What the registry holds."""
    return registry_of(stored).held().model(MODEL)


def applied(stored: Stored, owner: str, wanted: dict[str, int | None]) -> set[str]:
    """Apply what no guard refuses; the aliases of what was refused."""
    pairs = ", ".join(f"{n}: {'null' if v is None else v}" for n, v in wanted.items())
    declared = "stages: [Staging, {name: champion, production: true}, Production]"
    text = f"owner: {owner}\n{declared}\nmodels: {{{MODEL}: {{stages: {{{pairs}}}}}}}"
    registry = registry_of(stored)
    desired, held = read(loads(text, "models.yaml"), registry)
    plan = diff(desired, held)
    against = guards.refusing(guards.objections(plan, desired, TERMS), TERMS)
    refused = {(change.model, change.alias) for change in plan.changes if against(change)}
    done = execute(
        keeping(plan, held, refused), registry, lambda _: AUTHOR, lambda: datetime.now(UTC)
    )
    assert {one.status for one in done} <= {Status.APPLIED}
    left = diff(*read(desired, registry)).changes
    assert {(c.model, c.alias) for c in left if not c.misaligned} <= refused
    return {alias for _, alias in refused}


def by_hand(stored: Stored, step: tuple[object, ...]) -> None:
    """What people do in MLflow's own ways; they keep no two aliases that differ only in case."""
    match step:
        case ("alias", str() as spelled, int() as number):
            for one in [one for one in stored.aliases if one.lower() == spelled.lower()]:
                del stored.aliases[one]
            stored.aliases[spelled] = number
        case ("unset", str() as spelled, _):
            stored.aliases.pop(spelled, None)
        case ("classic", str() as stage, int() as number):
            stored.classic[number] = stage


@example(
    # production stays at a version that left its classic stage, and Staging gets that version
    steps=[("apply", "ours", {"Production": 1}), ("classic", "Production", 2)],
    wanted={"Staging": 1},
)
@settings(max_examples=150, deadline=None)
@given(steps=STEPS, wanted=WANTED)
def test_what_guards_refuse_stays_and_all_else_is_applied(
    steps: list[tuple[object, ...]], wanted: dict[str, int | None]
) -> None:
    """No stage of others moves, no held version goes without a guard, the rest is as declared."""
    stored = Stored()
    for step in steps:
        match step:
            case ("apply", str() as owner, dict() as stages):
                applied(stored, owner, stages)
            case _:
                by_hand(stored, step)
    before = held_in(stored)

    refused = applied(stored, "ours", wanted)

    after = held_in(stored)
    assert after.clashes == ()
    for alias in before.stages.keys() | after.stages.keys():
        old, new = before.stages.get(alias), after.stages.get(alias)
        newest = before.newest_stamp(alias)
        ours = newest is not None and newest[1].owner == "ours"
        if alias in refused or before.owner_of(alias) == "theirs":
            assert new == old
        if new != old:
            assert ours or old is None
        if alias in ("champion", "production") and old is not None and new is None:
            assert newest is not None
            assert newest[1].version is None  # it heals
    for stage, version in wanted.items():
        alias = alias_of(stage)
        if alias not in refused and before.owner_of(alias) != "theirs":
            assert after.stages.get(alias) == version
    assert applied(stored, "ours", wanted) == refused
