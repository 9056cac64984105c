"""Tests of `mlgitops.system.modules`: where a team's own modules are found."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mlgitops.system import modules

if TYPE_CHECKING:
    import pytest


def test_beside_the_file_comes_before_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absolute, and each once."""
    monkeypatch.chdir(tmp_path)
    assert modules.folders_of(Path("models.yaml")) == (str(tmp_path),)
    assert modules.folders_of(Path("sub/models.yaml")) == (str(tmp_path / "sub"), str(tmp_path))


def test_a_module_is_found_in_folders_then_where_python_looks(tmp_path: Path) -> None:
    """Also one of a package without `__init__.py`; nothing is imported to know it."""
    (tmp_path / "acme" / "ml").mkdir(parents=True)
    (tmp_path / "acme" / "ml" / "churn.py").write_text("raise AssertionError")
    found = modules.find("acme.ml.churn", (str(tmp_path),))
    assert found is not None
    assert found.origin == str(tmp_path / "acme" / "ml" / "churn.py")
    assert "acme" not in sys.modules
    assert modules.find("json.decoder", (str(tmp_path),)) is not None
    assert modules.find("acme.nothing", (str(tmp_path),)) is None


def test_a_module_without_a_specification_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the script that runs."""
    monkeypatch.setitem(sys.modules, "wind_script", ModuleType("wind_script"))
    assert modules.find("wind_script", ()) is None


def test_folders_are_importable_for_a_while(tmp_path: Path) -> None:
    """The path is as it was, also after a module that changed it."""
    before = list(sys.path)
    with modules.importable((str(tmp_path),)):
        assert sys.path[0] == str(tmp_path)
        sys.path.remove(str(tmp_path))
    assert sys.path == before
