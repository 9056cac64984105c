"""docs/compatibility.md names the versions that the tests run on."""

from __future__ import annotations

import re
from pathlib import Path

import mlflow

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_names_the_versions_of_the_servers() -> None:
    """Those that are locked: of this environment, and of `nox -s mlflow2`."""
    page = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    lock = (ROOT / "requirements" / "mlflow2.txt").read_text(encoding="utf-8")
    locked = re.findall(r"^mlflow==(\S+)", lock, re.MULTILINE)
    assert set(re.findall(r"^\| (\d+\.\d+\.\d+)", page, re.MULTILINE)) == {
        mlflow.__version__,
        *locked,
    }
