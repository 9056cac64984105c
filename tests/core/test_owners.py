"""Several repositories on one server: each manages its own stages and leaves the others alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.history.owner import of_remote
from tests.team import declaring

if TYPE_CHECKING:
    from tests.team import Ran, Team

A, B = "acme/a", "acme/b"


def declare(team: Team, owner: str, **models: dict[str, int | None]) -> None:
    """What an owner's file says now."""
    lines = [f"owner: {owner}", "models:" if models else "models: {}"]
    for name, stages in models.items():
        pairs = ", ".join(f"{s}: {'null' if v is None else v}" for s, v in stages.items())
        lines.append(f"  {name}: {{stages: {{{pairs}}}}}")
    team.write("\n".join(lines) + "\n" + declaring(s for one in models.values() for s in one))


def states(team: Team) -> dict[tuple[str, str], tuple[str, str]]:
    """Model and stage → state and note."""
    found = team.ok("status", "--format", "json").document["stages"]
    return {(s["model"], s["stage"]): (s["state"], s["note"]) for s in found}


def test_a_stamp_names_who_manages_the_stage(team: Team) -> None:
    """The file's owner, as it is written."""
    team.versions(1)
    declare(team, A, wind={"Production": 1})
    team.ok("apply")
    stamp = team.tag(1, "Production")
    assert stamp is not None
    assert stamp["owner"] == A


def test_one_repository_does_not_empty_another_s_stages(team: Team) -> None:
    """What B's file does not list is A's; B sees it as managed elsewhere."""
    team.versions(2)
    team.versions(1, "solar")
    declare(team, A, wind={"Production": 1, "Staging": 2})
    team.ok("apply")
    declare(team, B, solar={"Production": 1})
    team.ok("apply")
    assert team.aliases() == {"production": 1, "staging": 2}
    assert states(team)["wind", "Production"] == ("managed elsewhere", f"managed by {A}")
    declare(team, B)
    team.ok("apply", "--allow", "empties-production")
    assert team.aliases() == {"production": 1, "staging": 2}
    assert team.aliases("solar") == {}


def test_a_stage_of_another_owner_is_taken_over_by_name_only(team: Team) -> None:
    """The guard says whose it is; afterwards it belongs to the new owner, and A sees that."""
    team.versions(2)
    declare(team, A, wind={"Production": 1})
    team.ok("apply")
    declare(team, B, wind={"Production": 2})
    ran = team.run("apply", "--allow", "unmanaged")
    assert ran.code == 3
    assert "models.yaml:3:19: the guard takeover refused wind Production: " in ran.err
    assert f"{A} manages this stage" in ran.err
    team.ok("apply", "--allow", "takeover")
    assert team.aliases() == {"production": 2}
    declare(team, A, wind={"Production": 1})
    assert team.run("apply").code == 3
    declare(team, A)
    team.ok("apply", "--allow", "empties-production")
    assert team.aliases() == {"production": 2}


def test_what_another_owner_has_as_desired_is_left_alone(team: Team) -> None:
    """Two files that agree change nothing, and the stamp stays the first one's."""
    team.versions(1)
    declare(team, A, wind={"Production": 1})
    team.ok("apply")
    declare(team, B, wind={"Production": 1})
    assert team.run("plan", "--exit-code").code == 0
    assert states(team)["wind", "Production"] == ("managed elsewhere", f"managed by {A}")


def test_a_stage_that_its_owner_emptied_is_free(team: Team) -> None:
    """Another owner fills it without a guard."""
    team.versions(1)
    declare(team, A, wind={"Shadow": 1})
    team.ok("apply")
    declare(team, A, wind={"Shadow": None})
    team.ok("apply")
    declare(team, B, wind={"Shadow": 1})
    team.ok("apply")
    assert team.aliases() == {"shadow": 1}


def test_a_stamp_without_an_owner_counts_as_unmanaged(team: Team) -> None:
    """Nobody knows whose it was: it is left alone, and replaced only if that is allowed."""
    team.versions(2)
    declare(team, A, wind={"Production": 1})
    team.ok("apply")
    stamp = team.tag(1, "Production")
    assert stamp is not None
    team.set_tag(1, "Production", {**stamp, "owner": ""})
    declare(team, A, wind={"Production": 2})
    assert "mlgitops did not put version 1" in team.run("apply").err
    declare(team, A)
    team.ok("apply")
    assert team.aliases() == {"production": 1}


def test_a_file_that_lists_less_says_so(team: Team) -> None:
    """The plan names the file that no longer lists a stage."""
    team.versions(1)
    declare(team, A, wind={"Staging": 1})
    team.ok("apply")
    declare(team, A)
    assert "no longer in models.yaml" in team.ok("plan").out


@pytest.mark.xdist_group("server")
def test_on_a_server_somebody_must_be_named(remote: Team) -> None:
    """Git's origin says it; without one, `owner:` does; with neither it is an error."""
    remote.versions(1)
    remote.stages(Production=1)
    remote.ok("apply")
    stamp = remote.tag(1, "Production")
    assert stamp is not None
    assert stamp["owner"] == "git.example.org/wind/models"

    (remote.folder / ".git" / "config").unlink()
    ran: Ran = remote.run("plan")
    assert ran.code == 1
    assert "models.yaml does not say who manages its stages" in ran.err
    declare(remote, "git.example.org/wind/models", wind={"Production": 1})
    assert remote.run("plan", "--exit-code").code == 0


@pytest.mark.parametrize(
    "remote_address",
    [
        "https://github.com/Acme/farm-models.git",
        "https://ada:token@github.com/acme/farm-models",
        "git@github.com:acme/farm-models.git",
        "ssh://git@github.com:22/acme/farm-models.git/",
        "GIT@GITHUB.COM:ACME/FARM-MODELS",
    ],
)
def test_an_origin_has_one_name_however_it_is_spelled(remote_address: str) -> None:
    """Host and path in lower case, without scheme, user, port and .git."""
    assert of_remote(remote_address) == "github.com/acme/farm-models"


def test_a_variable_names_the_owner_where_the_file_does_not(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLGITOPS_OWNER comes before git's origin, and after `owner:`."""
    team.versions(2)
    monkeypatch.setenv("MLGITOPS_OWNER", B)
    team.stages(Production=1)
    team.ok("apply")
    declare(team, A, wind={"Production": 1, "Staging": 2})
    team.ok("apply")
    stamps = [team.tag(1, "Production"), team.tag(2, "Staging")]
    assert [stamp and stamp["owner"] for stamp in stamps] == [B, A]
