"""Pins: a payload that was overwritten in the store is refused wherever it would be used."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlgitops.file.load import load
from mlgitops.registry.digest import of_folder

if TYPE_CHECKING:
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("farm")

WIND = "power-forecasting-model"
OWN = 4  # the version whose payload is this test's own
WRONG = f"sha256:{'0' * 64}"


def payload(farm: Team, number: int) -> Path:
    """Where a version's payload lies in the store."""
    uri = farm.client.get_model_version_download_uri(WIND, str(number))
    if uri.startswith("models:/"):
        uri = farm.client.get_logged_model(uri.removeprefix("models:/")).artifact_location
    return Path(uri.removeprefix("file://"))


@pytest.fixture
def own(farm: Team) -> Path:
    """The payload of version 4, a copy of that of version 2 which a test may overwrite."""
    folder = farm.folder / "store" / "model"
    shutil.copytree(payload(farm, 2), folder)
    made = farm.client.create_model_version(WIND, str(folder), await_creation_for=0)
    assert int(made.version) == OWN
    return folder


def overwrite(farm: Team, folder: Path) -> None:
    """Put the payload of another version, which loads and serves, in the place of one."""
    shutil.rmtree(folder)
    shutil.copytree(payload(farm, 1), folder)


def test_an_overwritten_payload_is_refused_everywhere(
    farm: Team, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By each verb, naming both digests, before anything is started, built or changed."""
    farm.stages(WIND, Staging=OWN)
    farm.ok("apply")
    before = of_folder(own)
    farm.stages(WIND, Staging=OWN, Production=OWN)
    assert "Production version 4 is now pinned" in farm.ok("pin").out
    assert "matches its pin, in 2 stages" in farm.ok("pin", "--check").out
    farm.ok("plan")

    overwrite(farm, own)

    after = of_folder(own)
    monkeypatch.setenv("PATH", str(farm.folder))  # there is no docker
    expected = f"version 4 has the digest {after}, not the pinned {before}; its payload was"
    for planning in ("plan", "apply"):
        ran = farm.run(planning)
        assert ran.code == 3
        assert expected in ran.err
        assert expected in ran.out
    for verb in (
        ("serve", WIND, "Staging"),
        ("serve", WIND, str(OWN)),
        ("smoke", WIND, "Staging"),
        ("image", "build", WIND, "Staging"),
        ("image", "build", WIND, str(OWN)),
        ("pin", "--check"),
        ("pin",),
    ):
        ran = farm.run(*verb)
        assert (ran.code, ran.out) == (1, ""), verb
        assert expected in ran.err, verb
    compared = farm.ok("compare", WIND, "1", str(OWN), "--format", "json").document
    assert compared["new"]["artifact"] is None
    assert expected in compared["trouble"]
    assert farm.aliases(WIND) == {"staging": OWN}


def test_check_names_all_at_once(farm: Team) -> None:
    """Each has its line, model, stage and both digests; a deleted version is named as well."""
    right = of_folder(payload(farm, 1))
    farm.write(
        f"""
        models:
          {WIND}:
            stages:
              Staging: {{version: 1, digest: "{right}"}}
              Production: {{version: 1, digest: "{WRONG}"}}
              Shadow: {{version: 9, digest: "{WRONG}"}}
              Canary: 2
        stages: [Staging, Production, Shadow, Canary]
        """
    )
    text = farm.file.read_text()

    ran = farm.run("pin", "--check")

    assert ran.code == 1
    errors = [line for line in ran.err.splitlines() if line.startswith("error")]
    accept = f"mlgitops pin {WIND} Production --force"
    assert errors == [
        f"error: models.yaml:6:7: {WIND} Production: version 1 has the digest {right}, not the "
        f"pinned {WRONG}; its payload was changed; declare a version that you trust or, if you "
        f"trust this payload, run `{accept}`",
        f"error: models.yaml:7:7: {WIND} Shadow: version 9 does not exist or was deleted",
    ]
    assert farm.file.read_text() == text
    assert "in 1 stage\n" in farm.ok("pin", WIND, "staging", "--check").out
    assert "nothing is pinned" in farm.ok("pin", WIND, "Canary", "--check").out


def test_a_payload_that_is_gone_does_not_hide_the_others(farm: Team, own: Path) -> None:
    """Its folder was removed from the store: that is named, and so is the other problem."""
    farm.stages(WIND, Staging=OWN, Production=1)
    farm.ok("pin")
    text = farm.file.read_text()
    farm.write(text.replace(of_folder(payload(farm, 1)), WRONG))
    shutil.rmtree(own)

    ran = farm.run("pin", "--check")

    assert ran.code == 1
    assert "Staging: cannot download the payload of version 4: it has no MLmodel" in ran.err
    assert f"not the pinned {WRONG}" in ran.err


def test_only_force_replaces_a_digest(farm: Team) -> None:
    """Pinning again is refused, and with --force the file says what is there."""
    farm.write(f"models: {{{WIND}: {{stages: {{Production: {{version: 1, digest: '{WRONG}'}}}}}}}}")
    text = farm.file.read_text()
    assert farm.run("pin", WIND, "Production").code == 1
    assert farm.file.read_text() == text

    farm.ok("pin", WIND, "Production", "--force")

    assert farm.file.read_text() == text.replace(WRONG, of_folder(payload(farm, 1)))
    assert "is already pinned" in farm.ok("pin").out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("wnd",), "has no model 'wnd'"),
        ((WIND, "shadow"), f"does not list Shadow of {WIND}"),
        ((WIND, "Stagin"), "stage 'Stagin' is not declared; did you mean 'Staging'?"),
        ((WIND, "staging"), f"leaves empty Staging of {WIND}"),
        (("--check", "--force"), "do not combine it with --force"),
        ((WIND,), "Production: version 9 does not exist or was deleted"),
    ],
)
def test_what_can_not_be_pinned(farm: Team, arguments: tuple[str, ...], expected: str) -> None:
    """One error says why, and the file stays as it is."""
    farm.stages(WIND, Staging=None, Production=9)
    farm.file.write_text(farm.file.read_text().replace('"]', '", "Shadow"]'))
    text = farm.file.read_text()
    ran = farm.run("pin", *arguments)
    assert ran.code != 0
    assert expected in ran.err
    assert farm.file.read_text() == text


def test_another_version_than_the_pinned_one_is_not_served(farm: Team) -> None:
    """The file is ahead of the registry: what would be served is not what was pinned."""
    farm.stages(WIND, Production=1)
    farm.ok("apply")
    farm.stages(WIND, Production=2)
    farm.ok("pin")
    digest = load(farm.file).models[WIND].stages[0].digest

    ran = farm.run("serve", WIND, "Production")

    assert ran.code == 1
    assert f"not {digest}, which is pinned for version 2 of this stage" in ran.err
    assert "`mlgitops apply` first" in ran.err


def test_the_file_of_pins_need_not_exist_unless_it_is_named(team: Team) -> None:
    """Without models.yaml nothing is pinned; a wrong --file, or a broken file, is an error."""
    missing = team.run("serve", "wind", "Production", "--file", "other.yaml")
    assert "other.yaml:1:1: does not exist" in missing.err
    assert "no model 'wind'" in team.run("serve", "wind", "Production").err
    team.write("models: [")
    assert "models.yaml:2:1: not valid YAML" in team.run("image", "build", "wind", "Production").err


def test_a_version_that_leaves_takes_its_pin_along_and_that_is_said(team: Team) -> None:
    """Of each verb that changes a pinned stage; of others nothing is said."""
    pinned = f"models: {{wind: {{stages: {{Production: {{version: 1, digest: '{WRONG}'}}}}}}}}"
    hint = "; its pin was removed, to pin again run `mlgitops pin wind Production`"
    team.write(pinned)
    assert hint in team.ok("promote", "wind", "Production", "2").out
    assert "pin" not in team.ok("promote", "wind", "Production", "3").out
    team.write(pinned)
    assert hint in team.ok("rollback", "wind", "Production", "2").out
