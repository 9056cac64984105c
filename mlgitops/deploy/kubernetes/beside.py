"""What runs beside a candidate, in its image: it gives the model's files, then what it says itself.

Its source is sent to the pod: it needs nothing but Python and what the program needs that it is
given. It listens on loopback, where only a forwarded port reaches it.
"""

from __future__ import annotations

import io
import os
import socket
import sys
import tarfile
from pathlib import Path


def main(folder: str, program: str, seconds: str, port: str, most: str) -> None:
    """Answer two callers, one after the other; files of more than `most` bytes are left out."""
    here = socket.create_server(("127.0.0.1", int(port)))
    there, _ = here.accept()
    with there, there.makefile("wb") as out, tarfile.open(fileobj=out, mode="w|") as archive:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and path.stat().st_size <= int(most):
                archive.add(path, str(Path("model") / path.relative_to(folder)))
    there, _ = here.accept()
    with there.makefile("rb") as asked:
        text = asked.read(int(asked.readline()))
    os.dup2(there.fileno(), 1)
    sys.stdin = io.TextIOWrapper(io.BytesIO(text), encoding="utf-8")
    sys.argv = ["truth", folder, seconds]
    exec(compile(program, "truth", "exec"), {"__name__": "__main__"})  # noqa: S102 - our own


if __name__ == "__main__":
    main(*sys.argv[1:])
