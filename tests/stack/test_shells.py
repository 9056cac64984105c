"""Completion in the shells themselves: what is typed with tabs is the command that runs."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_docker

SETTINGS = {
    "bash": 'PS1="READY> "\neval "$(_MLGITOPS_COMPLETE=bash_source mlgitops)"\n',
    "zsh": (
        'PS1="READY> "\nautoload -Uz compinit && compinit -u -d "$ZDOTDIR/dump"\n'
        'eval "$(_MLGITOPS_COMPLETE=zsh_source mlgitops)"\n'
    ),
}
COMMANDS = {
    "bash": ["bash", "--noprofile", "--rcfile", ".bashrc", "-i"],
    "zsh": ["zsh", "-i", "+o", "GLOBAL_RCS"],
}
_LONGEST = 120.0  # seconds, on a machine that has much else to do
# a command that says how it was called, unless a shell asks it to complete
_SCRIPT = """\
#!/bin/sh
[ -n "$_MLGITOPS_COMPLETE" ] && exec "{python}" -m mlgitops "$@"
printf '%s\\n' "$*" > called.new && mv called.new called
"""


def shell(name: str) -> None:
    """Skip the test where there is no such shell, unless it is expected."""
    if shutil.which(name) is None:
        if os.environ.get("MLGITOPS_EXPECT_SHELLS") == "1":
            pytest.fail(f"MLGITOPS_EXPECT_SHELLS=1, but no {name} on PATH")
        pytest.skip(f"no {name} on PATH")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A folder with a models.yaml and settings of shells, and `mlgitops` on PATH."""
    models = "models: {power-model: {stages: {Production: 1}, versions: {27: {train: a}}}}\n"
    (tmp_path / "models.yaml").write_text(models)
    for name, text in SETTINGS.items():
        (tmp_path / f".{name}rc").write_text(text)
    command = tmp_path / "bin" / "mlgitops"
    command.parent.mkdir()
    command.write_text(_SCRIPT.format(python=sys.executable))
    command.chmod(0o755)
    root = Path(__file__).parents[2]
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")},
        "HOME": str(tmp_path),
        "ZDOTDIR": str(tmp_path),
        "TERM": "xterm",
        "PYTHONPATH": str(root),
        "PATH": f"{command.parent}:{os.environ['PATH']}",
    }


def typed(command: list[str], keys: str, folder: Path, environment: dict[str, str]) -> str:
    """What the command that was typed in a shell was called with, given all that it showed."""
    here, there = pty.openpty()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=there, stdout=there, stderr=there,
        start_new_session=True,
    )  # fmt: skip
    os.close(there)
    shown, sent, deadline = b"", False, time.monotonic() + _LONGEST
    called = folder / "called"
    try:
        while not called.exists() and process.poll() is None and time.monotonic() < deadline:
            if select.select([here], [], [], 0.2)[0]:
                shown += os.read(here, 4096)
            if not sent and b"READY> " in shown:
                os.write(here, keys.encode())
                sent = True
        assert called.exists(), shown.decode(errors="replace")
        return called.read_text().strip()
    finally:
        process.kill()
        process.wait()
        os.close(here)


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_tabs_complete_verb_model_stage_and_version(
    name: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """Each word is begun and ended by a tab."""
    shell(name)
    keys = "mlgitops prom\tpow\tProd\t2\t\r"
    assert typed(COMMANDS[name], keys, tmp_path, environment) == (
        "promote power-model Production 27"
    )


def test_fish_lists_what_may_come_next(environment: dict[str, str], tmp_path: Path) -> None:
    """With what is said of each, by its own `complete`."""
    shell("fish")
    script = (
        "_MLGITOPS_COMPLETE=fish_source mlgitops | source\n"
        'for line in "prom" "promote " "promote power-model " "promote power-model Production "\n'
        '    complete -C "mlgitops $line"\nend\n'
    )
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split("\n") == [
        "promote\tPut VERSION into a stage in models.yaml.",
        "power-model",
        "Production\tversion 1",
        "Staging\tempty",
        "1\tProduction",
        "27\ta",
        "",
    ]
