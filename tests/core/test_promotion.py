"""Which version a rule of promotion proposes for a stage."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.core.held import HeldModel
from mlgitops.core.promotion import Known, Pick, pick
from mlgitops.core.version import Version
from mlgitops.file.load import loads
from tests.gates.cases import after, stamp

if TYPE_CHECKING:
    from mlgitops.core.stamp import Stamp

TEXT = """
version: 2
stages: [Staging, Production]
models:
  wind:
    gates: {{Production: [{gates}]}}
    stages: {{Staging: {staging}, Production: {production}}}
    promote: {{{stage}: {rule}}}
    blocked: {{{blocked}}}
"""


def chosen(
    rule: str,
    stage: str = "Production",
    *,
    staging: int | None = 2,
    production: int | None = 1,
    gates: str = "",
    count: int = 4,
    blocked: str = "",
    aliases: dict[str, int] | None = None,
    stamps: dict[str, dict[int, Stamp]] | None = None,
    hours: float = 0,
    **versions: dict[int, Any],
) -> Pick:
    """What a rule chooses, `hours` after the start, of `count` versions.

    The registry holds what the file says, but for `aliases`; `versions` may have `tags`, `status`
    and `metrics` by number.
    """
    desired = loads(
        TEXT.format(
            rule=rule,
            stage=stage,
            gates=gates,
            blocked=blocked,
            staging="null" if staging is None else staging,
            production="null" if production is None else production,
        ),
        "models.yaml",
    )
    declared = {"staging": staging, "production": production}
    now = {a: n for a, n in {**declared, **(aliases or {})}.items() if n is not None}
    held = HeldModel(name="wind", aliases=now, stamps=MappingProxyType(stamps or {}))
    tags, states = versions.get("tags", {}), versions.get("status", {})
    known = Known(
        held=held,
        versions={
            number: Version(
                number=number,
                status=states.get(number, "READY"),
                tags=tags.get(number, {}),
            )
            for number in range(1, count + 1)
        },
        metrics=versions.get("metrics", {}),
    )
    model = desired.models["wind"]
    return pick(model, stage, model.promote[stage], desired.stages, known, after(hours))


@pytest.mark.parametrize(
    ("version", "case"),
    [
        (4, {}),
        (3, {"status": {4: "PENDING_REGISTRATION"}}),
        (None, {"staging": 4}),
        (None, {"aliases": {"staging": 4}}),
        (3, {"production": 4}),
        (4, {"staging": None}),
        (None, {"count": 2}),
        (3, {"blocked": "4: leaks the future"}),
    ],
)
def test_the_newest_is_ready_newer_and_not_beyond(
    version: int | None, case: dict[str, Any]
) -> None:
    """Newer than what the stage has, or is to have; not in a stage after it already."""
    assert chosen("newest", "Staging", **case).version == version


def test_what_was_rolled_back_is_not_proposed_again() -> None:
    """Nor what is older: only a version that is newer than all that the stage has held."""
    left = {"staging": {2: stamp(3, 2, 4, 2), 4: stamp(2, 4, 2, 1)}}
    found = chosen("newest", "Staging", stamps=left)
    assert found == Pick(version=None, why="no newer version by the rule 'newest'")
    assert chosen("newest", "Staging", stamps=left, count=5).version == 5


def test_an_alias_names_the_version() -> None:
    """In whichever case it is spelled; one that is moved back proposes nothing."""
    assert chosen("{alias: candidate}", aliases={"Candidate": 3}).version == 3
    assert chosen("{alias: candidate}", aliases={"candidate": 1}).version is None
    assert chosen("{alias: candidate}").version is None


def test_a_tag_admits_a_version() -> None:
    """Any value, or the one that is asked for; the newest of all that have it."""
    tags: dict[int, Any] = {2: {"approved": "yes"}, 3: {"approved": "no"}, 4: {"other": "yes"}}
    assert chosen("{tag: approved}", tags=tags).version == 3
    assert chosen("{tag: approved, value: 'yes'}", tags=tags).version == 2


def test_a_metric_chooses_the_best() -> None:
    """By the way that the name tells or the rule says; never one that is no better than now."""
    mae: dict[int, Any] = {n: {"test_mae": v} for n, v in ((1, 5.0), (2, 3.0), (3, 4.0), (4, 3.0))}
    assert chosen("{metric: test_mae}", metrics=mae).version == 4
    assert chosen("{metric: test_mae, better: higher}", metrics=mae).version is None
    odd: dict[int, Any] = {1: {"revenue": 1.0}, 2: {}, 3: {"revenue": float("nan")}}
    assert chosen("{metric: revenue, better: higher}", metrics=odd).version is None
    errors = {1: {"neg_mean_absolute_error": -1.0}, 2: {"neg_mean_absolute_error": -3.0}}
    assert chosen("{metric: neg_mean_absolute_error}", metrics=errors).version is None


def test_a_version_comes_from_another_stage_once_it_has_soaked() -> None:
    """The gate's soak is the wait, and the reason says how much of it is left."""
    stamps = {"staging": {2: stamp(1, 2, None, 0)}}
    gates = "{promoted_from: Staging, soak: 24h}"
    waiting = chosen("{from: Staging}", gates=gates, stamps=stamps, hours=23)
    assert waiting.version is None
    assert "version 2 has to wait" in waiting.why
    assert waiting.why.endswith("1h left, until 2026-11-02 12:00 UTC")
    assert chosen("{from: Staging}", gates=gates, stamps=stamps, hours=24).version == 2


def test_a_version_that_soaked_need_not_be_there_any_more() -> None:
    """A stage that gets a version every day passes on the newest that stayed long enough."""
    stamps = {"staging": {2: stamp(1, 2, None, 0), 3: stamp(2, 3, 2, 30), 4: stamp(3, 4, 3, 40)}}
    gates = "{promoted_from: Staging, soak: 24h}"
    found = chosen("{from: Staging}", gates=gates, staging=4, stamps=stamps, hours=41)
    assert found.version == 2


def test_what_was_rolled_back_there_is_not_passed_on() -> None:
    """However long it had been there; what came back after it is."""
    stamps = {"staging": {3: stamp(1, 3, 2, 0), 2: stamp(2, 2, 3, 48)}}
    gates = "{promoted_from: Staging, soak: 1h}"
    assert chosen("{from: Staging}", gates=gates, stamps=stamps, hours=50).version == 2


def test_what_was_put_there_by_hand_is_not_passed_on() -> None:
    """Drift is for people to look at."""
    assert chosen("{from: Staging}", aliases={"staging": 3}).version is None
    assert chosen("{from: Staging}").version == 2


def test_every_rule_waits_for_the_gates_that_ask_for_a_stage() -> None:
    """The first that they let pass is proposed; a gate that only warns makes none wait."""
    stamps = {"staging": {2: stamp(1, 2, None, 0)}}
    gate = "{promoted_from: Staging}"
    assert chosen("newest", gates=gate, stamps=stamps).version == 2
    assert (
        chosen("newest", gates="{promoted_from: Staging, mode: warn}", stamps=stamps).version == 4
    )
