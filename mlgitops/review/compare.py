"""Two sides → Comparison: what differs between them, and what to know before believing it."""

from __future__ import annotations

from concurrent.futures import wait
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mlgitops.core.drift import NO_DRIFT
from mlgitops.core.evaluated import side_by_side
from mlgitops.core.evidence import Comparison, Fact, HeldOut, Side, differing
from mlgitops.core.metrics import differences, with_intervals
from mlgitops.core.pins import Pins
from mlgitops.core.prompts import difference, is_prompt
from mlgitops.core.signature import breaking, said
from mlgitops.errors import DigestMismatchError, PayloadError, ScoringError
from mlgitops.errors.registry import RegistryError
from mlgitops.review import drift as drifted
from mlgitops.review import numbers, predictions, rows
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future

    from mlgitops.core.directions import Direction
    from mlgitops.core.drift import Drift
    from mlgitops.core.evidence import Differing, Past, Predictions, Slice
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.signature import Signature
    from mlgitops.core.version import DatasetUse, Version
    from mlgitops.review.answers import Scored
    from mlgitops.review.artifacts import Cabinet
    from mlgitops.review.heldout import Declared
    from mlgitops.review.rows import Rows
    from mlgitops.review.tools import Tools

NO_PINS = Pins()
_NO_ROWS = "there are no rows to compare on: no recipe, no `evaluation` and no input example"
Predicted = tuple["Predictions | None", str, "Rows | None"]
_NOT_ASKED: Predicted = (None, "", None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """How much of two versions is read.

    Attributes:
        predict: to let both predict, beyond reading what they say of themselves.
        link: what makes an address of two commits, where there is one.
        tools: the recipes of versions, and what lets versions predict.
        better: metric → which way is better, where that is declared.
        units: metric → its unit, where that is declared.
        declared: the held-out rows that models.yaml names for the model.
    """

    predict: bool
    link: Callable[[str, str], str | None]
    tools: Tools
    better: Mapping[str, Direction] = field(default_factory=lambda: MappingProxyType({}))
    units: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    declared: Declared | None = None


def with_signature(reader: RegistryReader, version: Version) -> tuple[Version, str]:
    """A version with its signature, and why that is unknown where nobody can read it.

    Raises:
        RegistryError: the registry could not be read.
    """
    try:
        return replace(version, signature=reader.signature(version)), ""
    except PayloadError as error:
        return version, one_line(error)


def side(
    model: str, label: str, version: Version, cabinet: Cabinet | None, pinned: Pins = NO_PINS
) -> Side:
    """A side with its artifact, or with the reason why it has none; without, if no cabinet.

    A prompt has none: its tags are all of it.

    A payload that is not the one that models.yaml pins for the version is none: it is not loaded.
    """
    if cabinet is None or is_prompt(version.tags):
        return Side(label=label, version=version)
    try:
        artifact = cabinet.artifact(version)
        pinned.verify(model, version.number, None, artifact.digest)
    except (RegistryError, PayloadError, DigestMismatchError) as error:
        trouble = f"cannot read {label}: {one_line(error)}"
        return Side(label=label, version=version, trouble=trouble)
    known = replace(version, signature=artifact.signature)
    return Side(label=label, version=known, artifact=artifact)


def compare(
    model: str, old: Side | None, new: Side, scope: Scope, history: tuple[Past, ...] = ()
) -> Comparison:
    """Everything about two sides; the artifacts that they have must still lie in their folders."""
    return begin(model, old, new, scope, history)()


def begin(
    model: str, old: Side | None, new: Side, scope: Scope, history: tuple[Past, ...] = ()
) -> Callable[[], Comparison]:
    """As `compare`: let both sides predict, and say what waits for it, and needs the data no more.

    The artifacts must lie in their folders until that has returned.
    """
    if is_prompt(new.version.tags):
        text = difference(old.version.tags if old else None, new.version.tags)
        found = Comparison(model=model, old=old, new=new, text=text, history=history)
        return lambda: found
    predicted = _predicting(old, new, scope) if scope.predict else lambda: _NOT_ASKED
    drift = drifted.drift(old, new, scope.tools.recipes) if scope.predict else NO_DRIFT
    return lambda: _compared(model, old, new, scope, history, predicted(), drift)


def _compared(
    model: str,
    old: Side | None,
    new: Side,
    scope: Scope,
    history: tuple[Past, ...],
    predicted: Predicted,
    drift: Drift,
) -> Comparison:
    scored, trouble, scored_rows = predicted
    asked = _same_rows(scored_rows, scored)
    parts: tuple[Slice, ...] = ()
    if scored is not None:
        scored, parts = numbers.measure(scored, asked, scope.tools.scores.kept)
    before, after = old.version if old else None, new.version
    was, is_now = _signature(old), _signature(new)
    recorded = differences(before.metrics if before else {}, after.metrics, scope.better)
    return Comparison(
        model=model,
        old=old,
        new=new,
        metrics=with_intervals(recorded, scored.scores if scored else ()),
        parameters=differing(before.params, after.params) if before else (),
        facts=(*_facts(old, new, scope), *_apart(old, scored, scope)),
        requirements=_requirements(old, new),
        columns=tuple(_columns(was, is_now)),
        breaks=breaking(was, is_now) if was and is_now else (),
        warnings=(*_warnings(old, new, scored_rows), *_not_apart(scored, scope)),
        predictions=scored,
        slices=parts,
        trouble=trouble,
        history=history,
        evaluations=tuple(
            side_by_side(before.measured if before else (), after.measured, scope.better)
        ),
        drift=drift,
        evaluation=scored_rows.evaluation if scored and scored_rows else None,
        rows=_held_out(asked),
        units=scope.units,
    )


def _same_rows(asked: Rows | None, found: Predictions | None) -> Rows | None:
    """The rows, if the answers are to all of them, in their order: forecasters choose their own."""
    if asked is None or found is None or found.series.labels != asked.labels:
        return None
    return asked


def _held_out(scored: Rows | None) -> HeldOut | None:
    if scored is None or scored.actual is None:
        return None
    return HeldOut(frame=scored.frame, actual=scored.actual, labels=scored.labels)


def _predicting(old: Side | None, new: Side, scope: Scope) -> Callable[[], Predicted]:
    """Let both predict the same rows; the predictions, or why there are none, and the rows."""
    missing = [s.trouble for s in (new, old) if s is not None and s.artifact is None]
    if missing or new.artifact is None:
        return _without("; ".join(filter(None, missing)))
    before = (old.version, old.artifact) if old and old.artifact else None
    chosen = rows.choose(before, (new.version, new.artifact), scope.tools.recipes, scope.declared)
    if chosen is None:
        return _without(_NO_ROWS)
    asked = [(s.label, s.artifact) for s in (new, old) if s is not None and s.artifact is not None]
    scores, artifacts = scope.tools.scores, [artifact for _, artifact in asked]
    answers = scores.begin(artifacts, chosen)
    begun = [(label, answer) for (label, _), answer in zip(asked, answers, strict=True)]
    return lambda: _predicted(begun, scores.where(artifacts), chosen, scope)


def _without(why: str) -> Callable[[], Predicted]:
    return lambda: (None, why, None)


def _predicted(
    begun: list[tuple[str, Future[Scored]]], where: str, chosen: Rows, scope: Scope
) -> Predicted:
    answers = []
    wait(scored for _, scored in begun)  # their payloads are let go of together
    for label, scored in begun:
        try:
            answers.append(scored.result())
        except ScoringError as error:
            return None, f"cannot run {label} {where}: {error}", chosen
    found = predictions.contrast(
        chosen, answers[0], answers[1] if len(answers) > 1 else None, scope.better
    )
    return found, "", chosen


def _signature(one: Side | None) -> Signature | None:
    return one.version.signature if one else None


def _facts(old: Side | None, new: Side, scope: Scope) -> Iterator[Fact]:
    """What both have, in the order of a reviewer's questions."""
    for use in ("train", "test"):
        yield from _fact(f"{use} data", _data(old, use), _data(new, use))
    commits = [s.version.commit if s else None for s in (old, new)]
    link = scope.link(commits[0], commits[1]) if commits[0] and commits[1] else None
    sources = [s.version.source(12) if s else None for s in (old, new)]
    yield from _fact("commit", sources[0], sources[1], link=link)
    yield from _fact("training time", _seconds(old), _seconds(new))
    for name, of in (
        ("flavour", lambda a: " ".join(filter(None, (a.flavour, a.serialization)))),
        ("Python", lambda a: a.python),
        ("size", lambda a: _bytes(a.size)),
        ("digest", lambda a: a.digest.removeprefix("sha256:")[:12]),
        ("input example", lambda a: "yes" if a.example else "no"),
    ):
        sides = [of(s.artifact) if s and s.artifact else None for s in (old, new)]
        yield from _fact(name, *sides)


def _apart(old: Side | None, scored: Predictions | None, scope: Scope) -> Iterator[Fact]:
    """With whose packages the versions ran, and how they were loaded if there is no warning."""
    if scored is None:
        return
    was, is_now = (
        (cost.environment or "this one") if cost else None
        for cost in (scored.old_cost, scored.new_cost)
    )
    if {was, is_now} - {None, "this one"}:
        yield Fact(name="environment", old=was, new=is_now)
    if not scope.tools.scores.not_apart():
        how = "in namespaces of its own"
        yield Fact(name="loaded", old=how if old and old.artifact else None, new=how)


def _not_apart(scored: Predictions | None, scope: Scope) -> Iterator[str]:
    if scored is not None and (why := scope.tools.scores.not_apart()):
        yield why


def _fact(name: str, old: str | None, new: str | None, link: str | None = None) -> Iterator[Fact]:
    if old is not None or new is not None:
        yield Fact(name=name, old=old, new=new, link=link)


def _uses(one: Side | None, context: str) -> tuple[DatasetUse, ...]:
    return tuple(d for d in one.version.datasets if d.context == context) if one else ()


def _data(one: Side | None, context: str) -> str | None:
    return ", ".join(f"{d.name} ({d.digest})" for d in _uses(one, context)) or None


def _seconds(one: Side | None) -> str | None:
    seconds = one.version.seconds if one else None
    return None if seconds is None else f"{seconds:.1f} s"


def _bytes(size: int) -> str:
    """`1.5 MB`; powers of ten, as disks are sold and gates are written."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


def _requirements(old: Side | None, new: Side) -> tuple[Differing, ...]:
    if old is None or old.artifact is None or new.artifact is None:
        return ()
    before, after = (_versions(s.artifact.requirements) for s in (old, new) if s.artifact)
    return differing(before, after)


def _versions(lines: tuple[str, ...]) -> dict[str, str]:
    """Package → what is asked of it; a line that is no requirement stands for itself."""
    found = {}
    for line in lines:
        try:
            requirement = Requirement(line)
        except (InvalidRequirement, RecursionError):
            found[line] = "as written"
            continue
        asked = str(requirement.specifier) or requirement.url or "any"
        found[canonicalize_name(requirement.name)] = asked.removeprefix("==")
    return found


def _columns(old: Signature | None, new: Signature | None) -> Iterator[str]:
    """How the signature changed: what was added, removed and retyped."""
    if old is None or new is None:
        return
    for name, was, will_be in differing(said(old), said(new)):
        if was is None:
            yield f"{name} ({will_be}) added"
        elif will_be is None:
            yield f"{name} ({was}) removed"
        else:
            yield f"{name}: {was} → {will_be}"


def _warnings(old: Side | None, new: Side, scored: Rows | None) -> Iterator[str]:
    before, after = ({d.digest for d in _uses(s, "test")} for s in (old, new))
    if before and after and before != after:
        again = "; see the metrics on the same rows" if scored and scored.actual is not None else ""
        yield f"the versions were tested on different data; do not compare their metrics{again}"
    if scored is not None:
        yield from scored.notes
        if scored.digest and after and scored.digest not in after:
            yield (
                f"{new.label} was not tested on the data on this machine ({scored.source})"
                + (f"; set {scored.variable} to its own data" if scored.variable else "")
            )
    if new.artifact is not None and not new.artifact.example:
        yield f"{new.label} was logged without an input example"
    for one in (old, new):
        yield from (f"{one.label}: {why}" for why in _unknown(one)) if one else ()
    if new.artifact is not None and new.artifact.signature is None and not _unknown(new):
        yield f"{new.label} has no signature, so nothing checks what callers send"


def _unknown(one: Side) -> tuple[str, ...]:
    return one.artifact.unknown if one.artifact else ()
