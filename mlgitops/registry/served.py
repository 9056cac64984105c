"""Artifacts that an MLflow server passes on, over plain HTTP: what it lists and sends is bounded.

MLflow's client believes a server: a folder that contains itself never ends, and neither does a file
that comes a byte a second.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from mlgitops.errors import HttpError
from mlgitops.errors.registry import StoreError
from mlgitops.registry import stores
from mlgitops.registry.answers.form import Form, read
from mlgitops.registry.calls import Calls
from mlgitops.registry.server import server_at
from mlgitops.system.addresses import without_secrets
from mlgitops.words import pace, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mlgitops.errors import PayloadError
    from mlgitops.system.http import Answer

_GIB = 2**30
_BYTES, _ENTRIES, _DEPTH = 50 * _GIB, 20_000, 40  # of a model
_AT_ONCE = 4  # files
_LONGEST = 6 * 3600.0  # seconds for a model
_MB = 1_000_000
_SILENCE = 0.5  # seconds between two words on how much has come
_NAME = r"\A(?!\.{1,2}\Z)[^/\\\0]+\Z"
_ENDPOINT = "/api/2.0/mlflow-artifacts/artifacts"


class Entry(Form, frozen=True):
    """A file or folder of artifacts, by its name; the bytes of a file, where the server says so."""

    path: Annotated[str, Meta(pattern=_NAME)]
    is_dir: bool = False
    file_size: Annotated[int, Meta(ge=0)] | None = None


class Artifacts(Form, frozen=True):
    """What lies in a folder."""

    files: tuple[Entry, ...] = ()


class ArtifactAnswerError(Exception):
    """What a server answered instead of artifacts, as `stores.trouble` reads it."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        super().__init__(f"it answered {answer.status}")


@dataclass(kw_only=True)
class Served:
    """A folder of artifacts.

    Attributes:
        calls: to the server.
        path: of the folder.
        store: its address, for errors.
        server: the server's, for errors.
    """

    calls: Calls
    path: str
    store: str
    server: str
    _bytes: int = 0
    _entries: int = 0
    _size: int = 0  # bytes, as the server says
    _begun: float = 0.0
    _told: float = field(default_factory=time.monotonic)
    _say: Callable[[str], None] = lambda _: None
    _until: float = field(default_factory=lambda: time.monotonic() + _LONGEST)

    def names(self) -> set[str]:
        """The names of what lies in the folder.

        Raises:
            StoreError, PayloadError: the store could not be used.
        """
        return {path.name for path, _ in self._listed(PurePosixPath())}

    def download(
        self, folder: Path, file: str = "", say: Callable[[str], None] = lambda _: None
    ) -> Path:
        """Download all of it into a folder, or one file; where that lies then.

        Args:
            folder: where it is to lie.
            file: the path of one file; all if empty.
            say: is told now and then how much has come, by any thread.

        Raises:
            StoreError, PayloadError: the store could not be used.
        """
        files = [PurePosixPath(file)] if file else list(self._files(PurePosixPath(), folder))
        self._say, self._begun = say, time.monotonic()
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            try:
                for _ in threads.map(lambda path: self._fetch(path, folder / path), files):
                    pass
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return folder / file

    def _files(self, below: PurePosixPath, into: Path) -> Iterator[PurePosixPath]:
        if len(below.parts) > _DEPTH:
            raise self._unfit(f"its folders are nested more than {_DEPTH} deep")
        with self._writing(below):
            (into / below).mkdir(parents=True, exist_ok=True)
        for path, size in self._listed(below):
            if size is None:
                yield from self._files(path, into)
            else:
                self._size += size
                yield path

    def _listed(self, below: PurePosixPath) -> Iterator[tuple[PurePosixPath, int | None]]:
        """What lies in a folder, with the bytes of a file; None for a folder."""
        answer = self.calls.listed(self._path(below))
        if isinstance(answer, HttpError) or not answer.ok:
            raise self._trouble(answer)
        try:
            found = read(answer.body, Artifacts).files
        except ValueError:
            raise self._unfit("the server does not list it as MLflow does") from None
        self._entries += len(found)
        if self._entries > _ENTRIES:
            raise self._unfit(f"it has more than {_ENTRIES:,} files and folders")
        self._check_time()
        for one in found:
            yield below / one.path, None if one.is_dir else one.file_size or 0

    def _fetch(self, path: PurePosixPath, into: Path) -> None:
        with self._writing(path), into.open("xb") as opened:

            def take(part: bytes) -> None:
                self._bytes += len(part)  # a thread that comes between loses a part, no more
                if self._bytes > _BYTES:
                    raise self._unfit(f"it is larger than {_BYTES // _GIB} GiB")
                self._check_time()
                self._tell()
                opened.write(part)

            def restart() -> None:
                opened.seek(0)
                opened.truncate()

            answer = self.calls.fetch(self._path(path), take, restart)
        if isinstance(answer, HttpError) or not answer.ok:
            raise self._trouble(answer)

    def _tell(self) -> None:
        """Say how much has come, if that has not been said for a while."""
        now = time.monotonic()
        if now - self._told >= _SILENCE and self._size:
            self._told = now
            come, whole = self._bytes // _MB, max(self._bytes, self._size) // _MB
            self._say(pace(come, whole, now - self._begun, " MB"))

    def _path(self, below: PurePosixPath) -> str:
        return "/".join(filter(None, (self.path, *below.parts)))

    @contextmanager
    def _writing(self, path: PurePosixPath) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._unfit(f"cannot write {plain(path)[:200]}: {error.strerror}") from error

    def _check_time(self) -> None:
        if time.monotonic() > self._until:
            raise self._unfit(f"it takes more than {_LONGEST / 3600:g} hours")

    def _trouble(self, answer: Answer | HttpError) -> StoreError | PayloadError:
        cause = answer if isinstance(answer, HttpError) else ArtifactAnswerError(answer)
        return stores.trouble([cause], self.store, self.server)

    def _unfit(self, why: str) -> StoreError:
        return StoreError(f"cannot use the artifacts at {without_secrets(self.store)}: {why}")


def served(store: str, tracking: str, calls: Calls) -> Served | None:
    """The folder at an address that `allowed.require` let pass; None if it is no server's.

    Args:
        store: the address.
        tracking: the tracking server's.
        calls: to the tracking server.
    """
    parts, own = urlsplit(store), urlsplit(tracking)
    scheme, path = parts.scheme.lower(), parts.path
    if scheme == "mlflow-artifacts":
        prefix = own.path.rstrip("/")
        base = f"{own.scheme}://{_bare(parts.netloc) or own.netloc}{prefix}"
        same = not parts.netloc
    elif scheme in ("http", "https") and _ENDPOINT in path:
        prefix, _, path = path.partition(_ENDPOINT)
        base, same = f"{scheme}://{_bare(parts.netloc)}{prefix}", False
    else:
        return None
    asked = calls if same else Calls(server_at(base))
    return Served(calls=asked, path=path.strip("/"), store=store, server=base)


def _bare(netloc: str) -> str:
    """Without a login: it would be sent instead of ours."""
    return netloc.rpartition("@")[2]
