"""A model version from the registry into a folder, and what it says of itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlgitops.image.spec import Source
from mlgitops.registry import digest, payload, required
from mlgitops.registry.lookup import find_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlgitops.core.registry import RegistryReader
    from mlgitops.image.spec import BuildOptions


def fetch(
    registry: RegistryReader,
    model: str,
    wanted: str,
    folder: Path,
    options: BuildOptions,
    say: Callable[[str], None] = lambda _: None,
) -> Source:
    """Download a version, given by its number or a stage that holds it, into an empty folder.

    Raises:
        UsageError: there is no such model or version, or the stage is empty.
        DigestMismatchError: its payload is not the one that models.yaml pins.
        PayloadError: what was downloaded is no model of MLflow's.
        RequirementsError: it asks for more than packages from an index.
    """
    version, stage = find_version(registry, model, wanted, options.stages)
    number = version.number
    registry.download(f"models:/{model}/{number}", folder, say)
    found = digest.of_folder(folder)
    options.pins.verify(model, number, stage or options.stage, found)
    described = payload.of_folder(folder)
    named = f"{model} {number}"
    return Source(
        model=model,
        version=number,
        run_id=version.run_id or "",
        digest=found,
        stage=stage,
        python=required.python_of(folder, named),
        requirements=required.of_folder(folder, named),
        created=_created(described),
    )


def _created(described: dict[str, Any]) -> str | None:
    """MLflow's "2026-11-24 02:13:33.802748", which is UTC, as ISO 8601; None if it is no time."""
    try:
        created = datetime.fromisoformat(str(described.get("utc_time_created")))
    except ValueError:
        return None
    return f"{created.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
