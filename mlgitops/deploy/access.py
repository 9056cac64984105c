"""The way to a cluster, for jobs that have a kubeconfig in a variable and no home of their own."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.system.variables import variable

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = "MLGITOPS_KUBECONFIG"
_FILE = "KUBECONFIG"


@contextmanager
def kubeconfig() -> Iterator[None]:
    """Let KUBECONFIG name a file of what MLGITOPS_KUBECONFIG holds, for this time.

    Nobody else can read the file. Without the variable, whatever the user has is left as it is.
    """
    content = os.environ.get(CONTENT, "")
    if not content.strip():
        yield
        return
    with TemporaryDirectory(prefix="mlgitops-kube-") as folder:
        file = Path(folder) / "config"
        file.touch(mode=0o600)
        file.write_text(f"{content.strip()}\n", encoding="utf-8")
        with variable(_FILE, str(file)):
            yield
