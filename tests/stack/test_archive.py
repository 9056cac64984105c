"""A file that is no backup is one error, whatever it holds; nothing of it goes anywhere else."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from stack import archive
from stack.errors import ArchiveError, SettingsError
from stack.settings import read

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.no_docker
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
MANIFEST: dict[str, Any] = {
    "format": 1,
    "created": "now",
    "revision": "abc",
    "counts": {"runs": [1, 2]},
    "files": 1,
    "bytes": 1,
    "sha256": {"a.sql": EMPTY},
}


def made(path: Path, manifest: bytes, *entries: tarfile.TarInfo) -> Path:
    """An archive of a manifest and empty entries."""
    with tarfile.open(path, "w") as tar:
        first = tarfile.TarInfo(archive.MANIFEST)
        first.size = len(manifest)
        tar.addfile(first, io.BytesIO(manifest))
        for entry in entries:
            tar.addfile(entry)
    return path


def link(name: str, to: str) -> tarfile.TarInfo:
    """A symbolic link."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, to
    return entry


def test_whole(tmp_path: Path) -> None:
    """What is whole is read."""
    source = made(tmp_path / "a.tar", json.dumps(MANIFEST).encode(), tarfile.TarInfo("a.sql"))
    assert archive.unpack(source, tmp_path, ["a.sql"]).counts == {"runs": (1, 2)}
    assert (tmp_path / "a.sql").read_bytes() == b""


@pytest.mark.parametrize(
    "manifest",
    [
        *(b"", b"[]", b"null", b"{", b"[" * 100_000, b"\xff", b'{"format": 1}', b"9" * 5000),
        *(
            json.dumps({**MANIFEST, key: value}).encode()
            for key, value in [
                *(("format", 2), ("format", "1"), ("counts", []), ("counts", {"runs": 1})),
                *(("counts", {"runs": ["x", 1]}), ("sha256", "abc"), ("sha256", {"a.sql": 1})),
                *(("sha256", {}), ("sha256", {"a.sql": "0"}), ("files", "many"), ("created", None)),
            ]
        ),
        b" " * 2**21 + json.dumps(MANIFEST).encode(),
    ],
)
def test_strange_manifests(tmp_path: Path, manifest: bytes) -> None:
    """A manifest of other types, cut off, nested or endless is one error that names the file."""
    source = made(tmp_path / "a.tar", manifest, tarfile.TarInfo("a.sql"))
    with pytest.raises(ArchiveError, match=r"a\.tar") as caught:
        archive.unpack(source, tmp_path, ["a.sql"])
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    "entries",
    [(), (link("a.sql", "a.sql"),), (link("a.sql", "/etc/passwd"),), (link("a.sql", "b"),)],
)
def test_strange_parts(tmp_path: Path, entries: tuple[tarfile.TarInfo, ...]) -> None:
    """A part that is missing or is a link is refused."""
    source = made(tmp_path / "a.tar", json.dumps(MANIFEST).encode(), *entries)
    with pytest.raises(ArchiveError, match="not a complete backup"):
        archive.unpack(source, tmp_path, ["a.sql"])


@pytest.mark.parametrize("text", ["abc", "\uff11", "-1", "0", "99999999", "9" * 5000, "1.5"])
def test_nonsense_numbers(text: str) -> None:
    """A setting that is to be a number and is none is named before Compose is asked."""
    with pytest.raises(SettingsError, match=r"STACK_MLFLOW_WORKERS=.* is not a whole number"):
        read({"STACK_MLFLOW_WORKERS": text})
