"""The verb that pins payloads in models.yaml, and checks pins against the registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops.cli.options import Target, file_option, registry_options, tell
from mlgitops.cli.progress import progress
from mlgitops.core import pins
from mlgitops.errors import DesiredVersionError, DigestMismatchError, UsageError
from mlgitops.file import edit
from mlgitops.file.load import source
from mlgitops.file.texts import read
from mlgitops.system import files
from mlgitops.words import count

if TYPE_CHECKING:
    from mlgitops.core.desired import Desired, DesiredStage
    from mlgitops.core.registry import RegistryReader

_Slot = tuple[str, str]  # model, stage as the file writes it


@click.command(
    epilog="""\b
Examples:
  mlgitops pin power-forecasting-model Production
  mlgitops pin                     pin every stage of every model
  mlgitops pin --check             verify every pin
"""
)
@click.argument("model", required=False)
@click.argument("stage", required=False)
@click.option(
    "--check", is_flag=True, help="Write nothing; fail if a payload does not match its pin."
)
@click.option("--force", is_flag=True, help="Replace digests that no longer match the payload.")
@file_option
@registry_options
def pin(
    model: str | None,
    stage: str | None,
    check: bool,
    force: bool,
    file: Path,
    target: Target,
) -> None:
    """Pin the payloads of versions in models.yaml.

    Writes the digest of each version's payload next to its number, for one stage, for all stages of
    MODEL, or for all stages. From then on, plan, apply, serve, smoke,
    image and deploy refuse the version if its payload has changed. Downloads each version once.
    """
    if check and force:
        raise UsageError("--check writes nothing; do not combine it with --force")
    declared = source(read(file), str(file))
    desired = declared.desired
    chosen = _chosen(desired, model, stage)
    if check:
        tell(_checked(chosen, desired, target))
        return
    digests = _digests(chosen, desired, target.connect(), force=force)
    for edited, text in edit.set_digests(declared, digests).items():
        files.write_text(Path(edited), text)
    for name, held in chosen.items():
        done = (
            "is now pinned"
            if digests.get(name, held.digest) != held.digest
            else "is already pinned"
        )
        tell(f"{held.where.file}: {' '.join(name)} version {held.version} {done}")
    if not chosen:
        tell(f"{file}: no stage holds a version; nothing to pin")


def _chosen(desired: Desired, model: str | None, stage: str | None) -> dict[_Slot, DesiredStage]:
    """The stages that are meant and hold a version, in the order of the file.

    Raises:
        UsageError: there is no such model or stage, the stage that is named is to be empty, or
            the model is a prompt.
    """
    if model and edit.model_of(desired, model).prompt:
        raise UsageError(
            f"{desired.file}: {model} is a prompt, whose text cannot change; pin models"
        )
    if model and stage:
        found = edit.filled_stage(desired, model, stage)
        return {(model, found.name): found}
    models = [edit.model_of(desired, model)] if model else desired.models.values()
    return {
        (one.name, stage.name): stage
        for one in models
        for stage in one.stages
        if stage.version is not None and not one.prompt
    }


def _checked(chosen: dict[_Slot, DesiredStage], desired: Desired, target: Target) -> str:
    from mlgitops.registry import verify

    asked = [pin for pin in pins.declared(desired).pinned if (pin.model, pin.stage) in chosen]
    if not asked:
        return f"{desired.file}: nothing is pinned; to pin every stage, run `mlgitops pin`"
    with progress() as say:
        verify.verify_pins(asked, target.connect(), say)
    return f"{desired.file}: every payload matches its pin, in {count(len(asked), 'stage')}"


def _digests(
    chosen: dict[_Slot, DesiredStage], desired: Desired, registry: RegistryReader, *, force: bool
) -> dict[_Slot, str]:
    """The digests that the file is to say and does not yet.

    Raises:
        DesiredVersionError: versions that cannot be downloaded; all of them at once.
        DigestMismatchError: stages that are pinned to another payload, unless by force.
    """
    from mlgitops.registry.verify import Digests

    pinned = {(pin.model, pin.stage): pin for pin in pins.declared(desired).pinned}
    missing, wrong, new = [], [], {}
    with progress() as say:
        digests = Digests(registry, say)
        for (model, name), stage in chosen.items():
            assert stage.version is not None, "only stages that hold a version are chosen"
            found, pin = digests.find(model, stage.version), pinned.get((model, name))
            if found.digest is None:
                missing.append(found.trouble_at(stage.where, name))
            elif pin is None or force:
                new[model, name] = found.digest
            elif problem := pins.mismatch(pin, stage.version, found.digest):
                wrong.append(problem)
    if missing:
        raise DesiredVersionError(missing)
    if wrong:
        raise DigestMismatchError(wrong)
    return new
