"""The units, services and jobs of docs/sync: what they run is what the verb takes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from mlgitops.cli.sync import sync

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "sync"


def commands() -> dict[str, list[str]]:
    """What each example passes to `mlgitops sync`."""
    found = {}
    for unit in EXAMPLES.glob("*.service"):
        lines = unit.read_text(encoding="utf-8").splitlines()
        (line,) = (line for line in lines if line.startswith("ExecStart="))
        found[unit.name] = shlex.split(line)[2:]
    compose = yaml.safe_load((EXAMPLES / "compose.yaml").read_text(encoding="utf-8"))
    found["compose.yaml"] = compose["services"]["sync"]["command"]
    found["cronjob.yaml"] = container()["args"]
    return found


def container() -> dict[str, Any]:
    """The container of the CronJob."""
    text = (EXAMPLES / "cronjob.yaml").read_text(encoding="utf-8")
    _, job = yaml.safe_load_all(text)
    (found,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize("example", commands())
def test_the_verb_takes_what_an_example_passes(
    example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each option exists; a job or a unit of a timer ends, a service goes on."""
    monkeypatch.setattr(click.Path, "convert", lambda *given: Path(given[1]))  # no such keys here
    given = sync.make_context("sync", list(commands()[example])).params
    assert given["once"] == (example in ("mlgitops-sync-once.service", "cronjob.yaml"))
    assert given["key_file"]
    assert given["known_hosts"]


def test_what_is_remembered_is_kept() -> None:
    """Without it, a rewritten history would be taken."""
    kept = "/var/lib/mlgitops"
    text = {name: (EXAMPLES / name).read_text(encoding="utf-8") for name in ("Dockerfile",)}
    assert f"MLGITOPS_SYNC_FOLDER={kept}" in text["Dockerfile"]
    assert f"VOLUME {kept}" in text["Dockerfile"]
    assert kept in {mount["mountPath"] for mount in container()["volumeMounts"]}
