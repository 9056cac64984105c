"""Addresses as people may see them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# a login ends at an @; or at the end, where a message was cut, and then it is no port
_LOGIN = re.compile(r"""://(?:[^\s/?#"<>\\]*@|[^\s/?#"<>\\:\[]+:(?!\d*…?$)[^\s/?#"<>\\]*$)""")
# by name, in the style of any store or service: token, sig, X-Amz-Signature, X-Goog-Credential
_PARAMETER = re.compile(
    r"""([?&#;][\w.%-]*?
        (?:token|sig|signature|secret|passw(?:or)?d|pwd|auth|authorization|credential|jwt
        |key|keyid|code|session)
        =)[^\s&;#"'<>\\]+""",
    re.IGNORECASE | re.VERBOSE,
)


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


def shown(text: str) -> str:
    """A text whose addresses, if there are any, lose their logins and what is secret by its name.

    >>> shown("ftp://ada:s3cret@farm.example/m?page=2&token=s3cret was not found")
    'ftp://farm.example/m?page=2&token=*** was not found'
    """
    if "://" in text:
        text = _LOGIN.sub("://", text)
    return _PARAMETER.sub(r"\1***", text) if "=" in text else text
