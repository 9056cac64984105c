"""The project's name: one everywhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORMER = "model" + "ops"  # somebody else's package


def test_no_file_bears_or_names_the_former_name() -> None:
    """Advice with the former name would install a stranger's code."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    found = subprocess.run(
        ["git", "grep", "--ignore-case", "--name-only", FORMER],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert FORMER not in listed.lower()
    assert found.returncode == 1, found.stdout.decode()
