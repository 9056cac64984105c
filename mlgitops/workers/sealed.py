"""Bytes for one reader alone, past a scheduler that passes messages on and may log them.

The sender makes a key for one message from a key pair of its own and the reader's public key
(X25519, HKDF with SHA-256) and encrypts with it (ChaCha20-Poly1305), as HPKE's base mode does
(RFC 9180). It keeps secrets from who reads. Who can change what a cluster passes on can run code on
its workers anyway.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY = 32  # bytes, of both kinds
_ONCE = bytes(12)  # each key encrypts one message, so its nonce need not differ


class Reader:
    """Who can open what is sealed for its public key."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()

    @property
    def public(self) -> bytes:
        """What others seal for."""
        return self._private.public_key().public_bytes_raw()

    def opened(self, sealed: bytes) -> bytes:
        """What was sealed.

        Raises:
            cryptography.exceptions.InvalidTag: it was sealed for another one, or changed.
        """
        theirs = sealed[:_KEY]
        shared = self._private.exchange(X25519PublicKey.from_public_bytes(theirs))
        return _cipher(shared, theirs + self.public).decrypt(_ONCE, sealed[_KEY:], None)


def seal(content: bytes, public: bytes) -> bytes:
    """Encrypt for the one who has the private key of a public one."""
    own = X25519PrivateKey.generate()
    theirs = own.public_key().public_bytes_raw()
    shared = own.exchange(X25519PublicKey.from_public_bytes(public))
    return theirs + _cipher(shared, theirs + public).encrypt(_ONCE, content, None)


def _cipher(shared: bytes, keys: bytes) -> ChaCha20Poly1305:
    made = HKDF(algorithm=SHA256(), length=_KEY, salt=None, info=b"mlgitops workers" + keys)
    return ChaCha20Poly1305(made.derive(shared))
