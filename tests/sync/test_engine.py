"""Verbs as processes: what they get, and how they end. A script stands in for Python."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors.applying import SyncEndedError
from mlgitops.sync.engine import READER, Engine

if TYPE_CHECKING:
    from pathlib import Path


def engine(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, **more: object) -> Engine:
    """An engine whose verbs are a script."""
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    given = {
        "checkout": folder,
        "reports": folder,
        "beat": lambda: None,
        "stopped": lambda: False,
        "tell": lambda _: None,
        **more,
    }
    return Engine(**given)  # type: ignore[arg-type]


def test_a_verb_gets_the_login_of_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of git, GitHub or the chat, nor of other steps; and imports nothing by its name."""
    for name, value in {
        "MLGITOPS_SYNC_TOKEN": "git-s3cret",
        "GITHUB_TOKEN": "hub-s3cret",
        "MLGITOPS_WEBHOOK_URL": "https://chat.example/s3cret",
        "MLGITOPS_ANNOUNCE_DEFAULT_SECRET": "hook-s3cret",
        "MLFLOW_TRACKING_USERNAME": "writer",
        "MLFLOW_TRACKING_PASSWORD": "writer-s3cret",
        "MLFLOW_READER_USERNAME": "reader",
        "MLFLOW_READER_PASSWORD": "reader-pw",
        "MLFLOW_TRAINER_PASSWORD": "trainer-s3cret",
        "MLGITOPS_OWNER": "acme",
    }.items():
        monkeypatch.setenv(name, value)
    made = engine(tmp_path, monkeypatch, "env")
    reading = made.run("plan", login=READER).printed
    assert "s3cret" not in reading
    assert "MLFLOW_TRACKING_PASSWORD=reader-pw" in reading
    assert "PYTHONSAFEPATH=1" in reading
    writing = made.run("apply", more={"MLGITOPS_ACTOR": "ada"}).printed
    assert "MLFLOW_TRACKING_PASSWORD=writer-s3cret" in writing
    assert writing.count("s3cret") == 1
    assert {"MLGITOPS_ACTOR=ada", "MLGITOPS_OWNER=acme"} <= {*writing.splitlines()}


def test_a_verb_says_why_it_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its errors; where it printed none, in its last line."""
    told: list[str] = []
    script = "echo a plan; echo error: one >&2; echo error: two >&2; exit 3"
    ran = engine(tmp_path, monkeypatch, script, tell=told.append).run("plan")
    assert (ran.code, ran.errors) == (3, ("one", "two"))
    assert told == ["a plan", "error: one", "error: two"]
    assert engine(tmp_path, monkeypatch, "echo Killed; exit 9").run("plan").errors == ("Killed",)


def test_a_report_on_standard_output_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not told, as people read what is."""
    ran = engine(tmp_path, monkeypatch, "echo '{}'; echo slow >&2").run("status", out="status.json")
    assert ran.printed == "slow\n"
    assert (tmp_path / "status.json").read_text() == "{}\n"


def test_a_verb_ends_in_order_with_the_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked to end, and waited for: an apply finishes what it has begun."""
    ready, done = tmp_path / "ready", tmp_path / "done"
    script = f"trap 'touch {done}; exit 143' TERM\ntouch {ready}\nwhile :; do sleep 0.01; done"
    made = engine(tmp_path, monkeypatch, script, stopped=ready.exists)
    with pytest.raises(SyncEndedError, match="apply"):
        made.run("apply")
    assert done.exists()
