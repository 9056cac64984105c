"""Signatures of messages over HTTP, as MLflow and standardwebhooks.com make them."""

from __future__ import annotations

import base64
import hashlib
import hmac

_VERSION, _PREFIX = "v1", "whsec_"


def signature(key: bytes, message: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of a message's id, time and body, in base64."""
    signed = f"{message}.{timestamp}.".encode("latin-1") + body
    digest = hmac.digest(key, signed, hashlib.sha256)
    return f"{_VERSION},{base64.b64encode(digest).decode()}"


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: what follows `whsec_` is base64, all else is the key.

    Raises:
        ValueError: it is no base64.
    """
    if not secret.startswith(_PREFIX):
        return secret.encode()
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)


def is_signed(given: str, key: bytes, message: str, timestamp: str, body: bytes) -> bool:
    """Whether one of the signatures of a header, between spaces, is the right one.

    Each takes as long to compare, however much of it is right.

    Args:
        given: the header, in Latin-1 as all of a request's headers.
        key: the bytes of the secret.
        message: the message's id.
        timestamp: as its header has it.
        body: as it came.
    """
    right = signature(key, message, timestamp, body).encode()
    tried = [hmac.compare_digest(one.encode("latin-1"), right) for one in given.split(" ")]
    return any(tried)
