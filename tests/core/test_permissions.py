"""What allows a change that a guard refuses: exceptions in models.yaml, and what they do not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core import guards
from mlgitops.core.diff import diff
from mlgitops.core.guards import Terms
from mlgitops.core.held import Held, HeldModel
from mlgitops.core.permissions import Guard, Permission, by_exceptions, by_flags, by_labels
from mlgitops.core.stamp import Stamp
from mlgitops.errors import DesiredStateError
from mlgitops.file.load import loads
from tests.history.test_stays import commit

if TYPE_CHECKING:
    from tests.team import Team

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OF_MODEL = [one for one in Guard if one not in {Guard.STALE_PLAN, Guard.MANY_CHANGES}]
SOON = (datetime.now(UTC) + timedelta(days=2)).date()
PAST = (datetime.now(UTC) - timedelta(days=1)).date()


def exception(guard: str, until: date = SOON) -> str:
    """An entry of `allow`."""
    return f"[{{guard: {guard}, reason: retired, until: {until}}}]"


def two(*, whole: str = "[]", solar: str = "[]") -> str:
    """Two models whose Production is to be empty."""
    return (
        f"version: 2\nallow: {whole}\nmodels:\n"
        "  wind:\n    stages: {Production: null}\n"
        f"  solar:\n    allow: {solar}\n    stages: {{Production: null}}\n"
    )


def allowed_by(text: str) -> dict[str | None, str]:
    """What allows each change that empties Production, by model; empty if nothing does."""
    stamp = Stamp(move=1, version=1, previous=None, commit="c", actor="ada", time=NOW.isoformat())
    stamps = {"production": {1: stamp}}
    held = Held(
        models={
            name: HeldModel(name=name, aliases={"production": 1}, stamps=stamps)
            for name in ("wind", "solar")
        }
    )
    desired = loads(text, "models.yaml")
    terms = Terms(now=datetime.now(UTC))
    said = guards.objections(diff(desired, held), desired, terms)
    assert {one.guard for one in said} == {Guard.EMPTIES_PRODUCTION}
    return {one.model: one.allowed_by for one in said}


def test_an_exception_allows_the_changes_of_its_model_only() -> None:
    """One of the file allows those of all; what allows them is told with line, reason and end."""
    said = f"retired, until {SOON}"
    assert allowed_by(two()) == {"wind": "", "solar": ""}
    assert allowed_by(two(solar=exception("empties-production"))) == {
        "wind": "",
        "solar": f"models.yaml:7: {said}",
    }
    everywhere = f"models.yaml:2: {said}"
    assert allowed_by(two(whole=exception("empties-production"))) == {
        "wind": everywhere,
        "solar": everywhere,
    }
    assert allowed_by(two(whole=exception("freeze"), solar=exception("takeover")))["solar"] == ""


def test_an_exception_ends_by_itself() -> None:
    """Its last day counts whole, in UTC, as that of a freeze does; a time counts to the minute."""
    for until, last in (
        ("2026-12-31", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-12-31T18:00Z", datetime(2026, 12, 31, 17, 59, 59, tzinfo=UTC)),
    ):
        text = two(solar=f"[{{guard: freeze, reason: x, until: {until}}}]")
        desired = loads(text, "models.yaml")
        assert Guard.FREEZE in by_exceptions(desired, last, "solar").guards
        assert not by_exceptions(desired, last + timedelta(seconds=1), "solar").guards


@given(guard=st.sampled_from(OF_MODEL), days=st.integers(-400, 400), text=st.text(min_size=1))
def test_whatever_is_written_as_an_exception(guard: Guard, days: int, text: str) -> None:
    """It allows its guard and no other, until its day is over; its reason is any text."""
    day = (NOW + timedelta(days=days)).date()
    reason = '"' + "".join(f"\\U{ord(one):08x}" for one in text) + '"'
    listed = f"[{{guard: {guard}, reason: {reason}, until: {day}}}]"
    desired = loads(two(solar=listed), "models.yaml")
    (one,) = desired.models["solar"].allow
    assert (one.guard, one.reason, one.where.line) == (guard, text, 7)
    assert set(by_exceptions(desired, NOW, "solar").guards) == ({guard} if days >= 0 else set())
    assert by_exceptions(desired, NOW, "wind") == by_exceptions(desired, NOW) == Permission()


@given(
    flags=st.sets(st.sampled_from(Guard)),
    labels=st.sets(st.sampled_from(Guard)),
    others=st.sets(st.text()),
    who=st.sampled_from(["", "@rita"]),
)
def test_flags_and_labels_allow_what_they_name(
    flags: set[Guard], labels: set[Guard], others: set[str], who: str
) -> None:
    """Together they allow what either does, and labels of other names nothing."""
    names = {f"mlgitops/allow-{guard}{who}" for guard in labels}
    permission = by_labels(names | others) | by_flags(flags)
    assert set(permission.guards) == flags | labels
    assert permission.rollback is None
    assert by_labels({f"mlgitops/rollback{who}"}).rollback is not None


def test_what_the_review_allowed_is_applied_and_recorded(team: Team) -> None:
    """Without a flag; report, record and stamp say what allowed it."""
    team.versions(2)
    team.write("version: 2\nmodels: {wind: {stages: {Staging: 1, Production: 1}}}\n")
    team.ok("apply")
    file = (
        "version: 2\nmodels:\n  wind:\n"
        f"    allow: {exception('empties-production')}\n"
        "    stages: {Staging: 2, Production: null}\n"
    )
    team.write(file)
    said = f"models.yaml:4: retired, until {SOON}"
    assert f"allowed by {said}" in team.ok("plan", "--format", "markdown").out

    ran = team.ok("apply", "--format", "json")

    assert [(one["allowed"], one["allowed_by"]) for one in ran.document["guards"]] == [(True, said)]
    stamp = team.tag(1, "Production")
    assert stamp is not None
    assert stamp["allowed"] == f"empties-production: models.yaml:4 until {SOON}"
    assert "allowed" not in (team.tag(2, "Staging") or {})
    team.ok("history", "--export", "audit.json")
    assert said in (team.folder / "audit.json").read_text()
    team.ok("promote", "wind", "Staging", "1")
    assert team.file.read_text() == file.replace("Staging: 2", "Staging: 1")


def test_an_exception_that_ended_is_an_error_where_it_is_reviewed(team: Team) -> None:
    """Validate and plan fail and name it; what applies or looks goes on, and warns.

    Where the base has it as well, another pull request does not fail because of it.
    """
    team.versions(2)
    file = (
        "version: 2\nmodels:\n  wind:\n"
        f"    allow: {exception('empties-production', PAST)}\n"
        "    stages: {Production: 1}\n"
    )
    team.write(file)
    said = f"models.yaml:4:13: wind: the exception to empties-production ended {PAST}"
    for arguments in (("validate",), ("plan", "--out", "plan.json")):
        ran = team.run(*arguments)
        assert ran.code == 1
        assert f"error: {said}" in ran.err
    for arguments in (("apply", "--plan", "plan.json"), ("status",)):
        assert f"warning: {said}" in team.ok(*arguments).err
    assert team.aliases() == {"production": 1}

    commit(team, "Merge it", day=1)
    team.write(file.replace("Production: 1", "Production: 2"))
    for verb in ("validate", "plan"):
        assert f"warning: {said}" in team.ok(verb, "--base", "HEAD").err
    team.write(file.replace("retired", "renewed"))
    assert f"error: {said}" in team.run("validate", "--base", "HEAD").err
    team.write(file.replace("1}", "null}"))
    assert "the guard empties-production refused wind Production" in team.run("apply").err


def test_an_exception_is_under_review_as_what_it_allows_is(team: Team) -> None:
    """A pull request that only adds an exception answers for the change that it lets through."""
    team.versions(1)
    file = "version: 2\nmodels:\n  wind:\n    stages: {Production: 1}\n"
    team.write(file)
    team.ok("apply")
    team.write(file.replace("1}", "null}"))
    commit(team, "Empty it, which is refused", day=1)
    team.write(file.replace("1}", f"null}}\n    allow: {exception('freeze')}"))
    ran = team.run("plan", "--base", "HEAD", "--format", "json")
    assert ran.code == 3
    assert [one["pending_before"] for one in ran.document["changes"]] == [False]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("[{guard: emptes-production, reason: x, until: 2026-12-31}]",
         "unknown guard 'emptes-production'; did you mean 'empties-production'?"),
        ("[{guard: all, reason: x, until: 2026-12-31}]",
         "unknown guard 'all'; the guards are empties-production,"),
        ("[{guard: stale-plan, reason: x, until: 2026-12-31}]",
         "an exception cannot allow 'stale-plan'; plan again instead"),
        ("[{guard: many-changes, reason: x, until: 2026-12-31}]",
         "'many-changes' judges the plan as a whole; move the exception to the top of the file"),
        ("[{guard: freeze, until: 2026-12-31}]", "missing key 'reason'; add it"),
        ("[{guard: freeze, reason: '', until: 2026-12-31}]", "must not be empty"),
        ("[{guard: freeze, reason: x}]", "missing key 'until'; add it"),
        ("[{guard: freeze, reason: x, until: never}]", "must be a day such as 2026-12-24"),
        ("[{guard: freeze, reason: x, untill: 2026-12-31}]",
         "unknown key 'untill'; did you mean 'until'?"),
        ("{guard: freeze}", "must be a list, got a mapping"),
        ("[{guard: freeze, reason: x, until: 2026-12-31}, "
         "{guard: freeze, reason: y, until: 2027-12-31}]",
         "'freeze' is allowed in line 6 already; keep one"),
    ],
)  # fmt: skip
def test_an_entry_that_is_wrong(entries: str, said: str) -> None:
    """One error with its line, its model and what to write."""
    with pytest.raises(DesiredStateError) as caught:
        loads(two(solar=entries).replace("allow: []\n", "", 1), "models.yaml")
    found = [one for one in caught.value.problems if said in one.message]
    assert [(one.model, one.where and one.where.line) for one in found] == [("solar", 6)]


def test_exceptions_need_form_2() -> None:
    """An older mlgitops would refuse the file; the error says what to write."""
    with pytest.raises(DesiredStateError, match="'allow' needs form 2; write 'version: 2'"):
        loads(two(whole=exception("many-changes")).removeprefix("version: 2\n"), "models.yaml")
