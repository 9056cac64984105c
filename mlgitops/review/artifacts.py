"""Payloads of versions, downloaded once each, and what they say of themselves."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Self

from mlgitops.core.evidence import Artifact
from mlgitops.core.requirements import MOST_BYTES, decoded
from mlgitops.errors import PayloadError
from mlgitops.registry import digest, payload, required
from mlgitops.registry.signature import said_by
from mlgitops.words import brief, one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.signature import Signature
    from mlgitops.core.version import Version

UNKNOWN = "unknown"
_LONGEST = 100  # characters of what it says of itself
_PYFUNC = "python_function"  # the flavour that MLflow adds to every other


class Cabinet:
    """What was downloaded lies here until the block ends; a context that leaves nothing behind."""

    def __init__(self, reader: RegistryReader, say: Callable[[str], None] = lambda _: None) -> None:
        self._reader, self._say = reader, say
        self._folder = Path(mkdtemp(prefix="mlgitops-"))
        self._known: dict[str, Artifact] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        rmtree(self._folder, ignore_errors=True)

    def artifact(self, version: Version) -> Artifact:
        """A version's payload, downloaded unless it is here already.

        Raises:
            RegistryError: it cannot be had.
            PayloadError: it is no model.
        """
        if version.uri not in self._known:
            folder = self._folder / str(len(self._known))
            folder.mkdir(exist_ok=True)
            self._known[version.uri] = describe(
                self._reader.download(version.uri, folder, self._say)
            )
        return self._known[version.uri]


def describe(folder: Path) -> Artifact:
    """What the model in a folder says of itself.

    Raises:
        PayloadError: it has no MLmodel file that can be read.
    """
    described = payload.of_folder(folder)
    flavours = described["flavors"]
    own = next(iter(sorted(flavours, key=lambda name: name == _PYFUNC)), UNKNOWN)
    signature, unknown = _signature(described.get("signature") or None)
    return Artifact(
        folder=folder,
        digest=digest.of_folder(folder),
        size=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        signature=signature,
        flavour=own,
        serialization=_text(flavours.get(own, {}).get("serialization_format")),
        python=_text(flavours.get(_PYFUNC, {}).get("python_version")),
        requirements=_requirements(folder),
        example=bool(described.get("saved_input_example_info")),
        unknown=unknown,
    )


def _signature(described: object) -> tuple[Signature | None, tuple[str, ...]]:
    """The signature, and what is unknown of it."""
    try:
        return said_by(described), ()
    except PayloadError as error:
        return None, (one_line(error),)


def _text(value: object) -> str | None:
    return None if value is None else brief(value, _LONGEST)


def _requirements(folder: Path) -> tuple[str, ...]:
    path = folder / "requirements.txt"
    if not path.is_file():
        return required.of_conda(folder)
    with path.open("rb") as stream:  # to be shown, whatever it is
        text = decoded(stream.read(MOST_BYTES))
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
