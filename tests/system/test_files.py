"""Files are written whole or not at all, whatever they are."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import FileWriteError
from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534


def mode(path: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def small_disk(limit: int) -> Iterator[None]:
    """The system refuses to let any file grow beyond some bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def not_root() -> Iterator[None]:
    """Root may write everywhere: be somebody else meanwhile."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


def test_a_new_file(tmp_path: Path) -> None:
    """It is the text in UTF-8, line ends as they are, with what the umask leaves of permissions."""
    path = tmp_path / "new"
    before = os.umask(0o027)
    try:
        files.write_text(path, "wind: über\r\n\n")
    finally:
        os.umask(before)
    assert path.read_bytes() == "wind: über\r\n\n".encode()
    assert mode(path) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_there(tmp_path: Path) -> None:
    """Its permissions stay; a reader that has it open goes on reading the old text."""
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o600)
    with path.open() as reader:
        files.write_text(path, "new and longer")
        assert reader.read() == "old"
    assert (path.read_text(), mode(path)) == ("new and longer", 0o600)


def test_permissions_that_are_asked_for(tmp_path: Path) -> None:
    """They hold whatever the umask or the old file's are."""
    path = tmp_path / "secret"
    files.write_text(path, "1", mode=0o444)
    assert mode(path) == 0o444


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    """A file of somebody else's is theirs afterwards."""
    path = tmp_path / "theirs"
    path.write_text("old")
    os.chown(path, NOBODY, NOBODY)
    files.write_text(path, "new")
    assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_one(tmp_path: Path, there: bool) -> None:
    """What it points to is written, in its own folder, also if it did not exist."""
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "file", tmp_path / "link"
    if there:
        target.write_text("old")
    link.symlink_to(Path("elsewhere", "file"))
    files.write_text(link, "new")
    assert link.readlink() == Path("elsewhere", "file")
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_full_disk(tmp_path: Path) -> None:
    """The error names the file and the reason; the old file is whole and no other is left."""
    path = tmp_path / "file"
    path.write_text("old")
    with (
        small_disk(1000),
        pytest.raises(FileWriteError, match=rf"cannot write {path}: File too large") as caught,
    ):
        files.write_pieces(path, ["x" * 600, "x" * 600])
    assert caught.value.exit_code == 1
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_pieces_that_fail(tmp_path: Path) -> None:
    """What making a piece raises is what is seen, and the old file is as it was."""

    def pieces() -> Iterator[str]:
        yield "half"
        raise KeyboardInterrupt

    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        files.write_pieces(path, pieces())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("folder", "file"), [(0o555, 0o666), (0o777, 0o444)])
def test_what_may_not_be_written(folder: int, file: int) -> None:
    """A folder that is read-only, and a file that is: both are refused, and nothing changes."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "file")
        path.write_text("old")
        path.chmod(file)
        path.parent.chmod(folder)
        with not_root(), pytest.raises(FileWriteError, match="Permission denied"):
            files.write_text(path, "new")
        assert path.read_text() == "old"
        assert list(path.parent.iterdir()) == [path]


def test_no_folder(tmp_path: Path) -> None:
    """A folder that is missing, and one in the place of the file, are the same error."""
    with pytest.raises(FileWriteError, match=r"cannot write .*gone/file: No such file"):
        files.write_text(tmp_path / "gone" / "file", "new")
    with pytest.raises(FileWriteError, match="Is a directory"):
        files.write_text(tmp_path, "new")


@pytest.mark.parametrize("redirected", [True, False])
def test_standard_output(tmp_path: Path, redirected: bool) -> None:
    """/dev/stdout is written to as it is, whether it is a pipe or a file; the file stays that."""
    code = (
        "import sys; from pathlib import Path; from mlgitops.system import files;"
        "files.write_text(Path('/dev/stdout'), 'new'); print(' and more', flush=True)"
    )
    command = [sys.executable, "-c", code]
    if not redirected:
        assert subprocess.run(command, capture_output=True, check=True).stdout == b"new and more\n"
        return
    path = tmp_path / "out"
    with path.open("ab") as output:
        subprocess.run(command, stdout=output, check=True)
    assert path.read_text() == "new and more\n"


def test_a_pipe_with_a_name(tmp_path: Path) -> None:
    """It is written through and stays a pipe."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as reader:
        files.write_text(path, "new")
        assert reader.communicate()[0] == b"new"
    assert path.is_fifo()


def test_a_device_that_is_full() -> None:
    """Writing straight through fails with the same error."""
    with pytest.raises(FileWriteError, match="cannot write /dev/full: No space left"):
        files.write_text(Path("/dev/full"), "new")


def test_what_utf8_has_no_bytes_for(tmp_path: Path) -> None:
    """Half a character, which JSON can say, is written as JSON says it."""
    path = tmp_path / "file.json"
    files.write_text(path, json.dumps("\ud800", ensure_ascii=False))
    assert json.loads(path.read_text()) == "\ud800"


def test_appending_to_what_cannot_be_written() -> None:
    """The error is the same one."""
    with pytest.raises(FileWriteError, match="cannot write /dev/full: No space left"):
        files.append_text(Path("/dev/full"), "new")


def test_reading_up_to_a_limit(tmp_path: Path) -> None:
    """A file is read whole, line ends as they are, or, where it is larger, not at all."""
    path = tmp_path / "file"
    path.write_bytes("ü\r\n".encode() * 1000)
    assert files.read_text(path, limit=4000) == "ü\r\n" * 1000
    with pytest.raises(OSError, match="larger than 3 KiB"):
        files.read_bytes(path, limit=3999)


@pytest.mark.parametrize(
    ("name", "why"),
    [("/dev/zero", "a device"), ("/dev/null", "a device"), ("/", "Is a directory"), ("/no", "No ")],
)
def test_reading_what_is_no_file(name: str, why: str) -> None:
    """A device that never ends, a folder and nothing at all: an error at once."""
    with pytest.raises(OSError, match=why):
        files.read_bytes(Path(name), limit=10)


def test_reading_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read until its writers end, and up to the limit; nobody waits for a writer for ever."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with subprocess.Popen(["sh", "-c", f"(echo a; sleep 0.2; echo b) > {path}"]):
        assert files.read_text(path, limit=10) == "a\nb\n"
    endless = ["sh", "-c", f"exec cat /dev/zero > {path} 2>/dev/null"]
    with subprocess.Popen(endless), pytest.raises(OSError, match="larger than 0 KiB"):
        files.read_bytes(path, limit=10)
    monkeypatch.setattr(files, "_FIRST", 0.1)
    with pytest.raises(OSError, match="nobody begins to write"):
        files.read_bytes(path, limit=10)
