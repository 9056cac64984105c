"""One apply writes at a time, says who it is, and gives its turn up whatever becomes of it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.core import turn
from mlgitops.core.lock import NAME, Lock
from mlgitops.core.stamp import iso
from mlgitops.registry.connect import connect
from mlgitops.words import when
from tests.core.racing import Race
from tests.proxy import failure
from tests.registry.injected import fill

if TYPE_CHECKING:
    from tests.proxy import Answered, Asked, PassOn, Proxy
    from tests.team import Team

NOW = iso(datetime.now(UTC))
OTHER = Lock(id="other", owner="local", actor="eve", commit="e" * 40, begun=NOW, alive=NOW)


def locks(team: Team) -> list[str]:
    """The names of the locks, as MLflow says."""
    names = (model.name for model in team.client.search_registered_models())
    return sorted(name for name in names if name.startswith(NAME))


def outcomes(document: Any) -> dict[str, str]:
    """Model → what became of its change."""
    return {one["model"]: one["status"] for one in document["outcomes"]}


def declared(team: Team, count: int) -> list[str]:
    """Models with versions and a change each; their names."""
    names = fill(team, count)
    body = "\n".join(f"  {name}: {{stages: {{Production: 1}}}}" for name in names)
    team.write(f"models:\n{body}\n")
    return names


def test_nothing_of_the_lock_is_left_or_shown(team: Team) -> None:
    """It is gone after an apply; while it is there, it is no model."""
    team.versions(1)
    team.stages(Production=1)
    team.ok("apply")
    assert locks(team) == []
    connect(team.uri).take_lock(OTHER)
    assert "mlgitops.lock" not in team.ok("status").out
    team.ok("import", "--force")
    assert "mlgitops.lock" not in team.file.read_text()
    assert team.run("plan", "--exit-code").code == 0


def test_the_lock_of_an_apply_that_is_gone_is_taken_over(team: Team) -> None:
    """After it has given no sign of life for a while; what it has begun is finished by then."""
    team.versions(1)
    team.stages(Production=1)
    connect(team.uri).take_lock(OTHER)
    team.ok("apply")
    assert team.aliases() == {"production": 1}
    assert locks(team) == []


def test_what_another_owner_left_half_done_stays_known(team: Team) -> None:
    """Its lock is set aside, and removed by that owner's next apply, with or without a change."""
    team.versions(1)
    team.stages(Production=1)
    connect(team.uri).take_lock(OTHER)
    text = team.file.read_text()
    team.write(f"owner: elsewhere\n{text}")
    team.ok("apply")
    assert locks(team) == [f"{NAME}.other"]
    team.ok("apply")
    assert locks(team) == [f"{NAME}.other"]
    team.write("models: {}")
    team.ok("apply")
    assert locks(team) == []


def test_an_apply_waits_for_one_that_is_alive_and_says_for_whom(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for ever: then nothing was changed, and the error says who has the lock."""
    team.versions(1)
    team.stages(Production=1)
    connect(team.uri).take_lock(OTHER)
    monkeypatch.setattr(turn, "PACE", turn.Pace(ask=0.01, silent=1_000_000, wait=0.1))
    ran = team.run("apply")
    assert ran.code == 1
    assert (
        f"an apply by eve is under way or was interrupted, {when(NOW)}, and has not ended"
        in ran.err
    )
    assert "nothing was changed" in ran.err
    assert team.aliases() == {}
    assert locks(team) == [NAME]


def test_a_lock_that_somebody_made_by_hand_is_one_too(team: Team) -> None:
    """It has no tags of ours: whoever made it gives no signs of life."""
    team.versions(1)
    team.stages(Production=1)
    team.client.create_registered_model(NAME)
    team.ok("apply")
    assert team.aliases() == {"production": 1}


def test_what_changed_after_the_plan_is_refused_as_stale(remote: Team, proxied: Proxy) -> None:
    """The plan of one model is no longer true once the apply has its turn: the others go on."""
    remote.versions(2, "wind")
    remote.versions(1, "solar")
    remote.write(
        """
        models:
          wind: {stages: {Production: 1}}
          solar: {stages: {Production: 1}}
        """
    )

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        if asked.path.endswith("registered-models/create"):
            remote.client.set_registered_model_alias("wind", "production", "2")
        return pass_on(asked)

    proxied.meddle = meddle
    ran = remote.run("apply", "--format", "json")
    assert ran.code == 4
    assert outcomes(ran.document) == {"wind": "not attempted", "solar": "applied"}
    assert "it was changed by someone else after it was planned; apply again" in ran.err
    assert remote.aliases("wind") == {"production": 2}


def test_a_registry_that_refuses_the_lock_is_written_without(remote: Team, proxied: Proxy) -> None:
    """Who may move aliases need not be allowed to make models; one line says so."""
    remote.versions(1)
    remote.stages(Production=1)

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        makes = asked.path.endswith("registered-models/create")
        return failure(403) if makes else pass_on(asked)

    proxied.meddle = meddle
    ran = remote.ok("apply")
    assert ran.err.count("warning: applying without a lock") == 1
    assert remote.aliases() == {"production": 1}


def test_an_apply_that_lost_its_lock_begins_nothing_more(
    remote: Team, proxied: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It slept too long, and another one took over: what it has not begun, it leaves."""
    names = declared(remote, 12)
    monkeypatch.setattr(turn, "PACE", turn.Pace(certain=0))  # it looks before each model

    first = threading.Lock()

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        if asked.path.endswith("model-versions/set-tag") and first.acquire(blocking=False):
            remote.client.rename_registered_model(NAME, f"{NAME}.taken")
        return pass_on(asked)

    proxied.meddle = meddle
    ran = remote.run("apply", "--allow", "many-changes", "--format", "json")
    assert ran.code == 4
    assert list(outcomes(ran.document)) == names
    assert {"applied", "not attempted"} == set(outcomes(ran.document).values())
    assert "another apply took over" in ran.err


@pytest.mark.thorough
@pytest.mark.xdist_group("server")
def test_pairs_of_applies_leave_nothing_torn(
    remote: Team, server: tuple[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a real server; `tests/stack/test_races.py` runs two hundred."""
    monkeypatch.setattr(turn, "PACE", turn.Pace(ask=0.02, silent=10_000))
    race = Race(uri=server[0], models=["first", "second"])
    race.prepare(remote.client)
    race.run(3)
    assert (race.torn, race.wrong) == (0, [])
