"""plan, apply, status and train for some models, by names and patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.proxy import Proxy
    from tests.team import Team

NAMES = ("churn-eu", "churn-us", "wind")


@pytest.fixture
def three(team: Team) -> Team:
    """Three models that are to be promoted."""
    for name in NAMES:
        team.versions(1, name)
    team.write("models:\n" + "".join(f"  {n}: {{stages: {{Production: 1}}}}\n" for n in NAMES))
    return team


def test_only_the_models_that_are_named(three: Team) -> None:
    """A name, a pattern, several; the others stay as they are."""
    planned = three.ok("plan", "wind", "--format", "json").document["changes"]
    assert {change["model"] for change in planned} == {"wind"}
    three.ok("apply", "churn-*")
    assert [three.aliases(name) for name in NAMES] == [{"production": 1}, {"production": 1}, {}]
    stages = three.ok("status", "churn-e?", "wind", "--format", "json").document["stages"]
    assert {(s["model"], s["state"]) for s in stages} == {
        ("churn-eu", "in sync"),
        ("wind", "pending"),
    }


def test_only_stages_in_some_states_are_shown(three: Team) -> None:
    """All are counted, in the last line; a state that there is not is an error that names all."""
    three.ok("apply", "churn-*")
    lines = three.ok("status", "--only", "drift, pending").out.splitlines()
    assert [line.split()[:2] for line in lines[1:-2]] == [["wind", "Production"]]
    assert lines[-1] == "3 stages: 2 in sync, 1 pending."
    nothing = three.ok("status", "--only", "drift")
    assert nothing.out.splitlines()[0] == "No such stages."
    stages = three.ok("status", "--only", "pending", "--format", "json").document["stages"]
    assert [one["model"] for one in stages] == ["wind"]
    ran = three.run("status", "--only", "drifted")
    assert ran.code == 64
    known = "in sync, pending, drift, unmanaged, managed elsewhere"
    assert f"--only: no state 'drifted'; choose from {known}" in ran.err


def test_a_plan_shows_changes_in_some_states(three: Team) -> None:
    """What was moved by hand, what is refused, or is asked for; all are counted, and decide."""
    three.ok("apply", "churn-*")
    three.client.delete_registered_model_alias("churn-eu", "production")
    ran = three.run("plan", "--only", "drift")
    assert "churn-eu\n  = Production" in ran.out
    assert "wind" not in ran.out
    assert "1 change in other states: to see them, run without --only." in ran.out
    assert "2 changes" in ran.out.splitlines()[-1]
    assert "wind\n  + Production" in three.run("plan", "--only", "pending").out
    nothing = three.run("plan", "--only", "refused").out
    assert nothing.startswith("No change is refused.\n\n2 changes in other states")
    text = three.file.read_text()
    three.write(
        text.replace("  wind: {", "  wind: {gates: {Production: [{metric: mae, max: 1}]}, ")
    )
    refused = three.run("plan", "--only", "refused")
    assert refused.code == 3
    assert "wind\n  + Production" in refused.out
    assert "churn-eu" not in refused.out
    ran = three.run("plan", "--only", "drift", "--format", "json")
    assert (ran.code, ran.err) == (
        64,
        "error: --only is for text; --format json shows all changes\n",
    )


def test_a_model_that_left_the_file_can_be_named(three: Team) -> None:
    """Its stages are emptied; those of others that left the file are not."""
    three.ok("apply")
    three.write("models: {}\n")
    three.ok("apply", "wind", "--allow", "empties-production")
    assert [three.aliases(name) for name in NAMES] == [{"production": 1}, {"production": 1}, {}]


@pytest.mark.parametrize("verb", ["plan", "apply", "status", "train"])
def test_a_name_that_matches_nothing(three: Team, verb: str) -> None:
    """An error with the nearest name, and nothing is done."""
    ran = three.run(verb, "churn-uk")
    assert ran.code == 64
    assert "no model 'churn-uk'; " in ran.err
    assert "did you mean 'churn-" in ran.err


@pytest.mark.xdist_group("server")
def test_one_model_costs_its_own_requests(remote: Team, proxied: Proxy) -> None:
    """Not the pages of a large registry."""
    remote.versions(1)
    remote.stages(Production=1)
    remote.ok("apply")
    proxied.reset()
    remote.ok("plan", "wind")
    assert [path.removeprefix("/api/2.0/mlflow/") for _, path in proxied.seen] == [
        "registered-models/get",
        "model-versions/search",
        "registered-models/search",  # for applies that are under way
    ]
