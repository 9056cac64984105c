"""A checkout whose files have the names of modules, through what a job with credentials runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_docker
ROOT = Path(__file__).resolve().parents[2]
# what Python, pip, the build of the wheel and mlgitops import, or try to
INSTALLED = (
    *("nox", "uv", "pip", "hatchling", "packaging", "pathspec", "click", "yaml", "jinja2", "rich"),
    *("pydantic", "requests", "urllib3", "mlflow", "numpy", "pandas", "sklearn", "skops", "orjson"),
)
STARTING = ("sitecustomize", "usercustomize", "__future__", "__main__")
NAMES = sorted(
    {*sys.stdlib_module_names, *INSTALLED, *STARTING} - {"noxfile", *sys.builtin_module_names}
)
HOSTILE = """\
with open({log!r}, "a") as stream:
    stream.write(__name__ + "\\n")
raise ImportError("hostile")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """This repository, and at its root a file for each of those names, which notes that it ran."""
    folder = tmp_path / "checkout"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for name in NAMES:
        (folder / f"{name}.py").write_text(HOSTILE.format(log=str(tmp_path / "ran")))
    return folder


def run(folder: Path, *command: str | Path, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command there with the machine's own environment and a login."""
    ours = ("COV_", "MLGITOPS_", "MLFLOW_", "NOX_", "PYTHON", "VIRTUAL_ENV")
    known = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    known |= {"GITHUB_PATH": str(folder.parent / "path"), "PATH": f"{path}:{known['PATH']}"}
    known |= {"LOCK": "requirements/runtime.txt", "EXTRAS": "all", "SOURCE": "."}
    known |= {"ENVIRONMENT": str(folder.parent / "environment")}
    return subprocess.run(
        command, cwd=folder, env=known, capture_output=True, text=True, check=False
    )


def test_a_checkout_stands_in_for_no_module(checkout: Path, tmp_path: Path) -> None:
    """The set-up and the verbs import nothing of it, whatever its files are called."""
    ran = tmp_path / "ran"
    assert len(NAMES) > 200
    assert run(checkout, sys.executable, "noxfile.py", "-s", "lint").returncode != 0
    assert ran.exists()  # the files would run, without -I
    ran.unlink()

    set_up = run(checkout, sys.executable, "-I", ".github/actions/setup/install.py")
    assert set_up.returncode == 0, set_up.stdout + set_up.stderr
    path = (tmp_path / "path").read_text().strip()
    for verb in ("validate", "status", "plan"):  # the registry is empty: a server, and no model
        done = run(checkout, f"{path}/mlgitops", verb, path=path)
        assert "Traceback" not in done.stderr
        assert done.returncode == (3 if verb == "plan" else 0), done.stdout + done.stderr
    assert not ran.exists(), ran.read_text()
