"""Where a table lies that models.yaml or a run names: a path, or an address. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from mlgitops.system.addresses import without_secrets

FORMATS = (".csv", ".parquet")


def is_address(place: str) -> bool:
    """Whether it is asked for over a network."""
    return "://" in place


def fault(place: str) -> str:
    """Why nothing is read from a place, whatever is there; empty if that may be.

    >>> fault("data/holdout.parquet"), fault("http://farm.example/holdout.csv")
    ('', 'must begin with https://')
    """
    if is_address(place):
        try:
            if urlsplit(place).scheme != "https":
                return "must begin with https://"
            if without_secrets(place) != place:
                return "must have no login, query or fragment: the file is no place for secrets"
        except ValueError:
            return "is not a valid address"
    if not place.endswith(FORMATS):
        return f"must end with {' or '.join(FORMATS)}"
    return ""
