"""What a scan finds in an image: packages, licences, and what they publish."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from mlgitops.errors import ImageError, UsageError
from mlgitops.image.scan import bom, inventory, licences
from mlgitops.image.scan.values import Debian, Licence, Package, System
from tests.image import archives
from tests.image.archives import SITE
from tests.image.leaks import encoded, key, places, search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.image.scan.values import Inventory


def distribution(
    name: str, version: str, metadata: str = "", files: Mapping[str, bytes] | None = None
) -> dict[str, bytes]:
    """An installed package: its files, METADATA and RECORD."""
    folder = f"{name}-{version}.dist-info"
    text = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{metadata}\n"
    rows = [
        f"{path},sha256={encoded(hashlib.sha256(content).digest())},{len(content)}"
        for path, content in (files or {}).items()
    ]
    inside = {f"{folder}/METADATA": text.encode(), f"{folder}/RECORD": "\n".join(rows).encode()}
    return {f"{SITE}/{path}": content for path, content in {**(files or {}), **inside}.items()}


ENVIRONMENT = {"venv/pyvenv.cfg": b"home = /usr/bin\nversion_info = 3.11.7.final.0\n"}
STATUS = b"""Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u14
Description: C library
 of Debian

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
"""
SYSTEM = {
    "var/lib/dpkg/status": STATUS,
    "etc/os-release": b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
}


def installed(*files: Mapping[str, bytes]) -> Inventory:
    """The inventory of a file system with an environment and these files."""
    together = {path: content for some in (ENVIRONMENT, *files) for path, content in some.items()}
    with archives.read(archives.archive(together)) as archive:
        return inventory.read(archive, "wind:3")


def test_what_packages_publish_is_not_the_images() -> None:
    """A package's own test key is named apart; the same file changed, or another, is a leak."""
    private = key().encode()
    package = distribution("tornado", "6.5", files={"tornado/test.key": private})
    known = installed(package)
    clean = search(package, installed=known)
    assert (places(clean), [leak.published for leak in clean.published]) == ([], ["tornado"])
    path = f"{SITE}/tornado/test.key"
    assert places(search({**package, path: b"\n" + private}, installed=known)) == [(path, 2)]
    assert places(search(package, {f"{SITE}/own.key": private}, installed=known)) == [
        (f"{SITE}/own.key", 1)
    ]
    source = distribution("keys", "1", files={"keys/a.py": private})
    compiled = {f"bytecode/{SITE}/keys/a.cpython-311.pyc": b"\0\0" + private}
    assert search(source, compiled, installed=installed(source)).leaks == ()
    assert len(search(compiled, installed=installed(source)).leaks) == 1


def test_what_debian_publishes_is_not_the_images() -> None:
    """Where the base image is not known, its packages' own sums tell what is theirs."""
    private, path = key().encode(), "usr/share/ssl/example.pem"
    sums = f"{hashlib.md5(private, usedforsecurity=False).hexdigest()}  {path}\n".encode()
    known = installed({"var/lib/dpkg/info/ssl:amd64.md5sums": sums})
    assert search({path: private}, installed=known).published[0].published == "ssl"
    assert places(search({path: private + b"\n"}, installed=known)) == [(path, 1)]


def test_the_inventory() -> None:
    """Each version of each package once, wherever it lies; Debian's; system; interpreter."""
    found = installed(
        SYSTEM,
        distribution("Scikit_Learn", "1.9.1", "Requires-Dist: numpy>=1"),
        {
            "usr/lib/numpy-2.4.dist-info/METADATA": b"Name: numpy\nVersion: 2.4",
            "usr/lib/numpy-2.3.dist-info/METADATA": b"Name: numpy\nVersion: 2.3",
        },
        distribution("numpy", "2.4", "License-Expression: BSD-3-Clause"),
        distribution("wheel", "0.45"),
        {"usr/lib/python3/dist-packages/debs-1.egg-info/PKG-INFO": b"Name: debs\nVersion: 1"},
        {"../../outside-1.dist-info/METADATA": b"Name: outside\nVersion: 1"},
    )
    assert found.python == "3.11.7"
    assert found.system == System(identity="debian", version="12")
    assert found.debian == (Debian(name="libc6", version="2.36-9+deb12u14", architecture="amd64"),)
    assert [(one.name, one.version) for one in found.packages] == [
        ("numpy", "2.3"),
        ("numpy", "2.4"),
        ("scikit-learn", "1.9.1"),
        ("wheel", "0.45"),
    ]


def test_metadata_that_cannot_be_read() -> None:
    """An image whose packages cannot all be listed is not listed in part."""
    with pytest.raises(ImageError, match=r"(?s)packages of wind:3: .*>>>"):
        installed(distribution("odd", "1", "Requires-Dist: >>>"))


def spdx(*expressions: str) -> Licence:
    """A licence that SPDX has an expression for."""
    return Licence(expressions=expressions)


def test_an_image_without_an_environment_is_none() -> None:
    """Some other image: it says what is missing."""
    with (
        archives.read(archives.archive({"etc/os-release": b"ID=alpine"})) as archive,
        pytest.raises(ImageError, match=r"alpine:3 has no Python environment in /venv"),
    ):
        inventory.read(archive, "alpine:3")


