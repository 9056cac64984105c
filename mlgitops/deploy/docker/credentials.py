"""The certificate of a deployment's proxy, and the tokens that it asks callers for."""

from __future__ import annotations

import hashlib
import re
import ssl
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from mlgitops.errors import UsageError
from mlgitops.system import files

if TYPE_CHECKING:
    from pathlib import Path

_MOST = 2**20  # bytes of a file
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,1024}=*")  # RFC 6750; shorter ones can be guessed


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """What was given now; what was not is as it was.

    Attributes:
        certificate: in PEM, with chain and key, without empty lines.
        tokens: their SHA-256, in hexadecimal digits: the host learns no token.
    """

    certificate: str | None = None
    tokens: tuple[str, ...] = ()


def read(tls_cert: Path | None, token_file: Path | None) -> Credentials:
    """What two files hold.

    Raises:
        UsageError: one cannot be read, or holds something else.
    """
    return Credentials(
        certificate=_certificate(tls_cert) if tls_cert else None,
        tokens=_tokens(token_file) if token_file else (),
    )


def _certificate(path: Path) -> str:
    text = _text(path, "tls_cert")
    with NamedTemporaryFile("w", prefix="mlgitops-tls-") as copy:  # what was read, only ours
        copy.write(text)
        copy.flush()
        try:
            # a key with a password would ask for it on every start of the proxy
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(copy.name, password="")
        except (ssl.SSLError, ValueError) as error:
            raise UsageError(
                f"tls_cert {path}: not a certificate, its chain and its key without a password, "
                f"in PEM ({error})"
            ) from error
    return "\n".join(line for line in text.splitlines() if line.strip())


def _tokens(path: Path) -> tuple[str, ...]:
    tokens = [line.strip() for line in _text(path, "token_file").splitlines() if line.strip()]
    if not tokens or not all(map(_TOKEN.fullmatch, tokens)):
        raise UsageError(
            f"token_file {path}: expected one token a line, each of at least 16 letters, digits "
            "and -._~+/; to make one, run `openssl rand -hex 32`"
        )
    return tuple(hashlib.sha256(token.encode()).hexdigest() for token in tokens)


def _text(path: Path, option: str) -> str:
    try:
        return files.read_text(path, limit=_MOST)
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{option} {path}: not a text file") from error
