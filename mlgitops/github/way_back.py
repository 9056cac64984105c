"""The issue that tells which production stages have no way back. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops import words
from mlgitops.report import wording
from mlgitops.report.markdown import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlgitops.core.status import StageStatus

MARKER = "<!-- mlgitops:way-back -->"
LABEL = "mlgitops-no-way-back"
CLEAN = "Every production stage has a way back again."
_HEADER = ("model", "stage", "is", "why")
_ADVICE = """\
Until then, `mlgitops rollback` returns these stages to nothing that serves. This issue closes by
itself once each of them has a way back, for example because the next version replaced this one."""


def blocked(stages: Iterable[StageStatus]) -> tuple[StageStatus, ...]:
    """The stages that have no way back."""
    return tuple(stage for stage in stages if stage.way_back and stage.way_back.blocked)


def unchecked(stages: Iterable[StageStatus]) -> tuple[StageStatus, ...]:
    """The stages of whose way back something is not known."""
    return tuple(stage for stage in stages if stage.way_back and stage.way_back.unchecked)


def title(stages: Sequence[StageStatus]) -> str:
    """The issue's title."""
    return f"No way back: {words.count(len(stages), 'production stage')}"


def text(stages: Iterable[StageStatus]) -> str:
    """The issue's text."""
    rows = (
        [s.model, s.stage, wording.version_or_empty(s.actual), wording.lost(s.way_back)]
        for s in stages
    )
    return f"{table(_HEADER, rows)}\n\n{_ADVICE}"
