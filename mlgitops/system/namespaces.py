"""Linux namespaces around a process that runs somebody else's code: it finds next to nothing there.

It sees what Python needs and what it is to read, read-only, and a small /tmp; its own processes and
no others; no network. It is nobody, may not become anybody else, and ends with its namespace.
Protocol: user_namespaces(7), pid_namespaces(7), pivot_root(2), mount_setattr(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

_NEWNS, _NEWUTS, _NEWIPC = 0x20000, 0x4000000, 0x8000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_DETACH = 2
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE = 442, -100, 0x8000
_ATTR_READ_ONLY, _ATTR_NOSUID = 1, 2
_SET_PDEATHSIG, _SET_DUMPABLE, _SET_NO_NEW_PRIVS, _CAPABILITIES_V3 = 1, 4, 38, 0x20080522
_NOBODY = 65534
_OLD = "/old"
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store"),
    *("/etc/ld.so.cache", "/etc/localtime"),
)
_DEVICES = ("null", "zero", "full", "random", "urandom")
# what may lie in a folder that is shown, and is shown to nobody
_HIDDEN = (
    *(".git", ".env", ".netrc", ".git-credentials", ".pypirc", ".mlgitops", ".config", ".ssh"),
    *(".aws", ".azure", ".docker", ".kube", ".gnupg", ".cache", ".bash_history"),
)


def leave(owner: tuple[int, int] | None) -> None:
    """Leave this process's namespaces; only children of it will be in the new ones altogether.

    Args:
        owner: user and group that root does this for; None if this process is theirs.

    Raises:
        OSError: the machine does not allow that.
    """
    flags = _NEWNS | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET
    if owner:
        _called("unshare", flags)
    else:
        _new_user(flags)


def enter(shown: Collection[str], home: str, owner: tuple[int, int] | None) -> None:
    """Build the new root and become nobody, as the first process after `leave`.

    Args:
        shown: files and folders that can be read, at the same paths.
        home: the user's folder, whose secrets are hidden if it is within what is shown.
        owner: as `leave` was told.

    Raises:
        OSError: that failed; nothing else may run in this process then.
    """
    _called("mount", None, b"/", None, _REC | _PRIVATE, None)
    _tmpfs("/tmp", "size=1m,mode=755")  # noqa: S108 - hidden by a root of its own
    Path(f"/tmp{_OLD}").mkdir()  # noqa: S108
    _called("pivot_root", b"/tmp", f"/tmp{_OLD}".encode())  # noqa: S108
    os.chdir("/")
    for path, size in (("/tmp", "256m"), ("/dev/shm", "64m")):  # noqa: S108
        Path(path).mkdir(parents=True)
        _tmpfs(path, f"size={size},mode=1777")
    wanted = _wanted((*_SYSTEM, *shown))
    _show(wanted)
    for path in (*shown, home):
        _hide(path, wanted)
    for device in _DEVICES:
        _bind(f"{_OLD}/dev/{device}", f"/dev/{device}")
    _show_processes(owned=owner is None)
    _called("umount2", _OLD.encode(), _DETACH)
    Path(_OLD).rmdir()
    _restrict("/", _ATTR_READ_ONLY, recursive=False)
    _become_nobody(owner)


def _show_processes(*, owned: bool) -> None:
    """A /proc of this namespace: who is root outside may write there, so it is read-only."""
    Path("/proc").mkdir()
    try:
        _called("mount", b"proc", b"/proc", b"proc", _NOSUID | _NODEV | _NOEXEC, None)
    except OSError:  # in containers whose own is covered in part; Python needs none
        return
    if owned:  # else the number would be that of the machine
        with suppress(OSError):
            Path("/proc/sys/user/max_user_namespaces").write_text("0", encoding="utf-8")
    _restrict("/proc", _ATTR_READ_ONLY, recursive=True)


def _become_nobody(owner: tuple[int, int] | None) -> None:
    if owner:
        os.setgroups([])
        os.setresgid(owner[1], owner[1], owner[1])
        os.setresuid(owner[0], owner[0], owner[0])
        with suppress(OSError):  # where processes are counted, so that no others count
            _new_user(0)
    _called("prctl", _SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _called("capset", struct.pack("Ii", _CAPABILITIES_V3, 0), bytes(24))
    _called("prctl", _SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _called("prctl", _SET_DUMPABLE, 1, 0, 0, 0)  # it may read what /proc says of itself


def _new_user(flags: int) -> None:
    """Go to a user namespace that knows this user only, as nobody."""
    user, group = os.geteuid(), os.getegid()
    _called("unshare", flags | _NEWUSER)
    for file, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{_NOBODY} {user} 1"),
        ("gid_map", f"{_NOBODY} {group} 1"),
    ):
        Path(f"/proc/self/{file}").write_text(line, encoding="utf-8")


def _wanted(paths: Iterable[str]) -> dict[str, str]:
    """Where each path is to be shown, and what."""
    wanted = {}
    for path in paths:
        real = _real(path)
        if Path(_OLD + real).exists():
            wanted[path] = wanted[real] = _OLD + real
    return wanted


def _real(path: str) -> str:
    """Where a path leads in the old root."""
    found = path
    for _ in range(40):  # links, as the kernel allows
        parts, so_far = Path(found).parts[1:], Path("/")
        for number, part in enumerate(parts):
            so_far /= part
            there = Path(_OLD + str(so_far))
            if there.is_symlink():
                aim = so_far.parent / there.readlink()
                found = os.path.normpath(aim.joinpath(*parts[number + 1 :]))
                break
        else:
            return found
    return found


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _show(wanted: Mapping[str, str]) -> None:
    """Show what is wanted; what is in a folder that is shown is there already."""
    done: list[str] = []
    for target in sorted(wanted):
        if not any(_within(target, parent) for parent in done):
            done.append(target)
            _bind(wanted[target], target)
            _restrict(target, _ATTR_READ_ONLY | _ATTR_NOSUID, recursive=True)


def _bind(source: str, target: str) -> None:
    place = Path(target)
    if Path(source).is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    _called("mount", source.encode(), target.encode(), None, _BIND | _REC, None)


def _hide(folder: str, wanted: Mapping[str, str]) -> None:
    """Hide what may hold secrets, but for what is wanted in it: an environment in ~/.cache."""
    for name in _HIDDEN:
        path = f"{folder}/{name}"
        if Path(path).is_dir():
            _tmpfs(path, "size=4k,mode=555")
            _show({target: wanted[target] for target in wanted if target.startswith(f"{path}/")})
        elif Path(path).is_file():
            _called("mount", f"{_OLD}/dev/null".encode(), path.encode(), None, _BIND, None)


def _tmpfs(path: str, options: str) -> None:
    _called("mount", b"tmpfs", path.encode(), b"tmpfs", _NOSUID | _NODEV, options.encode())


def _restrict(path: str, attributes: int, *, recursive: bool) -> None:
    attr = struct.pack("QQQQ", attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    _called("syscall", _MOUNT_SETATTR, _AT_FDCWD, path.encode(), flags, attr, len(attr))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _called(name: str, *arguments: int | bytes | None) -> None:
    """Call the system.

    Raises:
        OSError: naming what was denied.
    """
    given: Sequence[object] = [
        ctypes.c_long(one) if isinstance(one, int) else one for one in arguments
    ]
    if getattr(_libc(), name)(*given):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
