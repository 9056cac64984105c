"""The git command: the one place that runs it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Timer
from typing import IO, TYPE_CHECKING

from mlgitops.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_ALIKE = {
    # fail instead of waiting for a password that nobody types; messages as `_ADVICE` knows them
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
    "LANGUAGE": "",
    # a path means one file, whatever its name looks like
    "GIT_LITERAL_PATHSPECS": "1",
    **{f"GIT_{kind}_PATHSPECS": "0" for kind in ("GLOB", "NOGLOB", "ICASE")},
    # commits as they were made, and as every other clone has them
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
}
# on top of those: paths may begin with the magic of gitglossary(7)
PATTERNS = {"GIT_LITERAL_PATHSPECS": "0"}
# what git sets for its hooks, which may ask about a file of another repository
_OF_A_HOOK = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX")
_SHA256 = 64  # hexadecimal digits of a name, in repositories that are made so
_SHOWN = 3  # lines of a message; git's advice on ownership takes as many
_ADVICE = {
    "not a git repository": "run this in a clone of the repository",
    "could not read Username": "log in to the repository's host, for example with `gh auth login`",
}


def run(
    place: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> str:
    """Run a git command and return what it prints, without the end of the last line.

    It means the same whatever variables of git are set: see `_ALIKE`.

    Args:
        place: the folder to run it in, or a file of that folder; of a link, where it leads.
        arguments: the command, such as `("rev-parse", "HEAD")`.
        environment: variables on top of those of this process.
        timeout: seconds after which it is ended; then it is not in this process's group.

    Raises:
        GitError: there is no git, or the command failed or was ended; with git's reason.
    """
    with reading(place, *arguments, environment=environment, timeout=timeout) as output:
        printed = output.read()
    return printed.decode(errors="replace").removesuffix("\n")


@contextmanager
def reading(
    place: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
    given: IO[bytes] | None = None,
) -> Iterator[IO[bytes]]:
    """Run a git command as `run` does; what it prints can be read bit by bit until the block ends.

    `given` is a file that it reads; else it reads nothing.

    Raises:
        GitError: there is no git; or at the end of the block: the command failed, as it also does
            if not all that it prints was read.
    """
    # errors go to a file, since nobody reads them as long as there is output
    with tempfile.TemporaryFile() as errors:
        apart = timeout is not None
        process = _started(place, arguments, errors, environment or {}, apart=apart, given=given)
        with _limited(process, timeout) as late, process:
            assert process.stdout is not None
            yield process.stdout
        if process.returncode:
            errors.seek(0)
            reason = _reason(errors.read().decode(errors="replace"))
            if late.is_set():
                reason = f"it took longer than {timeout:g} s"
            raise GitError(f"git {arguments[0]} failed in {_folder(place)}: {reason}")


def _started(
    place: Path,
    arguments: Sequence[str],
    errors: IO[bytes],
    environment: Mapping[str, str],
    *,
    apart: bool = False,
    given: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            ["git", "-C", str(_folder(place)), *arguments],
            env={**_inherited(), **_ALIKE, **environment},
            stdin=subprocess.DEVNULL if given is None else given,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=apart,
        )
    except FileNotFoundError as error:
        raise GitError("there is no `git` command; install git 2.30 or later") from error


def merged(ours: str, base: str, new: str, labels: tuple[str, str, str]) -> tuple[str, bool]:
    """Merge what two sides made of a text.

    Args:
        ours: one side.
        base: what both began with.
        new: the other side.
        labels: what markers of conflicts call them.

    Returns:
        The text, and whether it has conflicts, marked as git does in the style diff3.

    Raises:
        GitError: there is no git, or the texts cannot be merged.
    """
    named = [part for label in labels for part in ("-L", label)]
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryFile() as errors:
        folder = Path(name)
        for part, text in {"ours": ours, "base": base, "new": new}.items():
            (folder / part).write_bytes(text.encode())
        command = ("merge-file", "--stdout", "--diff3", *named, "ours", "base", "new")
        with _started(folder, command, errors, {}) as process:
            assert process.stdout is not None
            text = process.stdout.read().decode()
        if not 0 <= process.returncode < 128:  # else how many conflicts there are
            errors.seek(0)
            raise GitError(f"git merge-file failed: {_reason(errors.read().decode())}")
    return text, process.returncode > 0


@contextmanager
def _limited(process: subprocess.Popen[bytes], seconds: float | None) -> Iterator[Event]:
    """End a process and its children if the block takes too long; the event tells if it did."""
    late = Event()

    def end() -> None:
        late.set()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    timer = Timer(seconds or 0, end)
    if seconds is not None:
        timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def blobs(place: Path, names: Sequence[str]) -> list[str]:
    """The texts of some files that git has, by the names of their objects, in one call.

    Raises:
        GitError: there is no git, or it does not have one.
    """
    with tempfile.TemporaryFile() as given:  # a pipe would have to be written while it is read
        given.write("".join(f"{name}\n" for name in names).encode())
        given.seek(0)
        with reading(place, "cat-file", "--batch", given=given) as output:
            return [_blob(output) for _ in names]


def object_name(text: str, like: str) -> str:
    """The name that git gives to a text, by the hash that another name is of."""
    data = text.encode()
    known = hashlib.sha256 if len(like) == _SHA256 else hashlib.sha1
    return known(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _blob(output: IO[bytes]) -> str:
    name, *rest = output.readline().split()
    if len(rest) != 2:
        raise GitError(f"git does not have the object {name.decode()}; fetch the whole history")
    text = output.read(int(rest[1]))
    output.readline()
    return text.decode(errors="replace")


def ask(place: Path, *arguments: str) -> str | None:
    """What a git command prints; None where it fails, which is an answer too.

    Without git, or outside of a repository, the answer is None as well.
    """
    try:
        return run(place, *arguments)
    except GitError:
        return None


def uncommitted(place: Path, paths: Iterable[str]) -> list[str] | None:
    """Those of some files, or of folders, that are not as in the last commit; new ones included.

    None without a repository. The names are those from its top.
    """
    how = ("--porcelain", "-z", "--no-renames", "--untracked-files=all")
    said = ask(place, "status", *how, "--", *paths)
    return None if said is None else [line[3:] for line in said.split("\0") if line]


def origin(place: Path) -> str | None:
    """The address of the remote `origin`; None without one."""
    return ask(place, "remote", "get-url", "origin")


def _inherited() -> dict[str, str]:
    """The variables of this process; a repository is named by them only together with its tree."""
    variables = dict(os.environ)
    if "GIT_WORK_TREE" not in variables:
        for name in _OF_A_HOOK:
            variables.pop(name, None)
    return variables


def _reason(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines()]
    told = [line for line in lines if line and not line.startswith("hint:")]
    advice = [f"; {advice}" for sign, advice in _ADVICE.items() if sign in errors]
    return "\n".join(told[-_SHOWN:] or ["it gave no reason"]) + "".join(advice)


def _folder(place: Path) -> Path:
    found = place.resolve()
    return found if found.is_dir() else found.parent
