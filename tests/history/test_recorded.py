"""What stamps tell no more, the records of applies tell: on a real registry, and for any moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core.held import Held, HeldModel
from mlgitops.core.record import Entry
from mlgitops.core.stamp import Author, make
from mlgitops.history.recorded import moves
from tests.history.test_stays import commit, stays
from tests.proxy import failure

if TYPE_CHECKING:
    from mlgitops.core.stamp import Stamp
    from tests.proxy import Proxy
    from tests.team import Team

START = datetime(2026, 11, 1, tzinfo=UTC)


def test_a_version_that_came_back_was_applied_twice(team: Team) -> None:
    """Its stamp is that of its return; who applied it first, and when, its record tells."""
    team.versions(2)
    for day, (version, actor) in enumerate(((1, "ada"), (2, "bob"), (1, "linus")), start=1):
        team.stages(Production=version)
        commit(team, f"Promote {version}", day=day, author="merger")
        team.ok("apply", "--actor", actor)
    found = stays(team)
    assert [(one["version"], one["by"]) for one in found] == [(1, "ada"), (2, "bob"), (1, "linus")]
    assert all(one["applied"] for one in found)
    assert len({one["record"] for one in found}) == len(found)
    assert "declared only" not in team.ok("history").out
    assert stays(team, "--at", "2026-11-02") == []  # merged, and applied later


def test_a_stamp_that_was_taken_away_is_made_up_for(team: Team) -> None:
    """As when somebody deleted the tag, or the version."""
    team.versions(1)
    team.stages(Production=1)
    commit(team, "Promote 1", day=1)
    team.ok("apply", "--actor", "ada")
    team.client.set_model_version_tag("wind", "1", "mlgitops.stages", "{}")
    assert [one["by"] for one in stays(team)] == ["ada"]


def test_records_that_cannot_be_read_are_missed(remote: Team, proxied: Proxy) -> None:
    """History then is what git and the stamps tell, with a warning."""
    remote.versions(2)
    for day, version in enumerate((1, 2, 1), start=1):
        remote.stages(Production=version)
        commit(remote, f"Promote {version}", day=day)
        remote.ok("apply", "--actor", "linus")
    proxied.meddle = lambda asked, pass_on: (
        failure(403) if asked.path.endswith("runs/search") else pass_on(asked)
    )
    ran = remote.ok("history", "--format", "json")
    assert "warning: what only the records of applies tell is left out: " in ran.err
    assert [bool(one["applied"]) for one in ran.document["stays"]] == [False, True, True]


def moved(versions: list[int | None]) -> list[Stamp]:
    """The moves that a stage makes if it holds these versions one after the other."""
    author = Author(commit="abc", actor="ada")
    return [
        make(
            move=number,
            version=version,
            previous=previous,
            author=author,
            now=START + timedelta(hours=number),
            registry="here",
            owner="us",
            record=f"record{number}",
        )
        for number, (previous, version) in enumerate(
            zip([None, *versions], versions, strict=False), start=1
        )
    ]


def entry(stamp: Stamp) -> Entry:
    """What the record of a move says of it."""
    return Entry(
        time=datetime.fromisoformat(stamp.time),
        record=stamp.record or "",
        page=None,
        model="wind",
        stage="Production",
        action="replace",
        old=stamp.previous,
        new=stamp.version,
        outcome="applied",
        reason="",
        gates=(),
        guards=(),
        actor=stamp.actor,
        approvers=(),
        commit=stamp.commit,
        commit_reason="",
        pull_request=None,
        digest=None,
        evaluation=None,
        file="models.yaml",
        owner=stamp.owner,
        registry=stamp.registry,
        mlgitops="0",
        mlflow="3",
    )


def carried(made: list[Stamp]) -> Held:
    """What is left in the registry: of each version, the stamp of its last move."""
    left = {stamp.version or stamp.previous or 0: stamp for stamp in made}
    stamps = MappingProxyType({"production": MappingProxyType(left)})
    return Held(models=MappingProxyType({"wind": HeldModel(name="wind", stamps=stamps)}))


# no version twice in a row
VERSIONS = st.lists(st.one_of(st.none(), st.integers(1, 4)), min_size=1, max_size=12).map(
    lambda listed: [
        one for one, before in zip(listed, [None, *listed], strict=False) if one != before
    ]
)


@given(versions=VERSIONS)
def test_stamps_and_records_tell_every_move(versions: list[int | None]) -> None:
    """Together they tell all moves of a stage in their order, each as its own stamp told it."""
    made = moved(versions)
    found = moves(carried(made), map(entry, made))
    assert found.get(("wind", "production"), []) == made


@given(versions=VERSIONS, lost=st.sets(st.integers(1, 12)))
def test_records_that_are_gone_change_no_other(versions: list[int | None], lost: set[int]) -> None:
    """Without some records, what is left stands in its order, and no stamp is doubted."""
    made = moved(versions)
    held = carried(made)
    stamps = moves(held).get(("wind", "production"), [])
    found = moves(held, (entry(one) for one in made if one.move not in lost))
    told = found.get(("wind", "production"), [])
    assert [one for one in told if one in stamps] == stamps
    numbers = [int((one.record or "").removeprefix("record")) for one in told]
    assert numbers == sorted(set(numbers))
    assert {one.move for one in made} - lost <= set(numbers)
