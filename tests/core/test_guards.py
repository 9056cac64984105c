"""Guards: what a plan must not do unless somebody allows it by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core import guards
from mlgitops.core.diff import diff
from mlgitops.core.guards import Terms
from mlgitops.core.held import Held, HeldModel
from mlgitops.core.permissions import Guard, by_flags
from mlgitops.core.stamp import Author, Stamp
from mlgitops.file.load import loads
from mlgitops.history import entries
from mlgitops.words import when
from tests.team import declaring

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.core.desired import Desired
    from mlgitops.core.plan import Plan
    from tests.team import Team

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHARED = st.dictionaries(st.sampled_from(["Staging", "Production", "Shadow"]), st.integers(1, 3))


def objections(team: Team, *arguments: str) -> list[tuple[str, bool]]:
    """What the guards say of the plan, and whether it was allowed."""
    document = team.run("plan", "--format", "json", *arguments).document
    return [(one["guard"], one["allowed"]) for one in document["guards"]]


def test_production_is_not_emptied_by_accident(team: Team) -> None:
    """Emptying Production is shown, refused with what allows it, and done when that is given.

    Emptying Staging, which nothing forbids, does not wait for it.
    """
    team.versions(2)
    team.stages(Staging=2, Production=1)
    team.ok("apply")
    team.stages(Staging=None, Production=None)

    ran = team.run("apply")

    assert ran.code == 8
    assert "Production: 1 → empty" in ran.out
    assert "the guard empties-production refused wind Production" in ran.err
    assert "models.yaml:5" in ran.err
    assert (
        "pass --allow empties-production or set the label mlgitops/allow-empties-production"
        in ran.err
    )
    assert team.aliases() == {"production": 1}
    team.ok("apply", "--allow", "empties-production")
    assert team.aliases() == {}


DECLARED = "stages: [Staging, {name: champion, production: true}, Shadow]\n"


def emptied(stage: str, *, declared: str = DECLARED, to: str = "null") -> set[Guard]:
    """What guards say if a stage that an apply filled becomes `to`, or is not listed any more."""
    alias = stage.lower()
    stamp = Stamp(move=1, version=1, previous=None, commit="c", actor="ada", time=NOW.isoformat())
    stamps = {alias: {1: stamp}}
    held = Held(models={"wind": HeldModel(name="wind", aliases={alias: 1}, stamps=stamps)})
    stages = f"{stage}: {to}" if to else ""
    desired = loads(f"{declared}models: {{wind: {{stages: {{{stages}}}}}}}\n", "models.yaml")
    pending = diff(desired, held)
    assert [change.new for change in pending.changes] == [2 if to == "2" else None]
    return {one.guard for one in guards.objections(pending, desired, Terms(now=NOW))}


@pytest.mark.parametrize("to", ["null", ""], ids=["null", "unlisted"])
def test_every_stage_that_is_declared_as_production_is_guarded(to: str) -> None:
    """Not only Production; stages that are none may be emptied."""
    assert emptied("champion", to=to) == {Guard.EMPTIES_PRODUCTION}
    assert emptied("Shadow", to=to) == emptied("Staging", to=to) == set()
    assert emptied("champion", to="2") == set()


def test_a_stage_that_is_no_longer_declared_is_emptied_and_guarded() -> None:
    """Its own stamp claims it; nobody can say any more that it was not production."""
    assert emptied("champion", declared="", to="") == {Guard.EMPTIES_PRODUCTION}
    assert emptied("Production", to="") == {Guard.EMPTIES_PRODUCTION}


def test_a_label_allows_as_much_as_a_flag(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The label of a guard passes that guard and no other."""
    team.versions(1)
    team.stages(Production=1)
    team.ok("apply")
    team.stages(Production=None)
    monkeypatch.setenv("MLGITOPS_LABELS", "bug,mlgitops/allow-many-changes")
    assert objections(team) == [("empties-production", False)]
    monkeypatch.setenv("MLGITOPS_LABELS", "bug,mlgitops/allow-empties-production")
    assert objections(team) == [("empties-production", True)]
    assert "allowed" in team.ok("apply").out


def test_what_others_set_is_not_taken_over(team: Team) -> None:
    """A stage that mlgitops never set is taken over only when that is allowed."""
    team.versions(2)
    team.client.set_registered_model_alias("wind", "production", "2")
    team.stages(Production=1)
    assert objections(team) == [("unmanaged", False)]
    assert team.run("apply").code == 3
    team.ok("apply", "--allow", "unmanaged")
    assert team.aliases() == {"production": 1}
    team.client.set_registered_model_alias("wind", "production", "2")
    assert objections(team) == []  # drift: mlgitops had set it


