"""Certificates that an authority of one's own has signed."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Paths of PEM files.

    Attributes:
        authority: what to trust.
        server: certificate and key of 127.0.0.1, signed by the authority.
        client: certificate and key of a client, signed by the authority.
        stranger: another authority.
    """

    authority: Path
    server: Path
    client: Path
    stranger: Path

    def context(self, *, asks_clients: bool = False) -> ssl.SSLContext:
        """A server's side of TLS, for clients that have a certificate or for all."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.server)
        if asks_clients:
            made.verify_mode = ssl.CERT_REQUIRED
            made.load_verify_locations(self.authority)
        return made


def make(folder: Path) -> Certificates:
    """Make them in a folder."""
    authority, stranger = (_Issued(name, None) for name in ("authority", "stranger"))
    server, client = (_Issued(name, authority) for name in ("server", "client"))
    return Certificates(
        authority=authority.written(folder),
        server=server.written(folder),
        client=client.written(folder),
        stranger=stranger.written(folder),
    )


class _Issued:
    """A certificate with its key, signed by an authority; one without is its own."""

    def __init__(self, name: str, authority: _Issued | None) -> None:
        self._name, self.key = name, ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        signer, now = authority or self, datetime.now(UTC)
        self._certificate = (
            x509.CertificateBuilder(
                subject_name=self.subject,
                issuer_name=signer.subject,
                public_key=self.key.public_key(),
                serial_number=x509.random_serial_number(),
                not_valid_before=now - timedelta(hours=1),
                not_valid_after=now + timedelta(days=1),
            )
            .add_extension(x509.BasicConstraints(ca=not authority, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]),
                critical=False,
            )
            .sign(signer.key, hashes.SHA256())
        )

    def written(self, folder: Path) -> Path:
        """A file that has both."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        made = folder / f"{self._name}.pem"
        made.write_bytes(key + self._certificate.public_bytes(serialization.Encoding.PEM))
        return made
