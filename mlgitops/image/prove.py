"""The test of the images of a plan: of every version that enters a stage."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlgitops.core.proof import Proof
from mlgitops.errors import DockerError, MlgitopsError
from mlgitops.image.build import build
from mlgitops.image.smoke import smoke
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mlgitops.core.plan import Change
    from mlgitops.core.registry import RegistryReader
    from mlgitops.image.spec import BuildOptions
    from mlgitops.serve.smoke import Report

_SHOWN = 5  # failed requests that a proof names


@dataclass(frozen=True, kw_only=True, slots=True)
class Proven:
    """What became of the image of a version; the report is None if it could not be tested."""

    proof: Proof
    report: Report | None = None


def prove(
    registry: RegistryReader,
    changes: Iterable[Change],
    options: BuildOptions,
    *,
    requests_sent: int,
    say: Callable[[str], None],
) -> Iterator[Proven]:
    """Build and smoke-test the image of each version that enters a stage.

    One that fails, or cannot be built, does not stop the others; without Docker, all of them fail.
    No image is left; what was built stays in Docker's cache.
    """
    # a version may enter two stages
    entering = {
        (one.model, one.new): one.alias
        for one in changes
        if one.enters and one.new is not None and not one.prompt
    }
    unable = _unable() if entering else ""
    # names of its own: wind:production may be what serves on this machine, and another plan may
    # be proven here at the same time
    options = replace(options, repository=f"mlgitops-proving-{secrets.token_hex(4)}")
    for (model, version), alias in entering.items():
        proof, report = Proof(model=model, version=version, passed=False, why=unable), None
        if not unable:
            try:
                report = _tested(registry, proof, replace(options, stage=alias), requests_sent, say)
            except MlgitopsError as error:
                proof = replace(proof, why=str(error))
            else:
                proof = replace(proof, passed=not report.failed, why=_failed(report))
        yield Proven(proof=proof, report=report)


def _unable() -> str:
    """Why no image can be tested here; empty if they can be."""
    try:
        docker.require()
    except DockerError as error:
        return str(error)
    return ""


def _tested(
    registry: RegistryReader,
    asked: Proof,
    options: BuildOptions,
    requests_sent: int,
    say: Callable[[str], None],
) -> Report:
    built = build(registry, asked.model, str(asked.version), options, say=say)
    try:
        return smoke(built.tags[0], requests_sent=requests_sent, say=say)
    finally:
        docker.run(["image", "rm", "--no-prune", *built.tags])


def _failed(report: Report) -> str:
    """The requests that failed; empty if none did."""
    return "\n".join(f"{check.request}: {check.actual}" for check in report.failed[:_SHOWN])
