"""A host that is reached by SSH."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.waiting import eventually
from mlgitops.deploy.docker import ssh
from mlgitops.system.ports import free_port
from tests.stack.deployment import WIND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.team import Team

pytestmark = [pytest.mark.xdist_group("deploy"), pytest.mark.timeout(600)]

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")


@pytest.mark.skipif(SSHD is None, reason="OpenSSH's server is not installed")
def test_a_host_by_ssh(farm: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in a variable reaches a known host, and no other; it is in no message and no file."""
    monkeypatch.setenv(ssh.KEY, (_keys(tmp_path) / "user").read_text())
    with _sshd(tmp_path) as (address, known):
        edge = {"kind": "docker", "hosts": [f"ssh://{address}"], "stages": ["Staging"]}
        listed = json.dumps({"edge": {**edge, "ports": {WIND: 1}}})
        models = f"models: {{{WIND}: {{stages: {{Staging: 1}}}}}}"
        farm.write(f"version: 2\n{models}\ndeployments: {listed}\n")
        monkeypatch.setenv(ssh.KNOWN_HOSTS, known)
        assert _asked(farm) == ["empty"]
        monkeypatch.setenv(ssh.KNOWN_HOSTS, known.replace("AAAA", "AAAB"))
        refused = farm.run("status", "--format", "json")
        assert [one["state"] for one in refused.document["deployments"]] == ["unknown"]
        monkeypatch.delenv(ssh.KNOWN_HOSTS)
        told = farm.run("status", "--format", "json").document["deployments"]
        assert (
            "MLGITOPS_DEPLOY_KEY is set, but MLGITOPS_DEPLOY_KNOWN_HOSTS is not" in told[0]["note"]
        )
    assert "PRIVATE KEY" not in refused.out + refused.err
    assert not list(Path(tempfile.gettempdir()).glob("mlgitops-ssh-*"))


def _asked(team: Team) -> list[str]:
    found = team.ok("status", "--format", "json").document["deployments"]
    return [one["state"] for one in found]


def _keys(folder: Path) -> Path:
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    return folder


@contextmanager
def _sshd(folder: Path) -> Iterator[tuple[str, str]]:
    """A server for this very user: its address, and its line for known_hosts."""
    assert SSHD is not None, "asked before"
    port = free_port()
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/user.pub\nPidFile none\nUsePAM no\n"
    )
    # it wants this folder, empty, where systemd would have made it
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server = subprocess.Popen([SSHD, "-D", "-f", str(folder / "sshd_config")])
    try:
        eventually(lambda: _listens(port), within=10, every=0.05)
        kind, key = (folder / "host.pub").read_text().split()[:2]
        yield f"{getpass.getuser()}@127.0.0.1:{port}", f"[127.0.0.1]:{port} {kind} {key}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
