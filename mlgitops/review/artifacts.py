"""Payloads of versions, downloaded once each, and what they say of themselves."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Self

from mlgitops.core.evidence import Artifact
from mlgitops.core.requirements import MOST_BYTES
from mlgitops.errors import RegistryError
from mlgitops.registry import digest, payload
from mlgitops.registry.signature import signature_in

if TYPE_CHECKING:
    from types import TracebackType

    from mlgitops.core.evaluated import Measurement
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.version import Version

_PYFUNC = "python_function"  # the flavour that MLflow adds to every other


class Cabinet:
    """What was downloaded lies here until `clear`; a context that leaves nothing behind."""

    def __init__(self, reader: RegistryReader) -> None:
        self._reader = reader
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
            self._known[version.uri] = describe(self._reader.download(version.uri, folder))
        return self._known[version.uri]

    def measured(self, artifact: Artifact) -> tuple[Measurement, ...]:
        """What runs measured of the logged model that an artifact is, if that can be read."""
        with suppress(RegistryError):  # no gate asks for it
            return self._reader.measured(artifact.logged_as) if artifact.logged_as else ()
        return ()

    def clear(self) -> None:
        """Let go of all that was downloaded."""
        self._known.clear()
        for folder in self._folder.iterdir():
            rmtree(folder, ignore_errors=True)


def describe(folder: Path) -> Artifact:
    """What the model in a folder says of itself.

    Raises:
        PayloadError: it has no MLmodel file that can be read.
    """
    described = payload.of_folder(folder)
    flavours = described["flavors"]
    own = next((name for name in flavours if name != _PYFUNC), _PYFUNC)
    return Artifact(
        folder=folder,
        digest=digest.of_folder(folder),
        size=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        signature=signature_in(folder),
        flavour=own,
        serialization=_text(flavours.get(own, {}).get("serialization_format")),
        python=_text(flavours.get(_PYFUNC, {}).get("python_version")),
        requirements=_requirements(folder / "requirements.txt"),
        example=bool(described.get("saved_input_example_info")),
        logged_as=_text(described.get("model_id")),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _requirements(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return ()
    with path.open("rb") as stream:  # to be shown, whatever it is
        text = stream.read(MOST_BYTES).decode(errors="replace")
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
