"""Addresses as people may see them."""

from __future__ import annotations

import pytest

from mlgitops.system.addresses import shown, without_secrets


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET http://a:b@host:5000/x: 404", "GET http://host:5000/x: 404"),
        ("a ftp://u:p@x@h/y and\nssh://git@h/z", "a ftp://h/y and\nssh://h/z"),
        ("'http://u:it's@h/'", "'http://h/'"),
        ("s3 https://b/k?X-Amz-Signature=ab%2Fc&X-Amz-Date=1", "s3 https://b/k?X-Amz-Signature=***&X-Amz-Date=1"),
        ("https://b/k?sv=1&amp;sig=abc&amp;se=2.", "https://b/k?sv=1&amp;sig=***&amp;se=2."),
        ("/api/x?access_token=abc#id_token=def", "/api/x?access_token=***#id_token=***"),
        ("https://h/#/runs/77?page=2", "https://h/#/runs/77?page=2"),
        ("cut http://ada:s3c…", "cut http://"),
        ("cut http://host:50", "cut http://host:50"),
        ("cut http://[::1]:50…", "cut http://[::1]:50…"),
        ("ada@farm.example, a=b&c=d", "ada@farm.example, a=b&c=d"),
    ],
)  # fmt: skip
def test_addresses_within_a_text_lose_their_secrets(text: str, expected: str) -> None:
    """Logins go, parameters keep their names; the rest of the text stays as it is."""
    assert shown(text) == expected
