"""The program that installs mlgitops in jobs: what it reads of a lock."""

from __future__ import annotations

from pathlib import Path

from mlgitops.scaffold.templates.actions.setup import install

ROOT = Path(__file__).resolve().parents[2]


def test_a_lock_is_read_entry_by_entry() -> None:
    """Each package has its version and all its hashes; mlgitops loses its extras."""
    lock = (
        "# made by\n#    uv\nmlgitops[all] @ file:///m.whl \\\n    --hash=sha256:1\n"
        "PyYAML==6.0 ; python_version < '4' \\\n    --hash=sha256:2 \\\n    --hash=sha256:3\n"
        "    # via mlgitops\n"
    )
    found = install.entries(lock)
    assert found.keys() == {"mlgitops", "pyyaml"}
    assert found["mlgitops"].startswith("mlgitops @ file:///m.whl")
    assert found["pyyaml"].count("--hash") == 2
    assert install.roots("") == ["mlgitops"]


def test_the_bare_engine_is_in_the_lock() -> None:
    """What mlgitops needs for itself is there by name and hash, and so is uv."""
    found = install.entries((ROOT / "requirements/runtime.txt").read_text())
    for name in (*install.roots(str(ROOT)), "uv"):
        assert "--hash=sha256:" in found[name]
    assert "mlflow" not in install.roots(str(ROOT))
