"""The images of what a deployment is to serve: those that are there, or all of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mlgitops.deploy import images
from mlgitops.errors import MlgitopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mlgitops.core.registry import RegistryReader
    from mlgitops.deploy.images import Image
    from mlgitops.deploy.values import Wanted
    from mlgitops.image.spec import BuildOptions

    Found = Mapping[tuple[str, str], Image | MlgitopsError | None]

_AT_ONCE = 8  # tags that are looked at


def known(registry: RegistryReader, wanted: Sequence[Wanted], options: BuildOptions) -> Found:
    """Model and stage → the image of its version, None where it is not built, or why not known."""

    def look(one: Wanted, version: int) -> Image | None:
        return images.known(registry, one.model, version, one.stage, options)

    return _each(wanted, look, _AT_ONCE)


def built(
    registry: RegistryReader,
    wanted: Sequence[Wanted],
    options: BuildOptions,
    say: Callable[[str], None],
) -> Found:
    """The same, each built and pushed if it is not there; one that fails stops no other."""

    def have(one: Wanted, version: int) -> Image | None:
        return images.reference(registry, one.model, version, one.stage, options, say)

    return _each(wanted, have, 1)


def _each(
    wanted: Sequence[Wanted], have: Callable[[Wanted, int], Image | None], at_once: int
) -> Found:
    def tried(one: Wanted) -> Image | MlgitopsError | None:
        assert one.version is not None, "left out below"
        try:
            return have(one, one.version)
        except MlgitopsError as error:
            return error

    several = [one for one in wanted if one.version is not None]
    with ThreadPoolExecutor(at_once) as threads:
        found = list(threads.map(tried, several))
    return {(one.model, one.stage): image for one, image in zip(several, found, strict=True)}
