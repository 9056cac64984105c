"""Signatures: what they are over, and with which key."""

from __future__ import annotations

import pytest

from mlgitops.system.signing import is_signed, key_of, signature

# the example of standardwebhooks.com's specification
ID, TIME, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_example_of_the_specification() -> None:
    """Libraries of others verify what is signed here."""
    assert signature(key_of(SECRET), ID, TIME, BODY) == SIGNED
    assert is_signed(f"v1,AAAA {SIGNED}", key_of(SECRET), ID, TIME, BODY)
    assert not is_signed(SIGNED, key_of(SECRET), ID, TIME, BODY + b" ")


def test_another_secret_is_the_key_itself() -> None:
    """Only what says that it is base64 is read as that."""
    assert key_of("plain") == b"plain"
    with pytest.raises(ValueError, match="padding"):
        key_of("whsec_not")
