"""Requirements with everything that they need, resolved by uv."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from mlgitops.errors import ResolveError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PATIENCE = 600  # seconds; requirements can be such that no end is in sight
_SHOWN = 3_000  # characters of what uv says
# requirements choose what uv does; of this machine it knows what it needs to reach the indexes that
# whoever runs it has chosen, in uv's own variables or files
_NEEDED = re.compile(
    r"PATH|HOME|TMPDIR|XDG_[A-Z]+_HOME|LANG|NETRC|SSL_CERT_FILE|SSL_CERT_DIR|SSL_CLIENT_CERT"
    r"|(HTTP|HTTPS|ALL|NO)_PROXY|UV_(?!PUBLISH_)[A-Z0-9_]+",
    re.IGNORECASE,
)


def compiled(arguments: Sequence[str], folder: Path, text: str = "") -> str:
    """What `uv pip compile` prints: requirements, each at one version with its hashes.

    Args:
        arguments: the input and what else is wished.
        folder: where it runs.
        text: its standard input.

    Raises:
        ResolveError: they contradict each other, there is no such package, or no end of resolving.
    """
    import uv

    command = [os.fsdecode(uv.find_uv_bin()), "pip", "compile", "--quiet", "--color", "never"]
    command += ["--generate-hashes", "--no-emit-index-url", *arguments]
    try:
        done = subprocess.run(
            command,
            input=text,
            cwd=folder,
            env={name: value for name, value in os.environ.items() if _NEEDED.fullmatch(name)},
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        raise ResolveError(f"uv found no end within {_PATIENCE} s; pin their versions") from error
    if done.returncode:
        raise ResolveError(done.stderr.strip()[:_SHOWN])
    return done.stdout
