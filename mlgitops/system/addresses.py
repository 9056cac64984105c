"""Addresses as people may see them."""

from __future__ import annotations

from urllib.parse import urlsplit


def without_secrets(address: str) -> str:
    """An address without login, query and fragment, each of which can be a secret.

    What has no `://`, such as a path, stays as it is.

    Raises:
        ValueError: the address is malformed.

    >>> without_secrets("https://ada:s3cret@farm.example:8443/models?token=s3cret")
    'https://farm.example:8443/models'
    """
    if "://" not in address:
        return address
    scheme, _, rest = address.partition(":")
    if not rest.startswith("//"):  # an address in an address, as of Unity Catalog: uc:https://HOST
        return f"{scheme}:{without_secrets(rest)}"
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