LABELS = {
    "mlgitops.model": "wind",
    "mlgitops.version": "3",
    "mlgitops.run": "abc",
    "mlgitops.digest": f"sha256:{'0f' * 32}",
    "leaky": "swordfish99",
}


def test_the_bill_of_materials() -> None:
    """Valid by CycloneDX' schema, the same each time, complete, and without foreign labels."""
    known = installed(
        SYSTEM,
        distribution(
            "scikit-learn", "1.9.1", "License-Expression: BSD-3-Clause\nRequires-Dist: old"
        ),
        distribution("old", "1", "Classifier: License :: Other"),
        distribution("both", "1", "License-Expression: MIT OR Apache-2.0"),
    )
    image = archives.image(labels=LABELS)
    text = bom.text(image, known)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert bom.text(image, known) == text
    assert "swordfish99" not in text
    bill = json.loads(text)
    by_ref = {one["bom-ref"]: one for one in bill["components"]}
    sklearn = by_ref["scikit-learn==1.9.1"]
    assert sklearn["purl"] == "pkg:pypi/scikit-learn@1.9.1"
    said = {"acknowledgement": "declared"}
    assert sklearn["licenses"] == [{"license": {**said, "id": "BSD-3-Clause"}}]
    assert by_ref["both==1"]["licenses"] == [{**said, "expression": "MIT OR Apache-2.0"}]
    assert by_ref["old==1"]["licenses"] == [{"license": {**said, "name": "License :: Other"}}]
    assert "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=debian-12" in by_ref
    model = by_ref["pkg:mlflow/wind@3?run_id=abc"]
    assert model["type"] == "machine-learning-model"
    assert model["hashes"] == [{"alg": "SHA-256", "content": "0f" * 32}]
    wanted = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    assert wanted["scikit-learn==1.9.1"] == ["old==1"]
    assert set(wanted["image"]) == by_ref.keys()


@pytest.mark.parametrize(
    ("expression", "field", "classifiers", "licence"),
    [
        ("MIT", "ISC", ["OSI Approved :: X"], spdx("MIT")),
        ("Apache-2.0 OR BSD-2-Clause", None, [], spdx("Apache-2.0 OR BSD-2-Clause")),
        (None, "BSD-3-Clause", ["OSI Approved :: BSD License"], spdx("BSD-3-Clause")),
        (None, None, ["OSI Approved :: MIT License"], spdx("MIT")),
        (None, "MIT", ["OSI Approved :: ISC License (ISCL)"], spdx("ISC", "MIT")),
        (None, "Copyright (c)", ["OSI Approved :: BSD License"], Licence(stated="BSD License")),
        (None, "UNKNOWN", ["OSI Approved"], Licence()),
        (None, "Dual License", ["A", "B"], Licence(stated="A; B")),
        (None, None, ["OSI Approved :: X", "OSI Approved :: Y"], Licence(stated="X; Y")),
        (None, None, [], Licence()),
    ],
)
def test_what_a_package_says_of_its_licence(
    expression: str | None, field: str | None, classifiers: list[str], licence: Licence
) -> None:
    """SPDX where the metadata say it, their own words where not, and no guess."""
    lines = [f"Classifier: License :: {kind}" for kind in classifiers]
    lines += [f"License-Expression: {expression}"] if expression else []
    lines += [f"License: {field}"] if field else []
    found = installed(distribution("a", "1", "\n".join([*lines, "Classifier: Topic :: X"])))
    assert found.packages[0].licence.expressions == licence.expressions
    assert found.packages[0].licence.text == licence.text


@pytest.mark.parametrize(
    ("expressions", "refused"),
    [
        (["AGPL-3.0-only"], True),
        (["AGPL-3.0-only OR MIT"], False),
        (["AGPL-3.0-only AND MIT"], True),
        (["(AGPL-3.0-only OR GPL-2.0-only WITH Classpath-exception-2.0) AND MIT"], True),
        (["MIT"], False),
        (["AGPL-3.0-only", "MIT"], True),
        ([], False),
    ],
)
def test_a_licence_is_denied(expressions: list[str], refused: bool) -> None:
    """If there is no way to use the package without one that is refused."""
    denied = frozenset({"AGPL-3.0-only", "GPL-2.0-only"})
    assert licences.denied(spdx(*expressions), denied) is refused


def test_a_licence_that_spdx_does_not_know() -> None:
    """Denying it would deny nothing: the command line is wrong."""
    assert licences.identifier("agpl-3.0") == "AGPL-3.0-only"
    for wrong in ("AGPL", "MIT OR ISC"):
        with pytest.raises(UsageError, match=f"{wrong} is not an SPDX identifier"):
            licences.identifier(wrong)


def test_licences_are_counted() -> None:
    """The most frequent first, the unknown last, each with its packages."""
    said = {"a": spdx("MIT"), "b": Licence(), "c": spdx("ISC"), "d": spdx("MIT")}
    packages = [Package(name=name, version="1", licence=one) for name, one in said.items()]
    found = licences.by_licence(packages)
    assert list(found.items()) == [("MIT", ("a", "d")), ("ISC", ("c",)), ("unknown", ("b",))]
