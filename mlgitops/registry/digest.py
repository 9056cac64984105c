"""The digest of a model version's payload; docs/evidence.md defines it for other programs.

sha256 over the model's files in the order of their paths, each as `path NUL size NUL content`.
Of the MLmodel file only what makes the model counts: the fields that differ on each run (ids,
times, paths, sizes) are left out, and the rest is written as canonical JSON. Files that the
registry itself adds are left out. Files are read in blocks, so memory does not grow with them.

Nothing of it depends on the machine: not the order of a folder, separators, modes, dates of files,
links, or how a YAML library reads a date or a number, because MLmodel's values stay text.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import yaml

from mlgitops.errors import PayloadError
from mlgitops.system import files, yamls
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # libyaml's is ten times as fast
_LARGEST = 2_000_000  # values of an MLmodel file, written out
_BLOCK = 1 << 20  # bytes
_MLMODEL = b"MLmodel"
_VOLATILE = frozenset(
    {
        "artifact_path",
        "model_id",
        "model_size_bytes",
        "model_uuid",
        "run_id",
        "utc_time_created",
    }
)
_REGISTRY_FILES = frozenset({b"registered_model_meta"})

_Tree = str | list["_Tree"] | dict[str, "_Tree"]


def of_folder(folder: Path) -> str:
    """`sha256:…` of the payload of a model that lies in a folder.

    Raises:
        PayloadError: MLmodel is missing or cannot be read, or the folder holds what is neither
            file nor folder.
    """
    total = hashlib.sha256()
    found = dict(_files(folder, b"", ()))
    if _MLMODEL not in found:  # of a payload that is gone, some stores give an empty folder
        raise PayloadError("it has no MLmodel file, so it is not an MLflow model")
    for name in sorted(found.keys() - _REGISTRY_FILES):
        if name == _MLMODEL:
            payload = canonical(_read(found[name]))
            total.update(b"%b\0%d\0%b" % (name, len(payload), payload))
            continue
        total.update(b"%b\0%d\0" % (name, found[name].stat().st_size))
        for block in _blocks(found[name]):
            total.update(block)
    return f"sha256:{total.hexdigest()}"


def _files(folder: Path, name: bytes, above: tuple[Path, ...]) -> Iterator[tuple[bytes, Path]]:
    """Every file below a folder by its path, whose parts `/` joins; links are followed.

    MLflow follows them too where it copies a model out of a store that is a folder.
    """
    here = folder.resolve()
    if here in above:
        raise PayloadError(f"{folder} is a link to one of its parent folders")
    for path in folder.iterdir():
        inner = name + path.name.encode("utf-8", "surrogateescape")
        if path.is_dir():
            yield from _files(path, inner + b"/", (*above, here))
        elif path.is_file():
            yield inner, path
        else:
            raise PayloadError(f"{path} is neither a file nor a folder")


def canonical(mlmodel: bytes) -> bytes:
    """What counts of an MLmodel file: its lasting fields as JSON by RFC 8785.

    YAML is read with its failsafe schema: mappings, lists and text. A value that is written with
    quotes, or as a block, gets an apostrophe before it: `'1'` is another value than `1`.

    Raises:
        PayloadError: it is no mapping in YAML and UTF-8, or has tags or equal keys.
    """
    try:
        yamls.check(mlmodel)
        text = mlmodel.decode("utf-8")
        if any(isinstance(token, yaml.TagToken) for token in yaml.scan(text, _Loader)):
            raise PayloadError("the model's MLmodel file has a YAML tag; MLflow writes none")
        node = yaml.compose(text, _Loader)
        if _size(node, {}) > _LARGEST:
            raise PayloadError("the model's MLmodel file repeats itself without an end")
        tree = _tree(node)
        if not isinstance(tree, dict):
            raise PayloadError("the model's MLmodel file is not a mapping")
        kept = {key: value for key, value in tree.items() if key not in _VOLATILE}
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        reason = one_line(error)
        raise PayloadError(f"cannot read the model's MLmodel file: {reason}") from error


def _read(mlmodel: Path) -> bytes:
    try:
        return files.read_bytes(mlmodel, limit=yamls.LARGEST)
    except OSError as error:
        reason = error.strerror
        raise PayloadError(f"cannot read the model's MLmodel file: {reason}") from error


def _size(node: Any, known: dict[int, int]) -> int:
    """How many values there are once what is repeated by its name is written out."""
    if id(node) not in known:
        inside = getattr(node, "value", ())
        parts = inside if isinstance(inside, list) else ()
        flat = (one for part in parts for one in (part if isinstance(part, tuple) else (part,)))
        known[id(node)] = 1 + sum(_size(one, known) for one in flat)
    return known[id(node)]


def _tree(node: yaml.Node | None) -> _Tree:
    if isinstance(node, yaml.SequenceNode):
        return [_tree(child) for child in node.value]
    if isinstance(node, yaml.MappingNode):
        pairs = [(_key(key), _tree(value)) for key, value in node.value]
        if len(dict(pairs)) < len(pairs):
            raise PayloadError("the model's MLmodel file has a duplicate key")
        return dict(sorted(pairs, key=lambda pair: pair[0].encode("utf-16-be")))
    if isinstance(node, yaml.ScalarNode):
        return f"'{node.value}" if node.style else str(node.value)
    return ""  # there is no document


def _key(node: yaml.Node) -> str:
    found = _tree(node)
    if not isinstance(found, str):
        raise PayloadError("the model's MLmodel file has a key that is not text")
    return found


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block
