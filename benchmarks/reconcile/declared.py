"""What is declared: models.yaml of any size."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from benchmarks.reconcile.seed import OWNER, name_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from benchmarks.reconcile.engines import Engine


def plain(count: int, moved: Collection[int] = ()) -> str:
    """Two stages for each model; Staging holds version 3 where it was moved, else 2."""
    lines = ["models:"]
    for number in range(count):
        staging = 3 if number in moved else 2
        stages = f"{{Staging: {staging}, Production: 1}}"
        lines.append(f"  {name_of(number)}: {{stages: {stages}}}")
    return "\n".join([*lines, ""]) if count else "models: {}\n"


def full(count: int) -> str:
    """All that an entry has: what it predicts, owners, recipes of three versions, gates, stages."""
    return "models:\n" + "".join(_ENTRY.format(name=name_of(n), n=n) for n in range(count))


def spread(file: Path, text: str, files: int) -> None:
    """Write a models.yaml whose entries are in so many files beside it, or in itself if that is 1.

    Args:
        file: models.yaml.
        text: what `full` made.
        files: at most as many as there are entries.
    """
    if files == 1:
        file.write_text(text)
        return
    entries = _NAME.split(text.removeprefix("models:\n"))[1:]
    folder = file.parent / "models"
    folder.mkdir(exist_ok=True)
    file.write_text("version: 2\ninclude: [models/*.yaml]\n")
    for number in range(files):
        (folder / f"team-{number:03}.yaml").write_text(
            "models:\n" + "".join(entries[number::files])
        )


_NAME = re.compile("^(?=  [^ ])", re.MULTILINE)
_ENTRY = """\
  {name}:
    description: Daily power of wind farm {n}, from three weather readings a day
    owners: ["@wind-team"]
    versions:
      1: {{train: power_forecasting, params: {{estimator: linear}}}}
      2: {{train: power_forecasting, params: {{estimator: gradient_boosting, max_iter: 200}}}}
      3: {{train: power_forecasting, params: {{estimator: random_forest, n_estimators: 100}}}}
    gates:
      Production:
        - {{metric: test_r2, min: 0.9}}
        - {{metric: test_mae, max_regression: 2%}}
        - {{signature: compatible}}
        - {{promoted_from: Staging}}
    stages:
      Staging: 2
      Production: 1
"""


def in_repository(folder: Path) -> Path:
    """The models.yaml of a new folder whose git says who manages the stages."""
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    remote = ("remote", "add", "origin", f"https://{OWNER}.git")
    subprocess.run(["git", "-C", folder, *remote], check=True)
    return folder / "models.yaml"


def beside_recipes(folder: Path, engine: Engine) -> Path:
    """The models.yaml of a new folder in which an engine finds its recipes."""
    made = folder / engine.name
    made.mkdir()
    (made / "training").symlink_to(engine.home / "training")
    return made / "models.yaml"
