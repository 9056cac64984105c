"""What a scan finds in an image: packages, licences, secrets, known vulnerabilities."""

from __future__ import annotations

import base64
import hashlib
import json
import string
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.errors import ImageError, UsageError
from mlgitops.image.scan import bom, inventory, layers, licences, secrets
from mlgitops.image.scan.values import Debian, Licence, Package, System
from tests.image import archives

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlgitops.image.scan.values import Inventory, Search

SITE = "venv/lib/python3.11/site-packages"
BYTES = bytes(range(96))
BODY = base64.b64encode(BYTES).decode()


def token(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Something of an alphabet that looks random and is the same each time."""
    digests = "".join(hashlib.sha256(f"{n}".encode()).hexdigest() for n in range(8))
    numbers = (int(digests[at : at + 2], 16) for at in range(0, 2 * length, 2))
    return "".join(alphabet[number % len(alphabet)] for number in numbers)


def key(kind: str = "RSA ", newline: str = "\n") -> str:
    """A private key; put together here, so that no file of this repository looks like one."""
    return newline.join([f"-----BEGIN {kind}PRIVATE KEY-----", BODY[:64], BODY[64:], "-----END"])


def encoded(content: bytes) -> str:
    """URL-safe base64 without padding, as RECORD and tokens have it."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def base64_of(content: str | bytes, wrap: int = 0) -> str:
    """Base64, in lines if asked for."""
    whole = base64.b64encode(content.encode() if isinstance(content, str) else content).decode()
    step = wrap or max(1, len(whole))
    return "\n".join(whole[at : at + step] for at in range(0, len(whole), step))


# a key in DER begins so (RFC 5958, RFC 8017, RFC 5915, RFC 8410); the rest is any
DER = {
    "RSA": "308204bd020100300d06092a864886f70d0101010500048204a7308204a3020100",
    "RSA alone": "308204a30201000282010100",
    "P-256": "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420",
    "P-384": "3081b6020100301006072a8648ce3d020106052b8104002204819e30819b0201010430",
    "Ed25519": "302e020100300506032b657004220420",
}
PUBLIC = "30820122300d06092a864886f70d01010105000382010f003082010a0282010100"
FORMS = {
    **{
        f"{kind} key in DER": (
            "Private Key in base64 (DER)",
            base64_of(bytes.fromhex(head) + BYTES),
        )
        for kind, head in DER.items()
    },
    **{
        f"key in base64 after {before!r}": ("Private Key in base64", base64_of(before + key()))
        for before in ("", "\n", "A=\n")
    },
    "key in base64 of Kubernetes": ("Private Key in base64", base64_of(key("EC "), wrap=76)),
    "key in URL-safe base64": ("Private Key in base64", encoded(key("OPENSSH ").encode())),
    "RSA key": ("Private Key", key()),
    "PKCS 8 key in JSON": ("Private Key", key("", "\\n")),
    "OpenSSH key": ("Private Key", key("OPENSSH ")),
    "encrypted key": ("Private Key", key().replace("\n", "\nProc-Type: 4,ENCRYPTED\n\n", 1)),
    "key in source": ("Private Key", key().replace("\n", '\\n"\n    "')),
    "AWS": ("AWS Access Key", "AKIA" + token(16, string.ascii_uppercase + string.digits)),
    "AWS secret": ("AWS Access Key", f'aws_secret_access_key = "{token(40)}"'),
    "Azure": ("Azure Storage Account access key", f"AccountKey={token(86)}=="),
    "GitHub": ("GitHub Token", f"ghp_{token(36)}"),
    "GitHub, fine": ("GitHub fine-grained token", f"github_pat_{token(22)}_{token(59)}"),
    "GitLab": ("GitLab Token", f"glpat-{token(20)}"),
    "Google": ("Google API key", f"AIza{token(35)}"),
    "Hugging Face": ("Hugging Face token", f"hf_{token(34)}"),
    "Databricks": ("Databricks token", f"dapi{token(32, string.hexdigits[:16])}"),
    "PyPI": ("PyPI Token", f"pypi-AgEIcHlwaS5vcmc{token(80)}"),
    "Slack": ("Slack Token", f"xoxb-{token(11, string.digits)}-{token(24)}"),
    "JWT": (
        "JSON Web Token",
        ".".join(map(encoded, (b'{"alg":"HS256"}', b'{"sub":"me"}', bytes(32)))),
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_known_form_is_found_where_it_is(name: str) -> None:
    """Its kind and its line are told, and its value is not, wherever it stands."""
    kind, value = FORMS[name]
    found = set(secrets.formats(f"first\nsecond: {value}\nlast"))
    assert {(hit.line, hit.kind) for hit in found} == {(2, kind)}
    assert value not in repr(found)


@pytest.mark.parametrize(
    "harmless",
    [
        "if '-----BEGIN RSA PRIVATE KEY-----' in text and '-----END RSA PRIVATE KEY-----' in text",
        'PEM = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"',
        "-----BEGIN PUBLIC KEY-----\n" + BODY,
        base64_of("-----BEGIN PUBLIC KEY-----\n" + BODY),
        base64_of(
            "if '-----BEGIN PRIVATE KEY-----' in text and '-----END PRIVATE KEY-----' in it:"
        ),
        base64_of(bytes.fromhex(PUBLIC) + BYTES),
        base64_of("PRIVATE KEY") + "LS0tLS0",
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
        "_ZN5Highs_setCallbackP5HighsSt8functionIFviRKNSt7",
        f"sha256:{token(64, string.hexdigits[:16])}",
        f"integrity: sha512-{token(86)}==",
    ],
)
def test_what_only_looks_like_a_secret(harmless: str) -> None:
    """Code that speaks of keys, documentation's keys, names of machine code and hashes are none."""
    assert list(secrets.formats(harmless)) == []


@given(st.text(), st.text())
def test_whatever_surrounds_a_key(before: str, after: str) -> None:
    """It is found in any text, at its line, and so is that text in base64."""
    text = f"{before}\n{key()}\n{after}"
    found = secrets.formats(text)
    assert secrets.Hit(line=before.count("\n") + 2, kind="Private Key") in set(found)
    assert secrets.Hit(line=1, kind="Private Key in base64") in set(
        secrets.formats(base64_of(text))
    )


@pytest.mark.parametrize("kind", DER)
def test_a_key_is_one_secret(kind: str) -> None:
    """What its dashes enclose is not told again as a key without them."""
    body = base64_of(bytes.fromhex(DER[kind]) + BYTES, wrap=64)
    found = list(secrets.formats(f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"))
    assert found == [secrets.Hit(line=1, kind="Private Key")]


def search(
    *contents: Mapping[str, bytes],
    base: int = 0,
    history: Sequence[str] = (),
    installed: Inventory | None = None,
    **said: Any,
) -> Search:
    """Search an image of these layers; the lowest `base` of them are the base image's."""
    made = [archives.archive(files) for files in contents]
    described = archives.image(made, **said)
    with archives.read(archives.saved(made, history)) as archive:
        return layers.search(
            described,
            archive,
            base=frozenset(described.layers[:base]),
            recorded=installed.recorded if installed else {},
        )


def places(found: Search) -> list[tuple[str, int]]:
    """Where secrets are."""
    return [(leak.path, leak.line) for leak in found.leaks]


def test_a_file_that_is_deleted_later_counts() -> None:
    """It is in its layer for whoever has the image; the layer is named, the base is left out."""
    private = key().encode()
    found = search(
        {"usr/share/ssl/example.pem": private},
        {"tmp/id_rsa": b"\n\n" + private},
        {"tmp/.wh.id_rsa": b""},
        base=1,
    )
    assert places(found) == [("tmp/id_rsa", 3)]
    assert found.leaks[0].layer.startswith("2 of 3 (")
    assert (found.layers, found.files) == (2, 2)
    assert BODY[:20] not in repr(found)


def test_a_key_on_the_border_of_two_blocks() -> None:
    """A file is read in blocks of 8 MiB; what lies across is found once, at its line."""
    border = 2**23
    content = b"x" * (border - 41) + b"\n" + key().encode() + b"\n" + b"x" * border
    assert places(search({"model/weights.bin": content})) == [("model/weights.bin", 2)]


@pytest.mark.parametrize(
    ("path", "content", "lines"),
    [
        ("model/conda.yaml", "channels: [x]\npassword: swordfish99", [2]),
        ("model/code/client.py", f'CLIENT = "{token(40)}"', [1]),
        ("model/code/client.py", 'api_key = os.environ["API_KEY"]', []),
        ("model/code/client.py", f'X = "{token(40)}"  # pragma: allowlist secret', []),
        ("model/tokenizer.json", json.dumps([token(40)]), []),
        ("serving/settings.ini", "[a]\nsecret = swordfish99", [2]),
        ("etc/pip.conf", "[global]\nindex-url = https://me:swordfish99@index.example.org/", [2]),
        ("app/.env", "DB_PASSWORD=swordfish99", [1]),
        ("root/.netrc", "machine index.example.org login me password swordfish99", [1]),
        ("root/.netrc", "", []),
        (f"{SITE}/own.py", f'password = "{token(40)}"', []),
    ],
)
def test_passwords_in_files(path: str, content: str, lines: list[int]) -> None:
    """Names and randomness are looked for in what is the image's own, not in packages and data."""
    assert places(search({path: content.encode()})) == [(path, line) for line in lines]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"environment": ["A=b", "REGISTRY_PASSWORD=swordfish99"]},
            "environment/REGISTRY_PASSWORD",
        ),
        ({"environment": [f"CLIENT={token(40)}"]}, "environment/CLIENT"),
        ({"environment": ["PASSWORD_FILE=/run/secrets/password", "PATH=/bin:/usr/bin"]}, None),
        ({"environment": [f"PYTHON_SHA256={token(64, string.hexdigits[:16])}"]}, None),
        ({"labels": {"mlgitops.digest": f"sha256:{token(64, string.hexdigits[:16])}"}}, None),
        ({"labels": {"source": "https://me:swordfish99@git.example.org/x"}}, "labels/source"),
        ({"history": ["COPY x /", "RUN |1 DB_PASSWORD=swordfish99 /bin/sh -c ./x"]}, "history/2"),
        ({"history": ["RUN /bin/sh -c cd /x && pwd # buildkit"]}, None),
    ],
)
def test_passwords_in_settings(said: dict[str, Any], expected: str | None) -> None:
    """Environment, labels and history are searched as well; digests and paths are no secrets."""
    found = search({"a": b""}, **said)
    assert [leak.path for leak in found.leaks] == ([expected] if expected else [])
    assert {leak.layer for leak in found.leaks} <= {"none"}


def test_an_unreadable_layer_is_no_clean_layer() -> None:
    """A layer that is no archive, compressed in a way that is not known, is an error."""
    made = [b"\x28\xb5\x2f\xfd" + bytes(range(256)) * 8]
    with (
        archives.read(archives.saved(made)) as archive,
        pytest.raises(ImageError, match=r"cannot read its layer 1 of 1"),
    ):
        layers.search(archives.image(made), archive, base=None, recorded={})


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
