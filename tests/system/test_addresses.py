"""Addresses as people may see them."""

from __future__ import annotations

import pytest

from mlgitops.system.addresses import without_secrets


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://a:b@host:5000/x", "http://host:5000/x"),
        ("mysql+pymysql://root:pw@db/mlflow?password=pw", "mysql+pymysql://db/mlflow"),
        ("http://host/#token", "http://host/"),
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
        ("data/a@b?c#d.csv", "data/a@b?c#d.csv"),
    ],
)
def test_only_secrets_are_taken_out(address: str, expected: str) -> None:
    """Scheme, host, port and path stay; a path of files stays whole."""
    assert expected == without_secrets(address)


def test_a_malformed_address_is_refused() -> None:
    """Where its parts cannot be told apart, it is not guessed which of them is secret."""
    with pytest.raises(ValueError, match="IPv6"):
        without_secrets("http://[s3cret")
