"""A model version from the registry into a folder, and what it says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlgitops.errors import ImageError
from mlgitops.image.spec import Source
from mlgitops.registry import digest
from mlgitops.registry.lookup import find_version
from mlgitops.system import files, yamls
from mlgitops.words import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.core.registry import RegistryReader
    from mlgitops.image.spec import BuildOptions

_MAX_BYTES = 16 * 1024 * 1024


def fetch(
    registry: RegistryReader, model: str, wanted: str, folder: Path, options: BuildOptions
) -> Source:
    """Download a version, given by its number or a stage that holds it, into an empty folder.

    Raises:
        UsageError: there is no such model or version, or the stage is empty.
        DigestMismatchError: its payload is not the one that models.yaml pins.
        ImageError: what was downloaded is no model of MLflow's.
    """
    number, stage = find_version(registry, model, wanted, options.stages)
    version = registry.version(model, number)
    registry.download(f"models:/{model}/{number}", folder)
    found = digest.of_folder(folder)
    options.pins.verify(model, number, stage or options.stage, found)
    described = _read(folder / "MLmodel")
    environment = _read(folder / "python_env.yaml")
    requirements = folder / "requirements.txt"
    if not requirements.exists():
        raise ImageError(f"{model} version {number} has no requirements.txt; log it with MLflow 2+")
    return Source(
        model=model,
        version=number,
        run_id=(version and version.run_id) or "",
        digest=found,
        stage=stage,
        python=str(environment.get("python") or ""),
        requirements=tuple(requirements.read_text(encoding="utf-8").splitlines()),
        created=_created(described),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yamls.load(files.read_bytes(path, limit=_MAX_BYTES))
    except (OSError, *yamls.BROKEN) as error:
        raise ImageError(f"the model has no readable {path.name}: {one_line(error)}") from error
    return document if isinstance(document, dict) else {}


def _created(described: dict[str, Any]) -> str | None:
    """MLflow's "2026-11-24 02:13:33.802748", which is UTC, as ISO 8601."""
    text = described.get("utc_time_created")
    return f"{str(text)[:19].replace(' ', 'T')}Z" if text else None
