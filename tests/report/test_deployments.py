"""What people are shown of deployments: plans, outcomes, and what serves."""

from __future__ import annotations

from mlgitops.deploy.values import Action, Outcome, Served, State, Step
from mlgitops.report import deployments, markdown


def step(action: Action = Action.REPLACE, trouble: str = "") -> Step:
    """A step."""
    return Step(
        action=action,
        deployment="edge",
        place="edge-1",
        model="wind",
        stage="Production",
        old="1",
        new="2",
        details=("replicas: 2 → 3",),
        trouble=trouble,
    )


def test_a_plan_shows_what_is_to_do_and_what_is_in_the_way() -> None:
    """Steps with nothing to do are not listed."""
    shown = deployments.planned([step(), step(Action.NOTHING), step(Action.NOTHING, "no answer")])
    assert (shown.result, shown.failed) == ("1 step to do, 1 trouble", True)
    rows = shown.parts[0].rows
    assert [row[4:] for row in rows] == [
        ["replace", "1", "2", "replicas: 2 → 3"],
        ["nothing", "1", "2", "replicas: 2 → 3; trouble: no answer"],
    ]
    assert deployments.planned([step(Action.NOTHING)]).result.startswith("nothing to do")


def test_an_outcome_is_one_line() -> None:
    """With the address and what is to be said of it; a failure is told with all the others."""
    done = Outcome(step=step(), url="http://h:1", remark="canary: 9 requests")
    assert deployments.line(done) == (
        "wind Production in edge-1: version 1 → 2: serves at http://h:1 (canary: 9 requests)"
    )
    failed = Outcome(step=step(), error="it never became ready\nversion 1 still serves")
    assert deployments.line(failed).endswith(": failed")
    shown = markdown.report(deployments.made([done, failed]))
    assert "serves at" in shown
    assert "it never became ready; version 1 still serves" in shown
    assert "1 step of 2 failed" in shown


def test_what_serves_beside_what_should() -> None:
    """How many are not as declared; a stage that is rightly empty is."""
    found = [
        Served(deployment="edge", place="h", model="wind", stage=state.value, state=state)
        for state in State
    ]
    part = deployments.served(found)
    assert part.words == "5 stages not served as declared, or not known."
    assert [row[4] for row in part.rows] == [state.value for state in State]
