"""Which secrets a scan finds in an image, and where."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.errors import ImageError
from mlgitops.image.scan import layers, secrets
from tests.image import archives
from tests.image.archives import SITE
from tests.image.leaks import BODY, BYTES, base64_of, encoded, key, places, search, token

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
