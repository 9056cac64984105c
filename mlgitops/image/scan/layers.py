"""The search of an image's layers and settings for secrets; layers are read as streams."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import tarfile
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlgitops.errors import ImageError
from mlgitops.image.scan import secrets
from mlgitops.image.scan.values import Leak, Search

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlgitops.image.scan.secrets import Hit
    from mlgitops.image.scan.values import Image, Recorded

_BLOCK = 2**23  # bytes; what is read of a file at once
_OVERLAP = 2**13  # bytes; what lies on the border of two blocks is whole in the second
_SMALL = 2**20  # bytes; larger files are data
_ELF = b"\x7fELF"
_BYTECODE = re.compile(r"^bytecode/(?P<source>.+)\.cpython-\d+\.pyc$")

BlobPath = tuple[str, str]  # the blob, and the path in it


@dataclass(kw_only=True, slots=True)
class _Found:
    """What is gathered while an image is read.

    Attributes:
        hits: with the package that the file was published with, if it was.
        copies: files that are to be searched for more than known forms.
        documents: the JSON among the blobs.
    """

    folder: Path
    recorded: Mapping[str, Recorded]
    files: int = 0
    layers: set[str] = field(default_factory=set)
    hits: dict[tuple[BlobPath, Hit], str | None] = field(default_factory=dict)
    copies: dict[Path, BlobPath] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)

    def keep(self, where: BlobPath, name: str, content: bytes) -> None:
        """Copy what is to be searched further; its name tells detectors how to read it."""
        copy = self.folder / str(len(self.copies)) / name
        copy.parent.mkdir()
        copy.write_bytes(content)
        self.copies[copy] = where


def search(
    image: Image,
    archive: tarfile.TarFile,
    *,
    base: frozenset[str] | None,
    recorded: Mapping[str, Recorded],
) -> Search:
    """Search what an image adds to its base, in every layer: a file that is deleted later counts.

    Args:
        image: what Docker says of it.
        archive: the image as `docker save` gives it; it is read once, in order.
        base: the base image's layers; None if they are not known.
        recorded: the files that packages were published with, by their paths.

    Raises:
        ImageError: a layer cannot be read.
    """
    with TemporaryDirectory(prefix="mlgitops-scan-") as folder:
        found = _Found(folder=Path(folder), recorded=recorded)
        for member in archive:
            # the engine names a blob that is not compressed by what the layer is called
            of_base = f"sha256:{posixpath.basename(member.name)}" in (base or ())
            if not of_base and (file := _opened(archive, member)):
                _blob(found, member.name, file)
        manifest, config = _documents(found, image)
        for path, text in _settings(image, config):
            found.keep((secrets.CONFIG, path), "setting.cfg", text.encode(errors="replace"))
            for hit in secrets.formats(text):
                found.hits[(secrets.CONFIG, path), hit] = None
        wanted = ((_full(where), copy) for copy, where in found.copies.items())
        for copy, hit in secrets.others(wanted):
            found.hits.setdefault((found.copies[copy], hit), None)
    return _result(image, found, manifest["Layers"], base)


def _full(where: BlobPath) -> str:
    blob, path = where
    return f"{blob}/{path}" if blob == secrets.CONFIG else path


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> BufferedReader | None:
    """A file's content, None if it is none; a stream cannot go back to what a link names."""
    file = archive.extractfile(member) if member.isfile() else None
    return file if isinstance(file, BufferedReader) else None


def _blob(found: _Found, name: str, file: BufferedReader) -> None:
    """A layer, or a document."""
    if file.peek(1)[:1] in (b"{", b"["):
        with suppress(ValueError):
            found.documents[name] = json.load(file)
        return
    try:
        with tarfile.open(fileobj=file, mode="r|*") as layer:
            for member in layer:
                path = posixpath.normpath(member.name).lstrip("/")
                if inner := _opened(layer, member):
                    _file(found, (name, path), inner, member.size)
    except tarfile.TarError:
        return  # a file of the format's own; that each layer was read is asked at the end
    found.layers.add(name)