def test_a_stale_plan_is_refused(team: Team) -> None:
    """If the registry or the file moved since the plan was shown, apply says what differs."""
    team.versions(3)
    team.stages(Staging=1)
    team.ok("apply")
    team.stages(Staging=2, Production=1)
    team.ok("plan", "--out", "plan.json")
    team.client.set_registered_model_alias("wind", "staging", "3")

    ran = team.run("apply", "--plan", "plan.json")

    assert ran.code == 3
    assert "no longer pending: wind Staging 1 → 2; now also pending: wind Staging 3 → 2" in ran.err
    assert team.aliases() == {"staging": 3}
    team.ok("plan", "--out", "plan.json")
    team.file.write_text(team.file.read_text() + "# more\n")
    assert "models.yaml has changed" in team.run("apply", "--plan", "plan.json").err
    team.ok("plan", "--out", "plan.json")
    team.ok("apply", "--plan", "plan.json")
    assert team.aliases() == {"staging": 2, "production": 1}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"kind": "plan", "version": 1}',
        '{"kind": "mlgitops plan", "version": 1, "digest": "x", "changes": [{"model": 1}]}',
        "[" * 100_000,
    ],
)
def test_a_file_that_is_no_plan(team: Team, content: str) -> None:
    """Anything else than a plan is one clear error, and nothing is changed."""
    team.versions(1)
    team.stages(Production=1)
    (team.folder / "plan.json").write_text(content)
    ran = team.run("apply", "--plan", "plan.json")
    assert ran.code == 1
    assert ran.err.count("error: plan.json is not a plan") == 1
    assert team.aliases() == {}


def test_a_plan_file_that_is_missing(team: Team) -> None:
    """A plan that is not there is named."""
    team.versions(1)
    team.stages(Production=1)
    assert "cannot read plan.json" in team.run("apply", "--plan", "plan.json").err


FROZEN = """\
models:
  wind:
    freeze: {{reason: turbine maintenance, until: {until}}}
    stages: {{Production: {version}}}
"""


def test_a_freeze_refuses_all_but_rollbacks_that_are_named(team: Team) -> None:
    """In a freeze drift heals, a named rollback passes, a promotion does not."""
    until = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    team.versions(2)
    for version in (1, 2):
        team.stages(Production=version)
        team.ok("apply")

    team.client.set_registered_model_alias("wind", "production", "1")
    team.write(FROZEN.format(until=until, version=2))
    team.ok("apply")
    assert team.aliases() == {"production": 2}

    team.write(FROZEN.format(until=until, version=1))
    ran = team.run("apply")
    assert ran.code == 3
    assert "guard freeze" in ran.err
    assert "models.yaml:3" in ran.err
    assert f"frozen until the end of {until} (UTC): turbine maintenance" in ran.err
    team.ok("apply", "--rollback")

    team.write(FROZEN.format(until=until, version=2))
    assert team.run("apply", "--rollback").code == 3
    team.ok("apply", "--allow", "freeze")


def test_a_freeze_of_the_whole_file_that_has_ended(team: Team) -> None:
    """A freeze ends by itself: its last day is still frozen, the day after is not.

    A time may be written as reports tell it.
    """
    team.versions(1)
    body = (
        "freeze: {{reason: holidays, until: {day}}}\n"
        "models: {{wind: {{stages: {{Production: 1}}}}}}\n"
    )
    today = datetime.now(UTC).date()
    team.write(body.format(day=today))
    assert objections(team) == [("freeze", False)]
    team.write(body.format(day=today - timedelta(days=1)))
    assert objections(team) == []
    for day, frozen in ((1, [("freeze", False)]), (-1, [])):
        team.write(body.format(day=when(datetime.now(UTC) + timedelta(days=day))))
        assert objections(team) == frozen


@pytest.mark.parametrize("until", ["tomorrow", "2026-13-01", "2026-11-23T25:00", "9999-12-31"])
def test_when_a_freeze_ends_must_be_a_time(team: Team, until: str) -> None:
    """Anything but a day or a time is an error with its line."""
    team.write(FROZEN.format(until=until, version=1))
    ran = team.run("validate")
    assert ran.code == 1
    assert "models.yaml:3" in ran.err
    assert "must be a day such as 2026-12-24" in ran.err


