"""Which versions nothing needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.history.test_stays import commit

if TYPE_CHECKING:
    from tests.proxy import Proxy
    from tests.team import Team


def listed(team: Team, *arguments: str) -> list[tuple[str, int]]:
    """What `mlgitops unused` lists."""
    document = team.ok("unused", "--format", "json", *arguments).document
    return [(one["model"], one["number"]) for one in document["versions"]]


def applied(team: Team, text: str) -> None:
    """Write, commit and apply a models.yaml."""
    team.write(text)
    commit(team, "Change a stage", day=1)
    team.ok("apply", "--allow", "unmanaged")


def test_versions_in_no_stage_rollback_or_recipe_are_unused(team: Team) -> None:
    """Whoever put a version into a stage, and whether the file lists the stage or not."""
    team.versions(9)
    recipes = "versions: {9: {train: power_forecasting}}"
    applied(team, f"models: {{wind: {{{recipes}, stages: {{Production: 1}}}}}}")
    applied(team, f"models: {{wind: {{{recipes}, stages: {{Production: 2, Staging: 3}}}}}}")
    team.client.set_registered_model_alias("wind", "by-hand", "4")
    team.move_by_hand(5, "Staging")
    team.move_by_hand(6, "Staging")  # 5 stays in the classic stage, though not as its latest
    team.move_by_hand(7, "Archived")
    assert listed(team) == [("wind", 7), ("wind", 8)]


def test_what_a_rollback_returns_to_is_needed_after_a_rollback_too(team: Team) -> None:
    """By git: 1 was before 2. By the stamp, 3 was replaced last: nobody deletes it at once."""
    team.versions(4)
    for version in (1, 2, 3, 2):
        applied(team, f"models: {{wind: {{stages: {{Production: {version}}}}}}}")
    assert listed(team) == [("wind", 4)]


def test_without_git_every_version_that_was_in_a_stage_is_needed(team: Team) -> None:
    """Nothing else tells to which of them a rollback returns."""
    team.versions(4)
    for version in (1, 2, 3):
        team.stages(Production=version)
        team.ok("apply")
    assert listed(team) == [("wind", 4)]
    assert "without git's history" in team.ok("unused").err


def test_models_of_others_and_prompts_are_left_out(team: Team) -> None:
    """models.yaml does not say what they are for; of its own, some can be named."""
    for model in ("wind", "solar", "theirs"):
        team.versions(2, model)
    team.client.register_prompt("a-prompt", "Say {{word}}")
    applied(team, "models: {wind: {stages: {Production: 2}}, solar: {stages: {Production: 1}}}")
    assert listed(team) == [("wind", 1), ("solar", 2)]
    assert listed(team, "sol*") == [("solar", 2)]
    assert "| wind | 1 | 2" in team.ok("unused", "wind", "--format", "markdown").out
    assert team.run("unused", "sun").code == 64


@pytest.mark.xdist_group("server")
def test_nothing_is_written_and_models_are_read_one_by_one_or_in_pages(
    remote: Team, proxied: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever is less: a page costs as much as many requests for one model."""
    for model in ("wind", "solar"):
        remote.versions(2, model)
    applied(remote, "models: {wind: {stages: {Production: 2}}, solar: {stages: {Production: 1}}}")
    proxied.reset()
    assert listed(remote) == [("wind", 1), ("solar", 2)]
    assert [method for method, _ in proxied.seen] == ["GET"] * 5

    monkeypatch.setattr("mlgitops.registry.registry._PAGE_COSTS", 2)
    proxied.reset()
    assert listed(remote) == [("wind", 1), ("solar", 2)]
    assert len(proxied.seen) == 4
    monkeypatch.setattr("mlgitops.registry.registry.VERSIONS_A_PAGE", 2)
    assert listed(remote) == [("wind", 1), ("solar", 2)]
