"""All that is recorded of one version: what a model card says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from modelops import history, policy
from modelops.errors import PayloadError, RegistryRequestError, ServeError, UsageError
from modelops.plan import Action, Change
from modelops.registry.values import PRODUCTION, Actual, alias_of, classic_stage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from modelops.desired.values import Desired, DesiredModel
    from modelops.git import Revision
    from modelops.history import Stay
    from modelops.policy import Verdict
    from modelops.registry.client import MlflowRegistry
    from modelops.registry.protocol import RegistryReader
    from modelops.registry.values import ActualModel, Signature, Version

URL = "http://127.0.0.1:5001"
_LONGEST = 16_000  # characters of a command that people copy


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What the payload of a version says of itself.

    Attributes:
        digest: `sha256:…`, as `modelops.registry.digest` defines it.
        size: bytes of all its files.
        requirements: the lines of its requirements.txt.
        call: the command that asks a server of it at `URL` for a prediction; None if none can be
            derived from it, or a long one.
    """

    digest: str
    size: int
    signature: Signature | None
    requirements: tuple[str, ...]
    call: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A version and what is known of it.

    Attributes:
        version: with what its run recorded, and its signature.
        declared: its model in models.yaml; None where it has none.
        stages: those that it holds now.
        stays: of this version in any stage, oldest first by stage.
        verdicts: of each stage that it holds, what that stage's gates say of it today, against
            the version that the stage held before.
        contents: None if the payload can not be had; `trouble` says why.
    """

    model: str
    version: Version
    declared: DesiredModel | None
    stages: tuple[str, ...]
    stays: tuple[Stay, ...]
    verdicts: tuple[tuple[str, Verdict], ...]
    contents: Contents | None
    trouble: str = ""

    @property
    def pinned(self) -> tuple[str, ...]:
        """The stages whose pin in models.yaml is met by the payload."""
        stages = self.declared.stages if self.declared else ()
        found = self.contents.digest if self.contents else None
        return tuple(
            s.name
            for s in stages
            if s.digest is not None and (s.version, s.digest) == (self.version.number, found)
        )


def chosen(registry: RegistryReader, model: str, text: str | None) -> int:
    """The version that is meant: a number, what a stage holds, else Production, else the latest.

    Raises:
        UsageError: there is no such model or version, or the stage is empty.
    """
    from modelops.registry.holder import wanted

    if text is not None:
        return wanted(registry, model, text)[0]
    found = registry.model(model)
    if found is None:
        raise UsageError(f"the registry has no model {model!r}; see `modelops status`")
    held = found.aliases.get(alias_of(PRODUCTION))
    latest = max(registry.recipes(model), default=None)
    if held is None and latest is None:
        raise UsageError(f"{model} has no version; register one first")
    return held or latest or 0


def of(
    registry: MlflowRegistry,
    model: str,
    number: int,
    desired: Desired | None,
    revisions: Iterable[Revision],
) -> Card:
    """The card of a version that exists.

    Raises:
        RegistryError: the registry could not be read.
    """
    held, bare = registry.model(model), registry.version(model, number)
    if held is None or bare is None:
        raise UsageError(f"{model} has no version {number} in the registry; see `modelops status`")
    declared = desired.models.get(model) if desired else None
    contents, trouble = _contents(registry, model, number)
    version = registry.evidence(model, bare, signature=False)
    version = replace(version, signature=contents.signature if contents else None)
    actual = Actual(models=MappingProxyType({model: held}))
    aliases = sorted(alias for alias, holds in held.aliases.items() if holds == number)
    return Card(
        model=model,
        version=version,
        declared=declared,
        stages=tuple(_name(alias, declared) for alias in aliases),
        stays=tuple(
            stay
            for stay in history.of(revisions, actual)
            if (stay.model, stay.version) == (model, number)
        ),
        verdicts=tuple(
            (_name(alias, declared), verdict)
            for alias in aliases
            for verdict in _verdicts(registry, declared, held, alias, version)
        ),
        contents=contents,
        trouble=trouble,
    )


def _name(alias: str, declared: DesiredModel | None) -> str:
    """A stage as models.yaml writes it, else as MLflow does."""
    stages = declared.stages if declared else ()
    listed = next((stage.name for stage in stages if stage.alias == alias), None)
    return listed or classic_stage(alias) or alias


def _verdicts(
    registry: MlflowRegistry,
    declared: DesiredModel | None,
    held: ActualModel,
    alias: str,
    version: Version,
) -> tuple[Verdict, ...]:
    """What the gates of a stage say of the version that holds it, as if it entered today."""
    gates = declared.gates_for(alias) if declared else ()
    if not gates:
        return ()
    stamp = held.holder_stamp(alias)
    previous = stamp.previous if stamp and stamp.previous != version.number else None
    bare = registry.version(held.name, previous) if previous else None
    old = registry.evidence(held.name, bare, signature=True) if bare else None
    change = Change(
        model=held.name,
        stage=_name(alias, declared),
        action=Action.REPLACE if old else Action.FILL,
        old=old.number if old else None,
        new=version.number,
        move=stamp.move if stamp else 1,
        carrier=version.number,
    )
    return policy.check(gates, policy.Case(change=change, held=held, new=version, old=old))


def _contents(registry: MlflowRegistry, model: str, number: int) -> tuple[Contents | None, str]:
    """What a payload says of itself, and else why it can not be had."""
    from modelops.registry.signature import signature_of
    from modelops.registry.verify import downloaded

    try:
        with downloaded(registry.uri, model, number) as (folder, digest):
            requirements = folder / "requirements.txt"
            return Contents(
                digest=digest,
                size=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
                signature=signature_of(str(folder)),
                requirements=tuple(
                    requirements.read_text(encoding="utf-8").splitlines()
                    if requirements.exists()
                    else ()
                ),
                call=_call(folder),
            ), ""
    except (RegistryRequestError, PayloadError) as error:
        return None, str(error)


def _call(folder: Path) -> str | None:
    from modelops.serving import payloads

    try:
        command = payloads.curl(payloads.readable(payloads.example_in(folder)), URL)
    except ServeError:
        return None
    return command if len(command) <= _LONGEST else None