def test_promote_leaves_a_freeze_alone(team: Team) -> None:
    """Editing a frozen file changes the version and nothing else."""
    team.write(FROZEN.format(until="2026-12-24", version=1))
    before = team.file.read_text()
    team.ok("promote", "wind", "Production", "2")
    assert team.file.read_text() == before.replace("Production: 1", "Production: 2")


def proposed(held: dict[str, int], wanted: dict[str, int], count: int) -> tuple[Plan, Desired]:
    """The plan of `count` models that all hold and want the same."""
    pairs = ", ".join(f"{stage}: {version}" for stage, version in wanted.items())
    models = "\n".join(f"  m{i}: {{stages: {{{pairs}}}}}" for i in range(count))
    desired = loads(f"models:\n{models}\n{declaring(wanted)}", "models.yaml")
    aliases = {stage.lower(): version for stage, version in held.items()}
    actual = Held(
        models={
            f"m{i}": HeldModel(name=f"m{i}", aliases=aliases, classic={}, stamps={})
            for i in range(count)
        }
    )
    return diff(desired, actual), desired


@given(
    held=SHARED, wanted=SHARED, count=st.integers(1, 12), allowed=st.sets(st.sampled_from(Guard))
)
def test_what_is_allowed_does_not_refuse(
    held: dict[str, int], wanted: dict[str, int], count: int, allowed: set[Guard]
) -> None:
    """An allowed guard is reported and does not refuse; an empty plan meets no objection."""
    pending, desired = proposed(held, wanted, count)
    terms = Terms(now=NOW, permission=by_flags(allowed))
    found = guards.objections(pending, desired, terms)
    assert all(one.allowed == (one.guard in allowed) for one in found)
    assert found == () or pending.changes
    many = pending.stages >= 10 and len(pending.changes) > 0.3 * pending.stages
    assert (Guard.MANY_CHANGES in {one.guard for one in found}) == many


def test_healing_is_not_held_up_by_guards_that_count_changes(team: Team) -> None:
    """All stages of a file were moved by hand, and are healed by one apply."""
    names = [f"m{number}" for number in range(10)]
    for name in names:
        team.versions(2, name)
    lines = [f"  {name}: {{stages: {{Shadow: 1}}}}" for name in names]
    team.write("\n".join(["models:", *lines, declaring(["Shadow"])]))
    team.ok("apply", "--allow", "many-changes")
    for name in names:
        team.client.set_registered_model_alias(name, "shadow", "2")
    team.ok("apply")
    assert {team.aliases(name)["shadow"] for name in names} == {1}


def test_what_mlgitops_emptied_is_emptied_again(team: Team) -> None:
    """Somebody filled Production by hand; the heal needs no permission to empty it."""
    team.versions(1)
    team.stages(Production=1)
    team.ok("apply")
    team.stages(Production=None)
    team.ok("apply", "--allow", "empties-production")
    team.client.set_registered_model_alias("wind", "production", "1")
    assert "corrects drift" in team.ok("plan").out
    team.ok("plan", "--quick", "--report", "plan.html")
    page = (team.folder / "plan.html").read_text()
    assert " left it empty, " in page
    assert "last moved by" not in page  # nobody knows who did
    team.ok("apply")
    assert team.aliases() == {}


def test_many_changes_hold_no_rollback(team: Team, tmp_path: Path) -> None:
    """The promotions wait until they are allowed; those of a pull request that is do not count."""
    names = [f"m{number}" for number in range(10)]
    for name in names:
        team.versions(2, name)

    def declare(**versions: int) -> None:
        lines = [f"  {name}: {{stages: {{Shadow: {versions.get(name, 1)}}}}}" for name in names]
        team.write("\n".join([declaring(["Shadow"]), "models:", *lines, ""]))

    declare(m0=2)
    team.ok("apply", "--allow", "many-changes")
    declare(m0=1)
    team.ok("apply")
    declare(m0=2)
    team.ok("apply")
    declare(m1=2, m2=2, m3=2, m4=2)
    ran = team.run("apply")
    assert ran.code == 8
    assert "the guard many-changes refused the plan: 4 of 10 stages would change" in ran.err
    assert [team.aliases(name)["shadow"] for name in names[:5]] == [1, 1, 1, 1, 1]

    allowed = Author(
        commit="c0ffee", actor="ada", labels=frozenset({"mlgitops/allow-many-changes"})
    )
    entries.write(tmp_path / "authors.json", [allowed])
    team.ok("apply", "--commit", "c0ffee", "--authors", str(tmp_path / "authors.json"))
    assert [team.aliases(name)["shadow"] for name in names[:5]] == [1, 2, 2, 2, 2]
