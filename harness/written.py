"""Files of this repository that are made from its code: written, or checked by lint."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[1]


def out_of_date(texts: Mapping[str, str]) -> dict[str, str]:
    """Those of some files, path → text, that are not as they should be."""
    return {
        name: text
        for name, text in texts.items()
        if not (ROOT / name).exists() or (ROOT / name).read_bytes() != text.encode()
    }


def main(texts: Mapping[str, str], session: str) -> None:
    """Write those that are out of date; with --check, fail if there are any."""
    found = out_of_date(texts)
    if sys.argv[1:] == ["--check"] and found:
        sys.exit(f"error: {', '.join(found)}: out of date; run `nox -s {session}`")
    for name, text in found.items():
        files.write_text(ROOT / name, text)
