"""The digest of a model version's payload.

sha256 over the model's files in the order of their paths, each as `path NUL size NUL content`.
Of the MLmodel file only what makes the model counts: the fields that differ on each run (ids,
times, paths, sizes) are left out, and the rest is written as canonical JSON. Files that the
registry itself adds are left out. Files are read in blocks, so memory does not grow with them.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 1 << 20  # bytes
_MLMODEL = "MLmodel"
_VOLATILE = frozenset(
    {
        "artifact_path",
        "auth_policy",
        "is_signature_from_type_hint",
        "mlflow_version",
        "model_id",
        "model_size_bytes",
        "model_uuid",
        "prompts",
        "run_id",
        "utc_time_created",
    }
)
_REGISTRY_FILES = frozenset({"registered_model_meta"})


def of_model(model_uri: str) -> str:
    """Download a model into a temporary folder and return `sha256:…` of its payload."""
    from mlflow.artifacts import download_artifacts

    with tempfile.TemporaryDirectory(prefix="modelops-") as folder:
        return of_folder(Path(download_artifacts(model_uri, dst_path=folder)))


def of_folder(folder: Path) -> str:
    """`sha256:…` of the payload of a model that lies in a folder."""
    total = hashlib.sha256()
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    for name in sorted(files.keys() - _REGISTRY_FILES):
        if name == _MLMODEL:
            payload = _mlmodel(files[name])
            total.update(f"{name}\0{len(payload)}\0".encode())
            total.update(payload)
            continue
        total.update(f"{name}\0{files[name].stat().st_size}\0".encode())
        for block in _blocks(files[name]):
            total.update(block)
    return f"sha256:{total.hexdigest()}"


def _mlmodel(path: Path) -> bytes:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in data.items() if key not in _VOLATILE}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), default=str).encode()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block
