"""Two companies that `mlgitops init` gave a repository each, on one server, in their workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.act import runner
from tests.github import fake
from tests.stack.loop import Repository
from tests.stack.test_adopted import Machine, machine

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.registry.embedded import Embedded
    from tests.team import Team

pytestmark = [
    pytest.mark.skipif(runner() is None, reason="act is not installed"),
    pytest.mark.timeout(1500),
    pytest.mark.xdist_group("act"),
]
__all__ = ["machine"]  # a fixture
COMPANIES = ("farm", "bank")


@pytest.mark.parametrize(
    "moving",
    [COMPANIES[:1], COMPANIES],
    ids=["one moves", "both move"],
)
@pytest.mark.thorough
def test_two_companies_on_one_server(
    moving: tuple[str, ...],
    machine: Machine,
    server: tuple[str, Embedded],
    remote: Team,
    tmp_path: Path,
) -> None:
    """Pull request, merge, revert: each repository moves its own model and no other."""
    url, embedded = server
    for name in COMPANIES:
        with fake.running() as hub:
            source = tmp_path / name
            machine.run(f"mlgitops init {name}", tmp_path)
            file = source / "models.yaml"
            file.write_text(file.read_text().replace("example-model", f"{name}-model"))
            repository = Repository(
                folder=tmp_path / f"{name}-clones",
                hub=hub,
                registry=url,
                source=source,
                models=None,
                environment={
                    "MLGITOPS_ARTIFACT_ROOT": str(embedded.folder.parent),
                    # some jobs check the clone out, whose origin is another than GitHub's
                    "MLGITOPS_OWNER": f"github.com/{name}/models",
                },
            )
            repository.create()
            ran = repository.push()
            assert ran.code == 0, ran.log[-6000:]
            assert remote.aliases(f"{name}-model") == {"staging": 2, "production": 1}
            if name in moving:
                _promote_and_revert(repository, remote, f"{name}-model")
            assert hub.unknown == []
    stamps = [remote.tag(1, "Production", f"{name}-model") for name in COMPANIES]
    assert len({stamp["owner"] for stamp in stamps if stamp}) == len(COMPANIES)
    assert remote.aliases("farm-model") == {"staging": 2, "production": 1}


def _promote_and_revert(repository: Repository, remote: Team, model: str) -> None:
    """The comment shows the one change; the merge makes it, the revert takes it back."""
    repository.edit("Production: 1", "Production: 2", branch="promote")
    ran = repository.pull_request(12)
    assert ran.code == 0, ran.log[-6000:]
    (comment,) = repository.hub.comments
    assert f"| {model} | Production | 1 → 2 | 2 passed |" in comment["body"]
    ran = repository.merge("promote", 12, by="grace")
    assert ran.code == 0, ran.log[-6000:]
    assert remote.aliases(model) == {"staging": 2, "production": 2}
    repository.git("revert", "--no-edit", "--mainline", "1", "HEAD")
    ran = repository.push()
    assert ran.code == 0, ran.log[-6000:]
    assert remote.aliases(model) == {"staging": 2, "production": 1}
