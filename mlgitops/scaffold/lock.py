"""The lock of a team's repository: this very mlgitops and all that it needs, with hashes."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory

from mlgitops import __version__
from mlgitops.errors import ResolveError, ScaffoldError
from mlgitops.system import uv

INPUT = "requirements/mlgitops.in"
LOCK = "requirements/mlgitops.txt"
_NAMED = "mlgitops[all]"
# the oldest Python of mlgitops: jobs and laptops install from the same lock
_OPTIONS = ("--universal", "--python-version", "3.11")


def engine() -> str:
    """The requirement that the mlgitops of this process was installed from.

    Raises:
        ScaffoldError: from what no lock can name with a hash.
    """
    try:
        recorded = distribution("mlgitops").read_text("direct_url.json")  # PEP 610
    except PackageNotFoundError:
        where = "not installed"
    else:
        if recorded is None:
            return f"{_NAMED}=={__version__}"
        origin = json.loads(recorded)
        if "archive_info" in origin:
            return f"{_NAMED} @ {origin['url']}"
        where = f"installed from {origin['url']}"
    raise ScaffoldError(
        f"mlgitops is {where}, which has no hash to lock; install a release or a wheel, or name "
        "one: --engine 'mlgitops[all] @ file:///path/to/mlgitops.whl'"
    )


def texts(requirement: str) -> dict[str, str]:
    """The input and the lock: path in the repository → text.

    Raises:
        ScaffoldError: the requirement has no such versions.
    """
    asked = f"{requirement}\n"
    with TemporaryDirectory(prefix="mlgitops-lock-") as name:
        folder = Path(name)
        (folder / INPUT).parent.mkdir()
        (folder / INPUT).write_text(asked, encoding="utf-8")
        try:
            uv.compiled([*_OPTIONS, INPUT, "--output-file", LOCK], folder)
        except ResolveError as error:
            raise ScaffoldError(f"cannot lock {requirement}:\n{error}") from error
        return {INPUT: asked, LOCK: (folder / LOCK).read_text(encoding="utf-8")}
