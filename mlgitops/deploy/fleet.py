"""Deployments and what the registry says: each serves the version that its stage holds."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as changed
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of
from mlgitops.deploy import host
from mlgitops.deploy.replace import Replaced, replace, withdraw
from mlgitops.errors import (
    DeployError,
    DeployFailedError,
    DockerCommandError,
    ImageError,
    MlgitopsError,
    RegistryError,
    UsageError,
)
from mlgitops.image.build import build
from mlgitops.image.container import unpacked
from mlgitops.image.spec import stage_tag
from mlgitops.registry import digest
from mlgitops.registry.lookup import require_model, version_in
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.core.pins import Pins
    from mlgitops.core.registry import RegistryReader
    from mlgitops.deploy.values import Deployment, DeployOptions
    from mlgitops.image.spec import BuildOptions

UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentStatus:
    """A deployment, and the version that it should serve.

    Attributes:
        held: the version that the registry's stage holds; empty if none, `unknown` if the
            registry could not be read or it is another one's.
    """

    deployment: Deployment
    held: str

    @property
    def word(self) -> str:
        """The state in a word: serving, behind, degraded, replacing, down or empty."""
        serving = self.deployment.serving
        if serving is None:
            return "behind" if self.held not in ("", UNKNOWN) else "empty"
        if not (serving.ready and serving.up):
            return "down"
        if len(self.deployment.slots) > 1:
            return "replacing"
        if not serving.healthy:
            return "degraded"
        return "serving" if self.held in (serving.version, UNKNOWN) else "behind"


def deploy(
    registry: RegistryReader,
    model: str,
    stage: str,
    options: DeployOptions,
    image: BuildOptions,
    *,
    pull: bool,
    say: Callable[[str], None],
) -> Replaced:
    """Serve the version that a stage holds, on the host that the docker command speaks to.

    The image is pulled from `image.repository`, where it was pushed, if `pull` says so; else it is
    built as `image` says.

    Raises:
        UsageError: there is no such model, or the stage is empty.
        ImageError: the image cannot be had.
        DigestMismatchError: its payload is not the one that `image.pins` says.
        DeployFailedError: it did not prove itself; what served before goes on serving.
        DeployError, DockerError: the host could not do it.
    """
    docker.require(compose=True)
    held = require_model(registry, model)
    version = version_in(held, stage, image.stages)
    if pull:
        tag = stage_tag(model, stage, image.repository)
        identity = _pulled(tag, version, say)
        _verify(identity, model, version, stage, image.pins)
    else:
        identity = build(registry, model, stage, image, say=say).identity
    stamp = held.stamp_in_force(alias_of(stage))
    commit = stamp.commit if stamp else ""
    options = changed(options, registry=registry.identity, commit=commit)
    return replace(model, stage, identity, options, say=say)


def deploy_all(
    registry: RegistryReader,
    options: DeployOptions,
    image: BuildOptions,
    *,
    pull: bool,
    say: Callable[[str], None],
) -> Iterator[Replaced]:
    """Bring every deployment of this registry on the host to what its stage holds.

    Where mlgitops has emptied the stage, nothing is served. One that fails does not stop the
    others.

    Raises:
        DeployFailedError: new versions that did not prove themselves, after all have been tried.
        DeployError: deployments that failed for other reasons; with those that did not prove
            themselves.
    """
    failed: list[MlgitopsError] = []
    for found in host.deployments():
        if found.registry != registry.identity:
            continue
        try:
            if _emptied(registry, found):
                yield withdraw(found, say)
            else:
                yield deploy(registry, found.model, found.stage, options, image, pull=pull, say=say)
        except MlgitopsError as error:
            failed.append(error)
    if failed:
        unproven = all(isinstance(error, DeployFailedError) for error in failed)
        kind = DeployFailedError if unproven else DeployError
        raise kind("\n".join(map(str, failed)))


def states(registry: RegistryReader) -> tuple[DeploymentStatus, ...]:
    """Every deployment on the host; the registry need not answer."""
    return tuple(
        DeploymentStatus(deployment=one, held=_held(registry, one)) for one in host.deployments()
    )


def remove(model: str, stage: str) -> None:
    """Remove a deployment from the host, with its address.

    Raises:
        UsageError: there is none.
    """
    found = host.find_deployment(model, stage)
    if found is None:
        raise UsageError(f"{model} {stage} is not deployed here; see `mlgitops deploy --status`")
    host.remove(found.name)


def _held(registry: RegistryReader, found: Deployment) -> str:
    if found.registry != registry.identity:
        return UNKNOWN
    try:
        held = registry.model(found.model)
    except RegistryError:
        return UNKNOWN
    version = held.stages.get(alias_of(found.stage)) if held else None
    return str(version or "")


def _emptied(registry: RegistryReader, found: Deployment) -> bool:
    """Whether mlgitops has emptied the stage; one that is empty otherwise is an error later."""
    held, alias = registry.model(found.model), alias_of(found.stage)
    newest = held.newest_stamp(alias) if held else None
    if held is None or newest is None:
        return False
    return alias not in held.stages and newest[1].version is None


def _pulled(tag: str, version: int, say: Callable[[str], None]) -> str:
    say(f"pulling {tag}")
    try:
        docker.run(["pull", "--quiet", tag])
    except DockerCommandError as error:
        raise ImageError(f"cannot pull {tag}; push it first: {error}") from error
    form = '{{.Id}} {{index .Config.Labels "mlgitops.version"}}'
    identity, _, found = docker.run(["image", "inspect", "--format", form, tag]).partition(" ")
    if found.strip() != str(version):
        raise DeployError(
            f"{tag} holds version {found.strip() or 'none'}, but the stage holds {version}; push "
            "that version with `mlgitops image publish`"
        )
    return identity


def _verify(image: str, model: str, version: int, stage: str, pins: Pins) -> None:
    """Hold the payload inside an image against pins: its label is only what its builder said."""
    if pins.binding(model, version, stage):
        with unpacked(image) as folder:
            pins.verify(model, version, stage, digest.of_folder(folder))
