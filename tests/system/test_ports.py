"""TCP ports of this machine."""

from __future__ import annotations

import socket

from mlgitops.system.ports import LOOPBACK, free_port, refusal


def test_a_free_port_can_be_listened_on() -> None:
    """It is below the range of outgoing connections, and nobody has it."""
    port = free_port()
    assert 20_000 <= port < 32_000
    assert refusal(LOOPBACK, port) is None


def test_a_port_that_is_taken() -> None:
    """The system's reason is told."""
    with socket.create_server((LOOPBACK, 0)) as server:
        assert refusal(LOOPBACK, server.getsockname()[1]) == "Address already in use"


def test_an_address_of_another_machine() -> None:
    """Only addresses of this machine can be listened on."""
    reason = refusal("192.0.2.1", free_port())
    assert reason is not None
    assert "assign" in reason
