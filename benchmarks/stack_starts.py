"""Fresh starts of the stack in a row; needs Docker.

Each one begins without containers, volumes and secrets, and counts only if an API call, an artifact
round trip and a database query have worked.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness.stack import Running
from mlgitops.errors import MlgitopsError

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTS = 20


def measure() -> Iterator[str]:
    """Start, prove, destroy, again; the last line counts the successes."""
    succeeded = 0
    for number in range(1, STARTS + 1):
        with tempfile.TemporaryDirectory() as folder:
            stack = Running(folder=Path(folder), settings={"STACK_MLFLOW_WORKERS": "2"})
            started = time.monotonic()
            try:
                stack.compose.build()
                stack.up()
                succeeded += 1
                yield f"{number}: up in {time.monotonic() - started:.0f} s"
            except MlgitopsError as error:
                yield f"{number}: {error}"
            finally:
                stack.close()
    yield f"{succeeded} of {STARTS} fresh starts succeeded"
