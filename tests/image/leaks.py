"""Secrets that images may hold, and a search for them."""

from __future__ import annotations

import base64
import hashlib
import string
from typing import TYPE_CHECKING, Any

from mlgitops.image.scan import layers
from tests.image import archives

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlgitops.image.scan.values import Inventory, Search

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
