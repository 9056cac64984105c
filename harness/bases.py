"""Write the digests of base images into the Dockerfiles that name them: nox -s lock -- --images.

Asks the registry of each image. Dependabot refreshes the lines afterwards.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.errors import DockerError
from mlgitops.image.base import LINE
from mlgitops.system import docker

if TYPE_CHECKING:
    from re import Match


def pin(dockerfile: Path) -> list[str]:
    """Give each base image in a file the digest that its tag has now; what the lines say then.

    Raises:
        DockerCommandError: a registry does not know an image; the file is as it was.
    """
    lines: list[str] = []

    def pinned(line: Match[str]) -> str:
        lines.append(f"FROM {line['name']}@{docker.digest_in_registry(line['name'])}")
        return lines[-1]

    dockerfile.write_text(LINE.sub(pinned, dockerfile.read_text("utf-8")), "utf-8")
    return lines


if __name__ == "__main__":
    try:
        for path in sys.argv[1:]:
            for said in pin(Path(path)):
                sys.stdout.write(f"{path}: {said}\n")
    except DockerError as error:
        sys.exit(f"error: {error}")
