"""Certificates and tokens of a proxy, as files hold them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from mlgitops.deploy.docker import credentials
from mlgitops.errors import UsageError
from tests.registry import certificates

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_given(tmp_path: Path) -> None:
    """A certificate with its key, and the digests of the tokens: never the tokens."""
    made = certificates.make(tmp_path)
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{'a' * 16}\n\n  {'b' * 16}==\n")
    found = credentials.read(made.server, tokens)
    assert found.certificate == made.server.read_text().strip()
    wanted = [f"{'a' * 16}", f"{'b' * 16}=="]
    assert list(found.tokens) == [hashlib.sha256(one.encode()).hexdigest() for one in wanted]
    assert credentials.read(None, None) == credentials.Credentials()


@pytest.mark.parametrize("text", ["", "\n", "secret", f"{'a' * 16}\nshort", f"{'a' * 16} b"])
def test_no_tokens(tmp_path: Path, text: str) -> None:
    """One that can be guessed, or that no header can hold, is refused by its file's name."""
    path = tmp_path / "tokens"
    path.write_text(text)
    with pytest.raises(UsageError, match=f"token_file {path}: .*openssl rand"):
        credentials.read(None, path)


def test_no_certificate(tmp_path: Path) -> None:
    """A certificate without its key, another text, another file and none are refused by name."""
    made = certificates.make(tmp_path)
    alone, text, binary = (tmp_path / name for name in ("alone", "text", "binary"))
    whole = made.server.read_text()
    alone.write_text(whole[whole.index("-----BEGIN CERTIFICATE") :])
    text.write_text("secret")
    binary.write_bytes(b"\xff\xfe")
    for path in (alone, text, binary, tmp_path / "none", tmp_path):
        with pytest.raises(UsageError, match=f"tls_cert {path}: "):
            credentials.read(path, None)
