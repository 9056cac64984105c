"""The issue about drift: stages that are not as declared, and those that are served otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mlgitops.deploy.values import Action, Step
from mlgitops.github import drift

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def step(action: Action, old: str = "1", trouble: str = "") -> Step:
    """A step in one place."""
    return Step(
        action=action,
        deployment="edge",
        place="ssh://edge-1",
        model="wind",
        stage="Production",
        old=old,
        new="2",
        details=("replicas: 2 → 3",),
        trouble=trouble,
    )


def test_a_stage_that_is_served_otherwise_is_told() -> None:
    """Where, what should be and is, what else differs, and since when that is so."""
    found = [step(Action.REPLACE)]
    text = drift.text([], "", NOW, found)
    assert drift.title([], found) == "Drift: 1 stage not served as declared in models.yaml"
    shown = text.replace("&#8203;", "")  # which keeps GitHub from making links
    row = "| edge | ssh://edge-1 | wind | Production | 2 | 1 | replicas: 2 → 3 | "
    assert row + NOW.isoformat() in shown
    later = NOW + timedelta(hours=1)
    assert drift.text([], text, later, found) == text
    assert drift.text([], text, later, [step(Action.REPLACE, old="3")]) != text


def test_a_place_that_does_not_answer_is_no_drift() -> None:
    """Nobody can say what it serves; it is told elsewhere."""
    silent = step(Action.NOTHING, trouble="ssh://edge-1 does not answer")
    assert drift.behind([silent, step(Action.NOTHING), step(Action.PRUNE)]) == (step(Action.PRUNE),)
