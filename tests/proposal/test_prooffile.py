"""What the tests of images came to, as a file, and what an apply makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.core.proof import Proof
from mlgitops.proposal import prooffile

if TYPE_CHECKING:
    from tests.team import Team


@pytest.fixture
def promoting(team: Team) -> Team:
    """A team that wants version 2 in Production, where 1 is now; the image of 2 fails."""
    team.versions(2)
    team.stages(Production=1)
    team.ok("apply")
    team.stages(Production=2)
    why = "GET /ping: 503\nPOST /invocations: none"
    failed = Proof(model="wind", version=2, passed=False, why=why)
    prooffile.write(team.folder / "proof.json", [failed])
    return team


def test_a_version_whose_image_fails_is_not_promoted(promoting: Team) -> None:
    """The guard says which request failed, and may be passed by name."""
    ran = promoting.run("apply", "--proof", "proof.json")
    assert ran.code == 3
    said = "version 2: its image failed: GET /ping: 503 POST /invocations: none"
    assert f"wind Production: {said}" in ran.err
    assert "image-proof" in ran.err
    assert promoting.aliases() == {"production": 1}
    promoting.ok("apply", "--proof", "proof.json", "--labels", "mlgitops/allow-image-proof")
    assert promoting.aliases() == {"production": 2}


def test_what_returns_needs_no_proof(promoting: Team) -> None:
    """A rollback and a heal are applied although the image fails; so is the emptying of a stage."""
    promoting.ok("apply")
    failed = [Proof(model="wind", version=number, passed=False, why="x") for number in (1, 2)]
    prooffile.write(promoting.folder / "proof.json", failed)
    promoting.stages(Production=1)
    promoting.ok("apply", "--proof", "proof.json")
    assert promoting.aliases() == {"production": 1}
    promoting.client.set_registered_model_alias("wind", "production", "2")
    promoting.ok("apply", "--proof", "proof.json")
    assert promoting.aliases() == {"production": 1}
    promoting.stages(Production=None)
    promoting.ok("apply", "--proof", "proof.json", "--allow", "empties-production")


def test_what_was_not_tested_is_not_promoted(promoting: Team) -> None:
    """A file that is missing, broken or about other versions proves nothing; one that is does."""
    file = promoting.folder / "proof.json"
    other = Proof(model="wind", version=3, passed=True)
    broken = f"{file.name} is not from `image prove --out`"
    for text, cause in ((None, f"cannot read {file.name}"), ("{", broken), ("", "not tested")):
        if text is None:
            file.unlink()
        elif text:
            file.write_text(text)
        else:
            prooffile.write(file, [other])
        ran = promoting.run("apply", "--proof", file.name)
        assert ran.code == 3
        assert "version 2: its image was not tested" in ran.err
        assert cause in ran.err
    prooffile.write(file, [other, Proof(model="wind", version=2, passed=True)])
    promoting.ok("apply", "--proof", file.name)


def test_without_docker_every_image_fails(promoting: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file and the report say so of each version that enters; those that are there are not."""
    promoting.stages(Production=2, Staging=2, Shadow=1)
    promoting.ok("plan", "--out", "plan.json")
    monkeypatch.setenv("PATH", str(promoting.folder))
    prove = ("image", "prove", "plan.json", "--out", "new.json", "--report", "images.md")
    ran = promoting.run(*prove)
    assert ran.code == 5
    assert ran.out.count("could not be tested: this needs Docker") == 2
    proofs = prooffile.read(promoting.folder / "new.json")
    assert [(proof.version, proof.passed) for proof in proofs.tested] == [(2, False), (1, False)]
    assert "no `docker` command" in proofs.against("wind", 2)
    report = (promoting.folder / "images.md").read_text()
    assert report.startswith("**apply --proof does not promote a version whose image failed;")
    assert "wind 2 could not be tested" in report
    promoting.ok(*prove, "--allow", "image-proof")
    entry = "[{guard: image-proof, reason: tested by hand, until: 9999-01-01}]"
    promoting.file.write_text(f"version: 2\nallow: {entry}\n{promoting.file.read_text()}")
    promoting.ok(*prove)
