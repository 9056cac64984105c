"""The code of recipes as a zip, for machines that have no checkout."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.errors import CodeError
from mlgitops.system import modules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.recipes.package import RecipePackage

_MOST = 32 << 20  # bytes


def zipped(package: RecipePackage) -> bytes:
    """The package of recipes with all of its files; empty if it is installed, not beside the file.

    What else lies beside it is not sent: recipes import it from what workers have installed.

    Raises:
        CodeError: there is too much of it.
    """
    top = package.name.partition(".")[0]
    spec = modules.find(top, package.folders)
    roots = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    own = [root for root in roots if str(root.parent) in package.folders]
    stream = io.BytesIO()
    size = 0
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for root in own:
            for path in _files(root):
                size += path.stat().st_size
                if size > _MOST:
                    raise CodeError(
                        f"{root} has more than {_MOST >> 20} MiB, which is too much to send to "
                        "workers; keep data elsewhere and name it with --data"
                    )
                archive.write(path, path.relative_to(root.parent))
        found = bool(archive.namelist())
    return stream.getvalue() if found else b""


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        hidden = any(part.startswith((".", "__pycache__")) for part in path.relative_to(root).parts)
        if path.is_file() and not path.is_symlink() and not hidden:
            yield path
