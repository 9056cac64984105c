"""Two applies at once: one waits for the other, and what meets all the same is told and healed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlgitops.core import turn
from mlgitops.core.apply import Outcome, Status, execute
from mlgitops.core.diff import diff
from mlgitops.core.stamp import Author
from mlgitops.file.load import loads
from mlgitops.proposal.propose import read
from tests.core.memory import MODEL, Memory, Order, Stored
from tests.core.racing import torn

if TYPE_CHECKING:
    from mlgitops.core.desired import Desired
    from mlgitops.core.registry import Registry

STAGES = st.sampled_from(["Staging", "Production", "Shadow"])
WANTED = st.dictionaries(STAGES, st.none() | st.integers(1, 3))
ORDER = st.lists(st.integers(0, 1), max_size=60)


def desired_of(stages: dict[str, int | None]) -> Desired:
    """A models.yaml with the model of the registry in memory."""
    pairs = ", ".join(f"{n}: {'null' if v is None else v}" for n, v in stages.items())
    declared = "stages: [Staging, Production, Shadow]"
    text = f"owner: team\n{declared}\nmodels: {{{MODEL}: {{stages: {{{pairs}}}}}}}"
    return loads(text, "models.yaml")


def applied(desired: Desired, memory: Memory, actor: str) -> tuple[Outcome, ...]:
    """One apply, from reading to the end."""
    registry = cast("Registry", memory)
    try:
        plan = diff(*read(desired, registry))
        author = Author(commit="c" * 40, actor=actor)
        return execute(plan, registry, lambda _: author, lambda: datetime.now(UTC))
    finally:
        memory.order.end(memory.who)


def alone(stored: Stored, *, locks_out: bool) -> Memory:
    """The registry for an apply that meets no other."""
    made = Memory(stored=stored, order=Order([]), who=0, locks_out=locks_out)
    made.order.end(1)
    return made


def raced(
    before: dict[str, int | None],
    files: tuple[dict[str, int | None], dict[str, int | None]],
    order: list[int],
    *,
    locks_out: bool,
) -> tuple[Stored, list[tuple[Outcome, ...]]]:
    """What two applies leave, and what they said."""
    stored, asked = Stored(), Order(order)
    applied(desired_of(before), alone(stored, locks_out=locks_out), "before")
    memories = [Memory(stored=stored, order=asked, who=n, locks_out=locks_out) for n in (0, 1)]
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(applied, map(desired_of, files), memories, "AB"))
    return stored, done


def check_healed(stored: Stored, wanted: dict[str, int | None], *, locks_out: bool) -> None:
    """The next apply leaves what its file says, each stage with one newest stamp."""
    memory = alone(stored, locks_out=locks_out)
    applied(desired_of(wanted), memory, "C")
    assert diff(*read(desired_of(wanted), cast("Registry", memory))).changes == ()
    held = memory.held().model(MODEL)
    # two that write one version's tag at once may lose a stamp: that stage is unmanaged then
    own = {alias for alias in held.stages if held.stamp_in_force(alias)}
    assert not any(held.is_contested(alias) for alias in own)
    for stage in ("Production", "Staging"):
        if stage.lower() in own:
            version = held.stages[stage.lower()]
            covered = stage == "Staging" and version == held.classic.get("Production")
            assert held.classic.get(stage) == (None if covered else version)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits gives nobody up."""
    monkeypatch.setattr(turn, "PACE", turn.Pace(ask=0.001, silent=1_000_000))


@settings(max_examples=100, deadline=None)
@given(before=WANTED, files=st.tuples(WANTED, WANTED), order=ORDER)
def test_with_a_lock_one_apply_is_refused_what_the_other_changed(
    before: dict[str, int | None],
    files: tuple[dict[str, int | None], dict[str, int | None]],
    order: list[int],
) -> None:
    """Whatever the order of their requests: no move is stamped twice, and what is said is so."""
    stored, done = raced(before, files, order, locks_out=False)
    assert stored.locks == {}
    held = alone(stored, locks_out=False).held().model(MODEL)
    assert list(torn(held)) == []
    for outcomes in done:
        assert {one.status for one in outcomes} <= {Status.APPLIED, Status.SKIPPED}
    first, second = ({o.change.alias: o for o in outcomes} for outcomes in done)
    for alias, outcome in (first | second).items():
        told = {one[alias].change.new for one in (first, second) if alias in one}
        if outcome.status is Status.APPLIED:
            assert held.stages.get(alias) in told
    check_healed(stored, files[0], locks_out=False)


@settings(max_examples=100, deadline=None)
@given(before=WANTED, files=st.tuples(WANTED, WANTED), order=ORDER, last=st.integers(0, 1))
def test_without_a_lock_the_next_apply_heals(
    before: dict[str, int | None],
    files: tuple[dict[str, int | None], dict[str, int | None]],
    order: list[int],
    last: int,
) -> None:
    """Where the registry refuses the lock, whatever two applies leave, one more puts right."""
    stored, _ = raced(before, files, order, locks_out=True)
    check_healed(stored, files[last], locks_out=True)
