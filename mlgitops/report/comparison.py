"""Two versions side by side, as words and tables. Pure."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from mlgitops.core.metrics import Difference, of_test, of_training, unrecorded
from mlgitops.report import answered, drifted, slices, sparkline, wording
from mlgitops.report.parts import Code, Link, Part, Report
from mlgitops.words import NONE, apart, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlgitops.core.evidence import Comparison, Cost, Past, Predictions
    from mlgitops.report.parts import Cell

BREAKS = "breaks callers"
_METRIC = ("old", "new", "difference", "")
_FIRST = 3  # metrics
_BINS = 24  # characters
_CLASSES = 8  # more do not fit side by side
_ROWS = 10  # of rows that moved, and of pairs of classes
_PAST = 40  # versions


def title(comparison: Comparison) -> str:
    """The model, the old side and the new one."""
    old = f"{comparison.old.label} → " if comparison.old else ""
    return f"{comparison.model}: {old}{comparison.new.label}"


def report(comparison: Comparison) -> Report:
    """All that is known of two versions."""
    return Report(title=title(comparison), warnings=comparison.warnings, parts=parts(comparison))


def parts(comparison: Comparison) -> tuple[Part, ...]:
    """All but the warnings.

    Briefly, without the metrics of the training set, the parameters that only one side has and the
    facts that are the same, which say little and are many.
    """
    return tuple(part for _, section in sections(comparison) for part in section)


def telling(comparison: Comparison, rules: Sequence[str]) -> Part:
    """The few metrics that a reviewer asks for first: those that gates name, then those of tests.

    Args:
        comparison: of the version that is in a stage and the one that is to enter it.
        rules: what gates ask, as models.yaml writes it; a metric's name comes first.
    """
    known = {one.metric: one for one in comparison.metrics}
    asked = [rule.partition(" ")[0] for rule in rules]
    names = dict.fromkeys([*filter(known.__contains__, asked), *filter(of_test, known)])
    found = _metrics(comparison, "metric", [known[name] for name in names][:_FIRST])
    return found.without(_nothing(comparison))


def sections(comparison: Comparison) -> Iterator[tuple[str, list[Part]]]:
    """The same under headings, without what is empty."""
    nothing = _nothing(comparison)
    for name, found in _sections(comparison):
        if kept := [part.without(nothing) for part in found if part.words or part.rows]:
            yield name, kept


def _nothing(comparison: Comparison) -> frozenset[Cell]:
    """What cells hold that tell nothing: where nothing is compared, those of the old version."""
    return frozenset(("",) if comparison.old else ("", NONE))


def _sections(comparison: Comparison) -> Iterator[tuple[str, Iterable[Part]]]:
    yield "Text", [_text(comparison)]
    yield "Metrics", _measured(comparison)
    yield "Slices", [slices.part(comparison)]
    yield "Parameters that differ", [_parameters(comparison)] if comparison.old else []
    yield "Facts", [_facts(comparison)]
    yield "Requirements that differ", [_requirements(comparison)]
    yield "Signature", [Part(header=("signature", ""), rows=list(_signature(comparison)))]
    yield "Predictions", _predicted(comparison)
    yield "Evaluations", [_evaluations(comparison)]
    yield "Training data", [drifted.part(comparison.drift)]
    yield "History", [_history(comparison)]


def _text(comparison: Comparison) -> Part:
    return Part(header=("", "text"), rows=[[sign, Code(line)] for sign, line in comparison.text])


def _measured(comparison: Comparison) -> Iterator[Part]:
    yield _metrics(comparison, "metric", comparison.metrics)
    found = comparison.predictions
    if found and (scores := unrecorded(comparison.metrics, found.scores)):
        on_rows = _metrics(comparison, "metric on the same rows", scores)
        yield replace(on_rows, words=_rows(found))


def _metrics(comparison: Comparison, name: str, found: Sequence[Difference]) -> Part:
    """Both values and a verdict; with the interval of the difference where one has it."""
    header: tuple[str, ...] = (name, *_METRIC)
    rows = [[comparison.titled(one.metric), *_difference(one)] for one in found]
    if levels := {one.interval.level for one in found if one.interval}:
        header = (name, *_METRIC[:-1], f"{max(levels):.0%} interval", "")
        for row, one in zip(rows, found, strict=True):
            row.insert(-1, wording.interval(one.interval))
    brief = [row for row in rows if not of_training(row[0])]
    return Part(header=header, rows=rows, brief=brief)


def _difference(one: Difference) -> list[str]:
    values = wording.sides(one.old, one.new)
    return [*values, wording.difference(one), one.verdict]


def _evaluations(comparison: Comparison) -> Part:
    rows = [
        [f"{one.dataset} ({one.digest})", comparison.titled(metric.metric), *_difference(metric)]
        for one in comparison.evaluations
        for metric in one.metrics
    ]
    return Part(header=("evaluation on", "metric", *_METRIC), rows=rows)


def _parameters(comparison: Comparison) -> Part:
    rows = [[name, old or NONE, new or NONE] for name, old, new in comparison.parameters]
    brief = [row for row in rows if NONE not in row[1:]]
    if alone := len(rows) - len(brief):
        brief.append([f"({alone} in only one version)", "", ""])
    return Part(header=("parameter", "old", "new"), rows=rows, brief=brief)


def _facts(comparison: Comparison) -> Part:
    facts = comparison.facts
    linked = any(fact.link for fact in facts)
    rows: list[list[Cell]] = []
    for fact in facts:
        row: list[Cell] = [fact.name, fact.old or NONE, fact.new or NONE]
        if linked:
            row.append(Link(text="compare", url=fact.link) if fact.link else "")
        rows.append(row)
    header = ("fact", "old", "new", "") if linked else ("fact", "old", "new")
    brief = [row for row in rows if row[1] != row[2]]
    if alike := len(rows) - len(brief):
        brief.append([f"({alike} the same in both)", *[""] * (len(header) - 1)])
    return Part(header=header, rows=rows, brief=brief)


def _requirements(comparison: Comparison) -> Part:
    rows = [[name, old or NONE, new or NONE] for name, old, new in comparison.requirements]
    return Part(header=("requirement", "old", "new"), rows=rows)


def _signature(comparison: Comparison) -> Iterator[list[str]]:
    yield from ([line, BREAKS] for line in comparison.breaks)
    yield from ([line, ""] for line in comparison.columns if line not in comparison.breaks)


def _troubles(comparison: Comparison) -> Iterator[str]:
    for side in (comparison.old, comparison.new):
        if side and side.trouble and side.trouble not in comparison.trouble:
            yield side.trouble
    if comparison.trouble:
        yield f"no predictions: {comparison.trouble}"


def _predicted(comparison: Comparison) -> Iterator[Part]:
    yield from (Part(words=line) for line in _troubles(comparison))
    if comparison.predictions:
        yield from _predictions(comparison.predictions, comparison.metrics)


def _predictions(found: Predictions, metrics: Sequence[Difference]) -> Iterator[Part]:
    if found.answers:
        yield _answers(found)
        yield _cost(found.old_cost, found.new_cost)
        return
    rows: list[list[Cell]] = []
    if found.changed is not None:
        rows.append(["changed", f"{found.changed:.1%} of the rows", answered.changed(found)])
    if gaps := _gaps(found):
        course = Code(sparkline.histogram(gaps, _BINS))
        rows.append(["new - old", course, _bounds(gaps)])
    words = "" if unrecorded(metrics, found.scores) else _rows(found)
    yield Part(words=words, header=("predictions", "", ""), rows=rows)
    if found.quantiles:
        header = tuple(f"{share * 100:.3g}%" for share in found.quantiles)
        values = [number(value) for value in found.quantiles.values()]
        yield Part(header=("share of the rows", *header), rows=[["new - old at most", *values]])
    yield Part(
        header=("moved most", "old", "new", "difference", "actual"),
        rows=[
            [
                mover.row,
                *wording.sides(mover.old, mover.new),
                wording.difference(Difference(metric="", old=mover.old, new=mover.new)),
                number(mover.actual),
            ]
            for mover in found.movers[:_ROWS]
        ],
    )
    yield _confusion(found)
    yield from answered.parts(found)
    yield _cost(found.old_cost, found.new_cost)


def _answers(found: Predictions) -> Part:
    rows = [
        [one.row, wording.answer(one.old, one.old_sure), wording.answer(one.new, one.new_sure)]
        for one in found.answers
    ]
    return Part(words=_rows(found), header=("prediction", "old", "new"), rows=rows)


def _rows(found: Predictions) -> str:
    return f"on {found.source}:"


def _gaps(found: Predictions) -> list[float]:
    """New minus old of each row, for numbers."""
    old, new = found.series.old, found.series.new
    if found.kind != "regression" or old is None:
        return []
    return [float(after) - float(before) for before, after in zip(old, new, strict=True)]


def _confusion(found: Predictions) -> Part:
    pairs = found.confusion
    classes = list(dict.fromkeys(name for pair in sorted(pairs) for name in pair))
    if len(classes) <= _CLASSES:
        return Part(
            header=("old ↓ new →", *classes),
            rows=[[old, *(f"{pairs.get((old, new), 0):,}" for new in classes)] for old in classes],
        )
    changed = sorted((pair for pair in pairs if pair[0] != pair[1]), key=lambda p: (-pairs[p], p))
    rows = [[old, new, f"{pairs[old, new]:,}"] for old, new in changed[:_ROWS]]
    return Part(header=("old class", "new class", "rows"), rows=rows)


def _cost(old: Cost | None, new: Cost) -> Part:
    costs = (
        ("milliseconds", old.milliseconds if old else None, new.milliseconds),
        ("mebibytes", old.mebibytes if old else None, new.mebibytes),
    )
    listed = [Difference(metric=name, old=before, new=after) for name, before, after in costs]
    rows = [[one.metric, *_difference(one)[:-1]] for one in listed]
    return Part(header=("one prediction", "old", "new", "difference"), rows=rows)


def _history(comparison: Comparison) -> Part:
    past = comparison.history[-_PAST:]
    rows = []
    for name in (one.metric for one in comparison.metrics):
        values = [version.metrics.get(name) for version in past]
        if (bounds := _bounds(values)) and not of_training(name):
            rows.append([comparison.titled(name), Code(sparkline.line(values)), bounds])
    if len(past) < 2 or not rows:
        return Part()
    tests = [row for row in rows if of_test(row[0])]
    held = [["stages", Code("".join(map(_mark, past))), _held(past)]]
    return Part(
        header=("history", f"versions {past[0].number} to {past[-1].number}", ""),
        rows=rows + held,
        brief=tests + held if tests else [],
    )


def _bounds(values: Iterable[float | None]) -> str:
    """The lowest and the highest; empty if there is none that is finite."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    return " to ".join(apart(min(known), max(known))) if known else ""


def _mark(version: Past) -> str:
    """The first letter of the stage that a version holds; `+` for several."""
    if len(version.stages) > 1:
        return "+"
    return version.stages[0][:1].upper() if version.stages else sparkline.GAP


def _held(past: Iterable[Past]) -> str:
    """`1 Staging, 2 Production and Staging`."""
    return ", ".join(
        f"{version.number} {' and '.join(version.stages)}" for version in past if version.stages
    )
