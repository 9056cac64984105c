"""What versions with the same requirements share: an image of all that serves but the model.

It is kept in the engine under a name made of what it is built from, so that the next version takes
neither a resolution nor a build. After a day its requirements are resolved again, for the newer
packages that they allow; what has not been used for a month is removed.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mlgitops.errors import DockerCommandError
from mlgitops.image import context
from mlgitops.system import docker, files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mlgitops.image.spec import BuildOptions, Spec

REPOSITORY = "mlgitops-environment"
_RESOLVED, _KEPT = timedelta(days=1), timedelta(days=30)


def provide(
    wish: Spec, model: Path, options: BuildOptions, target: str, say: Callable[[str], None]
) -> Mapping[str, Any]:
    """The environment of a version in the engine, built if there is none; as Docker inspects it.

    Args:
        wish: the version's image.
        model: its folder, which may hold wheels.
        options: what the person who builds chose.
        target: the platform.
        say: is told of each step.

    Raises:
        ImageError: its requirements cannot be had, or the build failed.
    """
    tag = f"{REPOSITORY}:{_key(wish, model, options, target)}"
    now = datetime.now(UTC)
    kept = _inspected(tag)
    if options.cached and now - _tagged(kept) < _RESOLVED:
        return kept
    _forget(now)
    with context.folder(wish, model, options, target, say) as made:
        say(f"building {tag}")
        context.build(made, wish, options, ("--target", "environment", "--tag", tag))
    docker.run(["tag", tag, tag])  # what was loaded under its old name keeps the old time
    return _inspected(tag)


def _key(wish: Spec, model: Path, options: BuildOptions, target: str) -> str:
    """What tells environments apart: all that goes into one."""
    parts: list[Any] = [wish.base, wish.identity, wish.python, target, version("uv")]
    parts += [wish.requirements, wish.constraints, wish.required, options.debian]
    parts += [[wheel, files.sha256(model / wheel)] for wheel in wish.wheels]
    parts += [files.sha256(options.configuration) if options.configuration else None]
    parts += [[name, files.sha256(path)] for name, path in context.sources()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _inspected(tag: str) -> dict[str, Any]:
    """What Docker says of an image in the engine; nothing if there is none."""
    with suppress(DockerCommandError):
        found: dict[str, Any] = json.loads(docker.run(["image", "inspect", tag]))[0]
        return found
    return {}


def _tagged(image: Mapping[str, Any]) -> datetime:
    """When an image in the engine was given its name; long ago if there is none."""
    if not image:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.fromisoformat(image["Metadata"]["LastTagTime"])


def _forget(now: datetime) -> None:
    """Remove the names of environments that nobody has used for a long time."""
    named = ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY]
    for tag in docker.run(named).split():
        if now - _tagged(_inspected(tag)) > _KEPT:
            with suppress(DockerCommandError):  # somebody else removes it, or an image needs it
                docker.run(["image", "rm", tag])