def _file(found: _Found, where: BlobPath, file: BufferedReader, size: int) -> None:
    known = found.recorded.get(where[1])
    # machine code is slow to search and full of names
    if known and known.size in (None, size) and file.peek(4)[:4] == _ELF:
        return
    found.files += 1
    hashed = hashlib.new(known.algorithm if known else "sha256", usedforsecurity=False)
    content, hits = b"", set(secrets.named(where[1]) if size else ())
    kept = size <= _SMALL and secrets.of_interest(where[1])
    for line, block, new in _blocks(file):
        hashed.update(block[-new:])
        content += block[-new:] if kept else b""
        for hit in secrets.formats(block.decode("latin-1")):
            hits.add(secrets.Hit(line=line + hit.line, kind=hit.kind))
    published = known.package if known and known.digest == hashed.hexdigest() else None
    found.hits |= {(where, hit): published for hit in hits}
    if kept and b"\0" not in content:
        found.keep(where, posixpath.basename(where[1]), content)


def _blocks(file: BufferedReader) -> Iterator[tuple[int, bytes, int]]:
    """A file in blocks that overlap: the lines before each, the block, its number of new bytes."""
    block, line = b"", 0
    while new := file.read(_BLOCK):
        old = block[-_OVERLAP:]
        line += block.count(b"\n", 0, len(block) - len(old))
        block = old + new
        yield line, block, len(new)


def _documents(found: _Found, image: Image) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest and the configuration."""
    try:
        manifest = found.documents["manifest.json"][0]
        config = found.documents[manifest["Config"]]
    except (KeyError, IndexError) as error:
        raise ImageError(f"{image.tag}: Docker saved it without its manifest") from error
    return manifest, config


def _settings(image: Image, config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What an image says without a file, each by a name."""
    for line in image.environment:
        name, _, value = line.partition("=")
        yield f"environment/{name}", f"{name} = {json.dumps(value, ensure_ascii=False)}"
    for name, value in image.labels.items():
        yield f"labels/{name}", f"{name} = {json.dumps(value, ensure_ascii=False)}"
    yield "command", " ".join(image.command)
    for number, step in enumerate(config.get("history") or (), start=1):
        yield f"history/{number}", " ".join(str(step.get("created_by", "")).split())


def _result(image: Image, found: _Found, blobs: list[str], base: frozenset[str] | None) -> Search:
    layers = list(zip(image.layers, blobs, strict=True))
    own = {blob: _name(image, layer) for layer, blob in layers if layer not in (base or ())}
    if missing := own.keys() - found.layers:
        raise ImageError(f"{image.tag}: cannot read its layer {own[min(missing)]}")
    own[secrets.CONFIG] = "none"
    leaks = sorted(_leaks(found, own))
    return Search(
        files=found.files,
        layers=len(layers) - sum(layer in (base or ()) for layer in image.layers),
        base=image.base if base is None else None,
        leaks=tuple(one for one in leaks if one.published is None),
        published=tuple(one for one in leaks if one.published is not None),
    )


def _name(image: Image, layer: str) -> str:
    number, digest = image.layers.index(layer) + 1, layer.removeprefix("sha256:")
    return f"{number} of {len(image.layers)} ({digest[:12]})"


def _leaks(found: _Found, names: Mapping[str, str]) -> Iterator[Leak]:
    sources = {path for ((_, path), _), package in found.hits.items() if package}
    for ((blob, path), hit), package in found.hits.items():
        if blob in names:
            yield Leak(
                layer=names[blob],
                path=path,
                line=hit.line,
                kind=hit.kind,
                published=package or _of_source(path, sources, found.recorded),
            )


def _of_source(path: str, sources: set[str], recorded: Mapping[str, Recorded]) -> str | None:
    """The package of bytecode, which holds what its source does."""
    match = _BYTECODE.match(path)
    source = f"{match['source']}.py" if match else ""
    return recorded[source].package if source in sources else None
