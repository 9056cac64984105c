"""The pages of docs/ for the generator of the handbook: `nox -s docs`.

On GitHub, pages link to files beside docs/, such as the changelog. The handbook has none beside it,
so it gets a copy of each file that a page links to, and the link leads to that.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(".mlgitops/handbook")
# the file and the heading of each link; code, which has none, is found before
LINK = re.compile(
    r"^ *```.*?^ *```$|`[^`\n]+`|(?<=\]\()([^)#\s]*)(#[^)\s]*)?(?=\))",
    re.MULTILINE | re.DOTALL,
)
_DOCS = PurePosixPath("docs")
_COPIES = PurePosixPath("files")


def write(root: Path, folder: Path) -> None:
    """Write all pages and the generator's settings to a folder, in place of what is there.

    Raises:
        FileNotFoundError: a page links to a file that is not there.
    """
    pages = folder / "pages"  # as mkdocs.yml says
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / _DOCS, pages)
    shutil.copy(root / "mkdocs.yml", folder)
    for page in sorted((root / _DOCS).rglob("*.md")):
        name = PurePosixPath(page.relative_to(root))
        _page(name, _place(name), root, pages)


def _page(source: PurePosixPath, place: PurePosixPath, root: Path, pages: Path) -> None:
    """Write one page with its links; both names are those from the folders' tops."""

    def led(found: re.Match[str]) -> str:
        name, heading = found[1], found[2] or ""
        if not name or ":" in name:  # code, a heading of this page, or another host
            return found[0]
        target = PurePosixPath(os.path.normpath(source.parent / name))
        where = _place(target)
        if not (pages / where).exists():
            (pages / where).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / target, pages / where)
            if where.suffix == ".md":
                _page(target, where, root, pages)
        return os.path.relpath(where, place.parent) + heading

    text = (root / source).read_text(encoding="utf-8")
    (pages / place).write_text(LINK.sub(led, text), encoding="utf-8")


def _place(target: PurePosixPath) -> PurePosixPath:
    """Where the handbook has a file; beside docs/, none has a name that servers do not publish."""
    if target.is_relative_to(_DOCS):
        return target.relative_to(_DOCS)
    copy = _COPIES.joinpath(*(part.removeprefix(".") for part in target.parts))
    return copy if copy.suffix in {".md", ".json"} else copy.with_name(f"{copy.name}.txt")


if __name__ == "__main__":
    write(ROOT, ROOT / FOLDER)
