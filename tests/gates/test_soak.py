"""How long a version must have been in a stage before it may enter another."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core import gate as gating
from mlgitops.core.gate import Result
from tests.gates.cases import case, gates, stamp

if TYPE_CHECKING:
    from mlgitops.core.stamp import Stamp
    from tests.team import Team

GATED = """
models:
  wind:
    gates: {{Production: [{{promoted_from: Staging, soak: {soak}}}]}}
    stages: {{Staging: {staging}, Production: {production}}}
"""


def aged(team: Team, number: int, hours: float) -> None:
    """Let Staging's stamp on a version tell of an earlier time."""
    tag = team.tag(number, "Staging")
    assert tag is not None
    earlier = datetime.now(UTC) - timedelta(hours=hours)
    tag["time"] = earlier.strftime("%Y-%m-%dT%H:%M:%SZ")
    team.set_tag(number, "Staging", tag)


def test_a_version_waits_in_staging(team: Team) -> None:
    """It is refused until it has been there long enough, and the verdict says how long is left."""
    team.versions(1)
    team.stages(Staging=1)
    team.ok("apply")
    aged(team, 1, 23.5)
    team.write(GATED.format(soak="24h", staging=1, production=1))

    ran = team.run("plan")

    assert ran.code == 3
    assert "promoted_from Staging soak 24h" in ran.out
    assert "version 1 is or was in Staging for 24h in one stay" in ran.out
    assert re.search(r"in Staging since 20.{14} UTC: 23h 30m, 30m left, until 20.{14} UTC", ran.out)
    assert "wait until then and plan again, or" in team.run("plan", "--format", "markdown").out

    aged(team, 1, 24)
    assert re.search(r"passed .* in Staging since 20.{14} UTC: 1d *\n", team.ok("plan").out)


def test_status_says_what_a_stage_waits_for(team: Team) -> None:
    """The end of a soak, before and after somebody asks for the version, and that of a freeze."""
    team.versions(1)
    team.stages(Staging=1)
    team.ok("apply")
    aged(team, 1, 23.5)
    file = GATED.format(soak="24h", staging=1, production="null")
    waits = r"version 1 soaks in Staging until 20\d\d-\d\d-\d\d \d\d:\d\d UTC"

    def note(text: str) -> str | None:
        team.write(text)
        stages = team.ok("status", "--format", "json").document["stages"]
        (found,) = [one["note"] for one in stages if one["stage"] == "Production"]
        return found  # type: ignore[no-any-return]

    assert re.fullmatch(waits, note(file) or "")
    file = GATED.format(soak="24h", staging=1, production=1)
    assert re.fullmatch(waits, note(file) or "")
    frozen = "freeze: {until: 2999-12-31, reason: holidays}\n"
    said = "no changes until the end of 2999-12-31 (UTC): holidays"
    assert re.fullmatch(f"{waits}; {re.escape(said)}", note(f"{frozen}{file}") or "")
    aged(team, 1, 24)
    assert note(f"{frozen}{file}") == said
    for verb in ("plan", "status"):
        assert f"frozen: {said}\n" in team.run(verb).err
    assert note(file) is None


def test_a_stay_that_is_over_counts_until_the_next_move(team: Team) -> None:
    """The version left Staging when the next one came; how long ago that was does not matter."""
    team.versions(2)
    for version in (1, 2):
        team.stages(Staging=version)
        team.ok("apply")
    aged(team, 1, 30)
    aged(team, 2, 20)

    team.write(GATED.format(soak="10h", staging=2, production=1))
    assert re.search(r"since 20.{14} UTC until 20.{14} UTC: 10h *\n", team.ok("plan").out)

    team.write(GATED.format(soak="11h", staging=2, production=1))
    ran = team.run("plan")
    assert ran.code == 3
    assert re.search(r"since 20.{14} UTC until 20.{14} UTC: 10h, 1h left", ran.out)


def test_the_first_version_waits_too(team: Team) -> None:
    """Where no version was ever in a stage, a soak is not passed over: it begins."""
    team.versions(1)
    team.write(GATED.format(soak="30m", staging=1, production=1))
    ran = team.run("apply")
    assert ran.code == 8
    assert "it was never in Staging" in ran.out
    assert team.aliases() == {"staging": 1}


UNKNOWN = "it was in Staging, but no stamp says how long"


@pytest.mark.parametrize(
    ("staging", "stamps", "expected"),
    [
        (None, {}, "it was never in Staging"),
        (3, {3: stamp(1, 3, None, 0)}, "it was never in Staging"),
        (
            2,
            {},
            "it is in Staging, but no stamp says since when: it was not put there by mlgitops",
        ),
        (  # moved back by hand while version 3 was there
            2,
            {2: stamp(1, 2, None, 80), 3: stamp(2, 3, 2, 81)},
            "in Staging since 2026-11-04 20:00 UTC until 2026-11-04 21:00 UTC: 1h, 23h left",
        ),
        (3, {2: stamp(1, 2, None, 0)}, UNKNOWN),  # moved on by hand
        (None, {2: stamp(2, None, 2, 50)}, UNKNOWN),  # emptied: its stamp is of the end
        # version 3 came twice, and its first stamp, which ended the stay of 2, is gone
        (3, {2: stamp(1, 2, None, 0), 4: stamp(3, 4, 3, 60), 3: stamp(4, 3, 4, 70)}, UNKNOWN),
        (  # clocks that disagree make no stay longer
            3,
            {2: stamp(1, 2, None, 60), 3: stamp(2, 3, 2, 0)},
            "in Staging since 2026-11-04 00:00 UTC until 2026-11-01 12:00 UTC: 0m, 1d left",
        ),
        (  # it came a second time: the last stay counts
            2,
            {2: stamp(3, 2, 3, 90), 3: stamp(2, 3, 2, 50)},
            "in Staging since 2026-11-05 06:00 UTC: 10h, 14h left, until 2026-11-06 06:00 UTC",
        ),
    ],
)
def test_what_stamps_do_not_prove_fails(
    staging: int | None, stamps: dict[int, Stamp], expected: str
) -> None:
    """A stay counts as far as stamps tell both its ends, and the verdict says what is missing."""
    looked_at = case(2, hours=100, staging=staging, stamps=stamps)
    (verdict,) = gating.judge(gates("{promoted_from: Staging, soak: 24h}"), looked_at)
    assert (Result.FAILED, expected) == (verdict.result, verdict.actual)


@given(
    st.integers(1, 20_000), st.integers(-100, 40_000), st.sampled_from(["m", "h"]), st.booleans()
)
def test_a_soak_passes_at_its_very_minute_and_ever_after(
    amount: int, minutes: int, unit: str, over: bool
) -> None:
    """A stay passes if and only if it is as long as the soak, whether it lasts or is over."""
    hours, asked = minutes / 60, amount if unit == "m" else amount * 60
    stamps = {2: stamp(1, 2, None, 0)} | ({3: stamp(2, 3, 2, hours)} if over else {})
    looked_at = case(
        2, hours=hours + 1000 if over else hours, staging=3 if over else 2, stamps=stamps
    )
    (verdict,) = gating.judge(gates(f"{{promoted_from: Staging, soak: {amount}{unit}}}"), looked_at)
    assert (minutes >= asked) == (verdict.result is Result.PASSED)
    assert (minutes < asked) == ("left" in verdict.actual)
