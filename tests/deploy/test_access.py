"""A kubeconfig in a variable: a file for as long as it is needed, which nobody else can read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlgitops.deploy import access
from mlgitops.system import secrets

CONFIG = """\
apiVersion: v1
users:
- name: deployer
  user: {token: "sesame-open", client-key-data: a2V5LWRhdGE=}
clusters: [{name: farm, cluster: {server: https://farm.example.org}}]
"""


def test_it_is_a_file_for_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of mode 0600, gone afterwards, also after an error; what was set before is set again."""
    monkeypatch.setenv("MLGITOPS_KUBECONFIG", CONFIG)
    monkeypatch.setenv("KUBECONFIG", "/before")
    found: list[Path] = []

    def fail() -> None:
        found.append(Path(os.environ["KUBECONFIG"]))
        assert found[0].read_text() == CONFIG
        modes = [path.stat().st_mode & 0o777 for path in (found[0], found[0].parent)]
        assert modes == [0o600, 0o700]
        raise OSError("no")

    with pytest.raises(OSError, match="no"), access.kubeconfig():
        fail()
    assert not found[0].parent.exists()
    assert os.environ["KUBECONFIG"] == "/before"
    monkeypatch.delenv("KUBECONFIG")
    with access.kubeconfig():
        pass
    assert "KUBECONFIG" not in os.environ


def test_without_the_variable_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one is none: GitHub gives that for a secret that is not there."""
    monkeypatch.setenv("MLGITOPS_KUBECONFIG", "")
    monkeypatch.setenv("KUBECONFIG", "/mine")
    with access.kubeconfig():
        assert os.environ["KUBECONFIG"] == "/mine"


def test_its_secrets_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not its addresses and names, which messages need."""
    monkeypatch.setenv("MLGITOPS_KUBECONFIG", CONFIG)
    secrets.forget()
    said = "deployer at farm.example.org: sesame-open a2V5LWRhdGE="
    assert secrets.hidden(said) == "deployer at farm.example.org: *** ***"
    monkeypatch.undo()
    secrets.forget()
    assert secrets.hidden(said) == said
