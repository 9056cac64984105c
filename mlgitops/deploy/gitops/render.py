"""A folder for kustomize: a file for each stage of each model, the same bytes for the same input.

The second line of each file says in JSON whose it is and what it serves. A file without this line,
or of another deployment, is never written over and never removed.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

from mlgitops.deploy.kubernetes.names import name_of
from mlgitops.errors import NotEmptyError
from mlgitops.system import files
from mlgitops.words import from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

EMPTY: Mapping[str, str] = MappingProxyType({})
KUSTOMIZATION = "kustomization.yaml"
_OTHER_NAMES = ("kustomization.yml", "Kustomization")
_HEAD = "# Written by mlgitops; do not edit: the next `mlgitops deploy` writes it anew.\n"
_MARK = "# mlgitops: "
_LARGEST = 4 * 2**20  # bytes of a file that may be ours
# what no reader of YAML 1.1 or 1.2 takes for a number, a date or a truth value
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@-]*(:[A-Za-z0-9_./@-]+)*")
_TRUTHS = ("y", "n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What the second line of a file says.

    Attributes:
        owner: who manages the stage; `deployment`: by which name of models.yaml.
        version, image, digest, commit: as of `mlgitops.deploy.values.Served`; empty in the list.
    """

    owner: str
    deployment: str
    model: str = ""
    stage: str = ""
    version: str = ""
    image: str = ""
    digest: str = ""
    commit: str = ""

    @property
    def whose(self) -> tuple[str, str]:
        """Equal for files that may replace each other."""
        return self.owner, self.deployment

    @property
    def name(self) -> str:
        """The name of the file: that of its objects, which no two stages share."""
        return f"{name_of(self.model, self.stage)}.yaml" if self.model else KUSTOMIZATION


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A stage of a model, and the objects that serve it."""

    mark: Mark
    objects: Sequence[Mapping[str, Any]]


def folder_of(
    parts: Iterable[Part], *, owner: str, deployment: str, kept: Mapping[str, str] = EMPTY
) -> dict[str, str]:
    """Name → text of the files of a kustomization, which lists its own files only.

    Args:
        parts: what it serves, in any order.
        owner: of what it serves.
        deployment: its name in models.yaml.
        kept: name → text of files that stay as they are.
    """
    found = {**kept, **{part.mark.name: text_of(part) for part in parts}}
    listed = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(found),
    }
    mark = Mark(owner=owner, deployment=deployment)
    return {**dict(sorted(found.items())), KUSTOMIZATION: _text(mark, [listed])}


def text_of(part: Part) -> str:
    """The file of a stage."""
    return _text(part.mark, part.objects)


def mark_of(text: str) -> Mark | None:
    """What a file says of itself; None if it is not written by mlgitops."""
    first, _, rest = text.partition("\n")
    line = rest.partition("\n")[0]
    if f"{first}\n" != _HEAD or not line.startswith(_MARK):
        return None
    try:
        said = from_json(line.removeprefix(_MARK))
        found = Mark(**said)
    except (ValueError, TypeError):
        return None
    return found if all(isinstance(value, str) for value in asdict(found).values()) else None


def marks(folder: Path, whose: tuple[str, str]) -> dict[str, tuple[Mark, str]]:
    """Name → mark and text of the files in a folder that an owner's deployment wrote."""
    found = {}
    for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
        text = _read(path)
        mark = mark_of(text) if text else None
        if mark and mark.whose == whose:
            found[path.name] = (mark, text)
    return found


def write(folder: Path, wanted: Mapping[str, str], whose: tuple[str, str]) -> None:
    """Let a folder have these files, and no others of the same owner and deployment.

    A file is replaced in one step, and the list names none that is not there, at any moment.

    Raises:
        NotEmptyError: a file of somebody else is in the way; nothing is written.
        FileWriteError: a file cannot be written.
    """
    check(folder, wanted, whose)
    folder.mkdir(parents=True, exist_ok=True)
    before = marks(folder, whose)
    for name in sorted(wanted, key=lambda name: (name == KUSTOMIZATION, name)):
        if name not in before or before[name][1] != wanted[name]:
            files.write_text(folder / name, wanted[name])
    for name in before.keys() - wanted.keys():
        (folder / name).unlink(missing_ok=True)


def check(folder: Path, wanted: Iterable[str], whose: tuple[str, str]) -> None:
    """Return if these files of a folder are an owner's deployment's, or not there.

    Raises:
        NotEmptyError: one is somebody else's.
    """
    for name in (*wanted, *_OTHER_NAMES):
        path = folder / name
        if not path.is_symlink() and not path.exists():
            continue
        text = _read(path)
        mark = mark_of(text) if text else None
        if mark is None or mark.whose != whose:
            other = mark and f"{mark.deployment} of {mark.owner} wrote it"
            of = other or "mlgitops did not write it"
            raise NotEmptyError(
                f"{name} is in the way: {of}; choose another path for this deployment, or remove it"
            )


def _read(path: Path) -> str:
    """A file's text; empty for what is none that mlgitops wrote."""
    if path.is_symlink():
        return ""
    try:
        return files.read_text(path, limit=_LARGEST)
    except (OSError, UnicodeDecodeError):
        return ""


def _text(mark: Mark, objects: Iterable[Mapping[str, Any]]) -> str:
    said = {key: value for key, value in asdict(mark).items() if value}
    written = yaml.dump_all(
        (dict(one) for one in objects),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=10_000,
    )
    return f"{_HEAD}{_MARK}{json.dumps(said, ensure_ascii=False)}\n{written}"


class _Dumper(yaml.SafeDumper):
    """Plain YAML that every reader reads alike: no aliases, quotes where any of them needs some."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the dumper's form
        """Objects that are written twice stand there twice."""
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _TRUTHS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _string)


def changes(before: str, after: str) -> Iterator[str]:
    """What differs between two files of a stage, a line each: `replicas: 2 → 3`."""
    old, new = (dict(_leaves(text)) for text in (before, after))
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            yield f"{path}: {old.get(path, 'none')} → {new.get(path, 'none')}"


def _leaves(text: str) -> Iterator[tuple[str, Any]]:
    for one in yaml.safe_load_all(text):
        if isinstance(one, dict):
            name = (one.get("metadata") or {}).get("name", "")
            yield from _inside(one, f"{one.get('kind', '')} {name}".strip())


def _inside(data: Any, path: str) -> Iterator[tuple[str, Any]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in inner:
        inside = f"{path}.{key}"
        if isinstance(value, dict | list) and value:
            yield from _inside(value, inside)
        else:
            yield inside, value
