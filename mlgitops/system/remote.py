"""Repositories that others serve: how git asks their hosts, and what it may do with what it gets.

All that is in a clone is data: nothing of it runs. It has no hooks, submodules or links, and no
filter is applied to a file, whatever its attributes say. A login is told to the one git command
that asks the host, as variables that no other user of the machine sees.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlgitops.errors import UsageError
from mlgitops.system import addresses, git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ANY_USER = "x-access-token"  # GitHub takes any name with a token, and calls it so
_FILTERED = "* -filter -ident -text !eol !working-tree-encoding\n"
INERT: Mapping[str, str] = MappingProxyType(
    {
        "core.hooksPath": os.devnull,
        "core.fsmonitor": "false",
        "submodule.recurse": "false",
        "fetch.recurseSubmodules": "false",
        "gc.autoDetach": "false",  # or it would work on when the lock is free
        "maintenance.autoDetach": "false",
        "http.lowSpeedLimit": "1000",  # bytes a second
        "http.lowSpeedTime": "60",
        "advice.detachedHead": "false",
    }
)


@dataclass(frozen=True, slots=True)
class Login:
    """The variables of this process that hold a token for hosts of repositories, and its user."""

    token: str
    user: str

    @property
    def given(self) -> bool:
        """Whether there is a token."""
        return bool(os.environ.get(self.token))

    def check(self, address: str) -> None:
        """Return if git shows the address, and a token sent there, to nobody else.

        Raises:
            UsageError: the address has a password, or a token would travel in the clear.
        """
        parts = urlsplit(address) if "://" in address else None
        if parts and parts.password:
            raise UsageError(
                f"{addresses.without_secrets(address)} is given with a password, which every user "
                f"of this machine can see; set {self.token}, and pass the address without it"
            )
        loopback = ("localhost", "127.0.0.1", "::1")
        if parts and parts.scheme == "http" and parts.hostname not in loopback and self.given:
            shown = addresses.without_secrets(address)
            raise UsageError(f"{self.token} would travel unencrypted to {shown}; use https")

    def settings(self, address: str) -> dict[str, str]:
        """Git's settings by which the address's host gets the token, if there is one."""
        if not self.given or "://" not in address:
            return {}
        # of this host only: where it redirects to, the token does not go
        parts = urlsplit(address)
        host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        helper = (
            f'!f() {{ test "$1" = get && printf "username=%s\\npassword=%s\\n" '
            f'"${{{self.user}:-{ANY_USER}}}" "${self.token}"; }}; f'
        )
        return {"credential.helper": "", f"credential.{host}.helper": helper}


def variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Git's settings as variables, which no other user of the machine sees.

    They come after those that this process has, and so before them in what they say.
    """
    known = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    found = {"GIT_CONFIG_COUNT": str(known + len(settings))}
    for i, (name, value) in enumerate(settings.items(), start=known):
        found |= {f"GIT_CONFIG_KEY_{i}": name, f"GIT_CONFIG_VALUE_{i}": value}
    return found


def prepare(folder: Path, address: str) -> None:
    """Make a clone of an address usable, whatever a killed git left there.

    Raises:
        GitError: git failed.
    """
    if not (folder / ".git" / "HEAD").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        git.run(folder, "init", "--quiet", "--template=", environment=variables(INERT))
    for left in (folder / ".git").rglob("*.lock"):
        left.unlink(missing_ok=True)
    git.run(folder, "config", "remote.origin.url", address)
    # a link could lead to any file of this machine; here, it is a file that says whereto
    git.run(folder, "config", "core.symlinks", "false")
    attributes = folder / ".git" / "info" / "attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text(_FILTERED, encoding="utf-8")
