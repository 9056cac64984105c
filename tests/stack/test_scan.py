"""Images, scanned for real: what is in them, and what somebody left in a layer."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from mlgitops.image.build import build
from mlgitops.image.spec import BuildOptions
from mlgitops.registry.connect import connect
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlgitops.image.build import Built
    from tests.team import Team

pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(600)]

WIND = "power-forecasting-model"
# put together here, so that no file of this repository looks like a key
KEY = "\n".join(["-----BEGIN EC PRIVATE " + "KEY-----", secrets.token_hex(32), "-----END"])
PASSWORD = secrets.token_hex(12)  # detect-secrets passes over values that begin with a dash
LEAKY = f"""
FROM IMAGE
USER 0
COPY deploy_key /tmp/deploy_key
RUN rm /tmp/deploy_key
ENV REGISTRY_PASSWORD={PASSWORD}
USER 10001
"""
NOWHERE = ("--osv-url", "http://127.0.0.1:9/v1/query")


@pytest.fixture
def built(farm: Team) -> Iterator[Built]:
    """An image of the farm's second version."""
    name = f"mlgitops-test-{secrets.token_hex(4)}"
    made = build(connect(farm.uri), WIND, "2", BuildOptions(repository=name))
    yield made
    docker.run(["image", "rm", "--force", *made.tags])


@pytest.fixture
def leaky(built: Built, tmp_path: Path) -> Iterator[str]:
    """An image made of it, with a key in a layer that a later one deletes, and a password."""
    tag = f"{built.tags[0]}-leaky"
    context = tmp_path / "leaky"
    context.mkdir()
    (context / "deploy_key").write_text(KEY)
    (context / "Dockerfile").write_text(LEAKY.replace("IMAGE", built.tags[0]))
    docker.run(["build", "--quiet", "--tag", tag, str(context)])
    yield tag
    docker.run(["image", "rm", "--force", tag])


def test_an_image_is_clean_and_its_bill_is_complete(farm: Team, built: Built) -> None:
    """No secret is found in a good image; the bill is valid and names packages, base and model."""
    ran = farm.ok(
        "image", "scan", built.tags[0], "--sbom", "bill.json", "--format", "json", *NOWHERE
    )
    assert ran.document["secrets"] == []
    checks = {check["check"]: check for check in ran.document["checks"]}
    assert checks["vulnerabilities of Python packages"]["outcome"] == "not checked"
    assert "Connection refused" in checks["vulnerabilities of Python packages"]["found"]
    assert "scikit-learn" in ran.document["licences"]["BSD-3-Clause"]
    text = (farm.folder / "bill.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found = {one["name"]: one for one in json.loads(text)["components"]}
    inside = ["run", "--rm", "--network", "none", "--entrypoint", "python3", built.tags[0], "-c"]
    asked = "from importlib.metadata import version; print(version('scikit-learn'))"
    assert found["scikit-learn"]["version"] == docker.run([*inside, asked]).strip()
    asked = "import subprocess; print(subprocess.check_output(['dpkg-query', '-W'], text=True))"
    listed = [line.split("\t") for line in docker.run([*inside, asked]).strip().splitlines()]
    assert {name.split(":")[0]: version for name, version in listed} == {
        name: one["version"]
        for name, one in found.items()
        if one.get("purl", "").startswith("pkg:deb/debian/")
    }
    digest = built.source.digest.removeprefix("sha256:")
    assert found[WIND]["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_what_was_left_in_a_layer_is_found(farm: Team, leaky: str) -> None:
    """A deleted key and a password: named by place and kind, never by value; licences by name."""
    options = ("--deny-licence", "BSD-3-Clause", "--fail-on-vulnerability", *NOWHERE)
    ran = farm.run("image", "scan", leaky, *options)
    assert ran.code == 7
    told = ran.out + ran.err
    assert "tmp/deploy_key:1: Private Key" in ran.err
    assert "environment/REGISTRY_PASSWORD:1: Secret Keyword" in ran.err
    assert "licences of Python packages: click is BSD-3-Clause" in ran.err
    assert "vulnerabilities of Python packages: not checked: no answer" in ran.err
    assert not [value for value in (*KEY.splitlines()[1:2], PASSWORD) if value in told]


def test_what_is_no_serving_image(farm: Team) -> None:
    """Another image and none at all: each says so."""
    other = farm.run("image", "scan", "python:3.11-slim")
    assert (other.code, "it is not a serving image" in other.err) == (1, True)
    none = farm.run("image", "scan", "no-such-image-of-ours:1")
    assert (none.code, "No such image" in none.err) == (1, True)
    assert farm.run("image", "scan", "x", "--deny-licence", "AGPL").code == 64
