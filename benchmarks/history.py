"""History without a registry: as a whole process, over many commits of a file of many models."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness.costs import measured

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMITS = 2_000
MODELS = 100
RUNS = 5
_START = 1_700_000_000  # seconds since 1970
_STEP = 37  # from one model to the next that moves
_VERB = ("-m", "mlgitops", "history", "--offline")
_MODEL = """\
  model-{number:05}:
    description: Daily power of wind farm {number}, from three weather readings a day
    owners: ["@wind-team"]
    versions:
      1: {{train: power_forecasting, params: {{estimator: linear}}}}
      2: {{train: power_forecasting, params: {{estimator: gradient_boosting, max_iter: 200}}}}
      3: {{train: power_forecasting, params: {{estimator: gradient_boosting, max_iter: 300}}}}
    gates:
      Production:
        - {{metric: test_mae, max_regression: 2%}}
        - {{signature: compatible}}
    stages:
      Staging: {staging}
      Production: {production}
"""


def seed(folder: Path, *, commits: int = COMMITS, models: int = MODELS) -> None:
    """Make a repository in which each commit moves a model on, so that no two files are equal."""
    held = [(1, 1)] * models
    blocks = [_block(number, *one) for number, one in enumerate(held)]
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", folder], check=True)
    importer = ["git", "-C", str(folder), "fast-import", "--quiet"]
    with subprocess.Popen(importer, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for commit in range(commits):
            number = commit * _STEP % models
            held[number] = commit, held[number][0]
            blocks[number] = _block(number, *held[number])
            text = f"models:\n{''.join(blocks)}"
            who = f"Ada <ada@localhost> {_START + 3600 * commit} +0100"
            said = f"Promote model {number} (#{commit})"
            process.stdin.write(
                f"commit refs/heads/main\nauthor {who}\ncommitter {who}\n"
                f"data {len(said)}\n{said}\nM 100644 inline models.yaml\n"
                f"data {len(text)}\n{text}\n".encode()
            )
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, importer)
    subprocess.run(["git", "-C", folder, "reset", "--quiet", "--hard"], check=True)


def _block(number: int, staging: int, production: int) -> str:
    return _MODEL.format(number=number, staging=staging, production=production)


def measure() -> Iterator[str]:
    """The median of its CPU time, that of git included, against git writing the same alone."""
    commands = {
        "git fast-export": ["git", "fast-export", "--first-parent", "HEAD"],
        **{
            f"history as {form}": [sys.executable, *_VERB, "--format", form]
            for form in ("text", "markdown", "json")
        },
    }
    yield f"{COMMITS:,} commits × {MODELS} models"
    with tempfile.TemporaryDirectory(prefix="mlgitops-") as folder:
        seed(Path(folder))
        place = Path(folder)
        rounds = [
            {n: measured(c, folder=place, environment=os.environ).cpu for n, c in commands.items()}
            for _ in range(RUNS)
        ]
    alone = next(iter(commands))
    for name in commands:
        cpu = statistics.median(one[name] for one in rounds)
        ratio = statistics.median(one[name] / one[alone] for one in rounds)
        yield f"{name:20} CPU {cpu:5.2f} s   {ratio:5.2f} × {alone}"
