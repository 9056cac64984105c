"""Whether the image of a version that a rollback returns to is still in a registry of images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.errors import DigestMismatchError, ImageError, PayloadError, RequirementsError
from mlgitops.errors.registry import RegistryError
from mlgitops.image.publish import look
from mlgitops.image.source import fetch
from mlgitops.image.spec import version_tag
from mlgitops.words import one_line

if TYPE_CHECKING:
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.status import StageStatus
    from mlgitops.core.way_back import WayBack
    from mlgitops.image.spec import BuildOptions


def with_image(stage: StageStatus, registry: RegistryReader, options: BuildOptions) -> StageStatus:
    """A stage whose way back also says whether the image of its version is kept.

    Downloads the payload, whose digest is part of the image's tag.

    Raises:
        DockerError: there is no Docker.
    """
    way = stage.way_back
    if way is None or way.version is None or way.blocked:
        return stage
    return replace(stage, way_back=_looked_for(stage.model, way.version, way, registry, options))


def _looked_for(
    model: str, number: int, way: WayBack, registry: RegistryReader, options: BuildOptions
) -> WayBack:
    try:
        with TemporaryDirectory(prefix="mlgitops-") as made:
            tag = version_tag(
                fetch(registry, model, str(number), Path(made), options), options.repository
            )
        if look(tag) is not None:
            return way
    except (DigestMismatchError, RequirementsError) as error:
        return replace(way, blocked=one_line(error))
    except (RegistryError, PayloadError, ImageError) as error:
        return replace(way, unchecked=one_line(error))
    how = f"`mlgitops image build {model} {number} --push {options.repository}` makes it"
    return replace(way, blocked=f"version {number} has no image {tag}; {how}")
