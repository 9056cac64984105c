"""What serves on a host, and what replacements came to. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.report import parts
from mlgitops.report.parts import Part, Report
from mlgitops.words import NONE, count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlgitops.deploy.fleet import DeploymentStatus
    from mlgitops.deploy.rehearsal import Rehearsed

_STATES = (
    *("model", "stage", "state", "serves", "commit", "registry"),
    *("address", "slot", "replicas", "share", "requests", "errors", "since"),
)
_REHEARSED = ("", "replacement", "requests", "dropped", "refused", "p99, ms")


def states(found: Iterable[DeploymentStatus]) -> Report:
    """A line for each slot."""
    nothing = "no deployments; to create one, run `mlgitops deploy MODEL STAGE`"
    return parts.table(_STATES, _lines(found), empty=nothing)


def rehearsed(found: Sequence[Rehearsed]) -> Report:
    """What callers noticed, and a line for each replacement."""
    rows = [
        [
            "passed" if one.good else "failed",
            str(one.change),
            f"{one.requests:,}",
            f"{one.dropped:,}",
            f"{one.refused:,}",
            f"{one.milliseconds:.0f}",
        ]
        for one in found
    ]
    if not rows:
        return Report(parts=[Part(words="The plan replaces no version; nothing to rehearse.")])
    dropped, refused = sum(one.dropped for one in found), sum(one.refused for one in found)
    title = f"Replaced under load: {count(dropped, 'request')} dropped, {refused:,} refused."
    return Report(title=title, parts=[Part(header=_REHEARSED, rows=rows)])


def rehearsed_line(one: Rehearsed) -> str:
    """A replacement in one line."""
    return (
        f"{one.change}: {count(one.requests, 'request')} during the replacement, "
        f"{one.dropped:,} dropped, {one.refused:,} refused"
    )


def _lines(found: Iterable[DeploymentStatus]) -> list[list[str]]:
    lines = []
    for state in found:
        where = state.deployment
        total = sum(slot.weight for slot in where.slots) or 1
        head = [where.model, where.stage, state.word]
        held = state.held or NONE
        lines += [
            [
                *head,
                slot.version,
                slot.commit[:12] or NONE,
                held,
                where.url,
                slot.slot.value,
                f"{slot.ready}/{slot.settings.replicas}",
                f"{slot.weight / total:.0%}",
                f"{slot.requests:,}",
                f"{slot.errors:,}",
                f"{slot.started[:19]}Z",
            ]
            for slot in where.slots
        ] or [[*head, NONE, NONE, held, where.url, *([NONE] * 6)]]
    return lines
