"""A model card in Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlgitops import words
from mlgitops.core.metrics import titled
from mlgitops.core.signature import fields
from mlgitops.core.version import RECIPE_TAG
from mlgitops.proposal.card import URL
from mlgitops.report import record
from mlgitops.report.markdown import block, escaped, table
from mlgitops.system import secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from mlgitops.core.signature import Column, Signature
    from mlgitops.proposal.card import Card
    from mlgitops.report.record import PageOf

_NOTHING = "Not recorded."


def markdown(card: Card, now: datetime, page_of: PageOf) -> str:
    """The card.

    Args:
        card: what is known of a version.
        now: for how long the version has been where it is.
        page_of: the page of the run that records an apply.
    """
    parts = [f"# {escaped(card.model)}, version {card.version.number}"]
    if card.declared and card.declared.description:
        parts.append(block(card.declared.description))
    parts.append(table(["", ""], facts(card)))
    for title, body in _sections(card, now, page_of):
        parts += [f"## {title}", body or _NOTHING]
    return "\n\n".join(parts) + "\n"


def facts(card: Card) -> Iterator[tuple[str, str]]:
    """What a reader asks first of a version; of its payload only where that is known."""
    version, artifact = card.version, card.side.artifact
    if card.declared and card.declared.owners:
        yield "owners", ", ".join(card.declared.owners)
    yield "stages", ", ".join(card.stages) or "none"
    yield "registered", words.when(version.created or words.NONE)
    yield "run", version.run_id or words.NONE
    yield "recipe", version.tags.get(RECIPE_TAG, words.NONE)
    yield "trained from commit", version.source() or words.NONE
    if version.seconds is not None:
        yield "training took", f"{version.seconds:.1f} s"
    if artifact is None:
        if card.side.trouble:
            yield "payload", card.side.trouble
        return
    yield "size", f"{artifact.size:,} bytes"
    yield "digest", artifact.digest
    yield "pinned in models.yaml", ", ".join(card.pinned) or "no"


def _sections(card: Card, now: datetime, page_of: PageOf) -> Iterator[tuple[str, str]]:
    version = card.version
    uses = [(use.context, use.name, use.digest) for use in version.datasets]
    yield "Data", _rows(["for", "name", "MLflow's digest"], uses)
    units = card.declared.units if card.declared else {}
    metrics = sorted(version.metrics.items(), key=lambda m: (not m[0].startswith("test_"), m[0]))
    listed = [(titled(name, units), words.number(value)) for name, value in metrics]
    yield "Metrics", _rows(["metric", "value"], listed)
    yield "Parameters", _rows(["parameter", "value"], sorted(version.params.items()))
    unknown = card.side.artifact.unknown if card.side.artifact else ()
    yield "Signature", _signature(version.signature) or "\n".join(map(escaped, unknown))
    if card.stages:
        yield "Gates of its stages", _gates(card)
    yield "Stage history", _history(card, now, page_of)
    lines = card.side.artifact.requirements if card.side.artifact else ()
    yield "Requirements", _fenced("text", lines) if lines else ""
    yield "How to call it", _call(card)


def _rows(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    return table(header, rows) if rows else ""


def _signature(signature: Signature | None) -> str:
    if signature is None:
        return ""
    rows = [
        *_columns("input", signature.inputs),
        *(
            ("parameter", p.name, f"{p.type}, {p.default} by default", "no")
            for p in signature.params
        ),
        *((side, name, kind, "") for side, name, kind, _ in _columns("output", signature.outputs)),
    ]
    return _rows(["", "name", "type", "required"], rows)


def _columns(side: str, columns: Iterable[Column] | None) -> Iterator[tuple[str, str, str, str]]:
    for one in fields(columns):
        yield side, one.name, str(one.type), "yes" if one.required else "no"


def _gates(card: Card) -> str:
    rows = [(s, v.rule, v.result.value, v.expected, v.actual) for s, v in card.verdicts]
    return _rows(["stage", "gate", "result", "expected", "actual"], rows) or (
        "models.yaml has no gates for these stages."
    )


def _history(card: Card, now: datetime, page_of: PageOf) -> str:
    if not card.stays:
        return "Neither git nor the registry records that it was in a stage."
    rows = (record.row(stay, now, page_of)[1:] for stay in card.stays)
    return table(record.HEADER[1:], rows)


def _call(card: Card) -> str:
    if card.call is None:
        return "Its input example and signature do not allow deriving a request."
    what = card.stages[0] if card.stages else card.version.number
    serve = f"mlgitops serve {card.model} {what} --port {urlsplit(URL).port}"
    return f"{_fenced('console', [serve])}\n\n{_fenced('console', [card.call])}"


def _fenced(language: str, lines: Iterable[str]) -> str:
    """A block of text as it is; nothing in it can end the block."""
    text = "\n".join(words.plain(secrets.hidden(line)) for line in lines)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
