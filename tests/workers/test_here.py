"""Processes of this machine answer calls, one after another and several at once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from harness.waiting import eventually
from mlgitops.workers.here import Processes
from mlgitops.workers.values import TRIES
from tests.workers import calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def said() -> list[str]:
    """The lines that calls printed."""
    return []


@pytest.fixture
def workers(said: list[str]) -> Iterator[Processes]:
    """Two processes."""
    made = Processes(2, lambda name, line: said.append(f"{name}: {line}"), {"SAID_BY_TEST": "yes"})
    yield made
    made.close()


def test_values_problems_and_whole_lines_come_home(workers: Processes, said: list[str]) -> None:
    """Each under its name; lines of several calls do not mix."""
    workers.submit("a", calls.add, 1, 2)
    workers.submit("b", calls.refuse)
    workers.submit("c", calls.environment, "SAID_BY_TEST")
    answers = {(done := workers.next()).name: done.answer for _ in range(3)}
    assert answers["a"].value == 3
    assert answers["b"].problem == "the table is empty; give another"
    assert answers["c"].value == "yes"
    assert said == ["a: add 1 2"]


@pytest.mark.parametrize("deaths", [1, TRIES])
def test_a_call_whose_process_is_killed_is_tried_again(
    workers: Processes, said: list[str], tmp_path: Path, deaths: int
) -> None:
    """Three times more; then the problem says what became of it, and other calls go on."""
    log = tmp_path / "log"
    workers.submit("it", calls.die_until, str(log), deaths)
    done = workers.next()
    workers.submit("other", calls.add, 1, 2)
    assert workers.next().answer.value == 3
    assert len(log.read_text()) == done.tries == min(deaths + 1, TRIES)
    if deaths == TRIES:
        assert done.answer.problem is not None
        assert "was ended by SIGKILL, perhaps for want of memory, 4 times" in done.answer.problem
    else:
        assert done.answer.value == deaths + 1
        assert said[0].startswith("it: its process was ended by SIGKILL")


def test_what_runs_ends_with_its_workers(workers: Processes, tmp_path: Path) -> None:
    """No process is left."""
    workers.submit("it", calls.wait, str(tmp_path / "begun"))
    eventually((tmp_path / "begun").exists, within=60)
    process = int((tmp_path / "begun").read_text())
    workers.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
