"""A tag becomes distributions that are attested and published, in the workflow itself."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from mlgitops import __version__
from tests.github import fake
from tests.stack.loop import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.no_docker,
    pytest.mark.skipif(
        "MLGITOPS_RUN_WORKFLOW" not in os.environ,
        reason="nothing stands in for the attestation and for the index",
    ),
    pytest.mark.xdist_group("act"),  # whose stand-ins are laid out anew for each run
    pytest.mark.timeout(600),
]


@pytest.fixture
def hub() -> Iterator[fake.GitHub]:
    """A repository on GitHub."""
    with fake.running() as made:
        yield made


@pytest.mark.thorough
def test_a_tag_is_released(hub: fake.GitHub, tmp_path: Path) -> None:
    """What is published is what was built and attested; a tag of another version ends before."""
    repository = Repository(folder=tmp_path, hub=hub, registry="")
    repository.create()

    ran = repository.run("push", "release", {"ref": "refs/tags/v0.0.7"})
    assert ran.code != 0
    assert f"v0.0.7 is not the version of mlgitops/__init__.py: {__version__}" in ran.log
    assert not ran.artifacts.exists()

    ran = repository.run("push", "release", {"ref": f"refs/tags/v{__version__}"})
    assert ran.code == 0, ran.log[-4000:]
    built = {path.name: path.read_bytes() for path in (ran.artifacts / "dist").iterdir()}
    published = {path.name: path.read_bytes() for path in (ran.artifacts / "published").iterdir()}
    assert published == built
    assert built.keys() == {
        f"mlgitops-{__version__}-py3-none-any.whl",
        f"mlgitops-{__version__}.tar.gz",
    }
    attested = (ran.artifacts / "attestations/subjects.txt").read_text(encoding="utf-8").split()
    assert dict(zip(attested[1::2], attested[::2], strict=True)) == {
        f"dist/{name}": hashlib.sha256(data).hexdigest() for name, data in built.items()
    }
