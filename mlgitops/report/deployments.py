"""What serves on a host, and what replacements came to: text, Markdown, plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops import words
from mlgitops.report import markdown, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from mlgitops.deploy.fleet import DeploymentStatus
    from mlgitops.deploy.rehearsal import Rehearsed

_STATES = (
    *("model", "stage", "state", "serves", "registry"),
    *("address", "slot", "share", "requests", "errors", "since"),
)
_REHEARSED = ("", "replacement", "requests", "dropped", "refused", "p99, ms")


def states_text(found: Sequence[DeploymentStatus], console: Console) -> None:
    """A line for each slot."""
    if not found:
        console.print("no deployments; to create one, run `mlgitops deploy MODEL STAGE`")
        return
    console.print(text.table(_STATES, _lines(found)))


def states_markdown(found: Sequence[DeploymentStatus]) -> str:
    """A line for each slot."""
    return markdown.table(_STATES, _lines(found)) + "\n"


def rehearsed_markdown(found: Sequence[Rehearsed]) -> str:
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
        return "The plan replaces no version; nothing to rehearse.\n"
    dropped, refused = sum(one.dropped for one in found), sum(one.refused for one in found)
    title = f"**Replaced under load: {dropped:,} requests dropped, {refused:,} refused.**"
    return f"{title}\n\n{markdown.table(_REHEARSED, rows)}\n"


def rehearsed_line(one: Rehearsed) -> str:
    """A replacement in one line."""
    return (
        f"{one.change}: {one.requests:,} requests during the replacement, {one.dropped:,} dropped, "
        f"{one.refused:,} refused"
    )


def _lines(found: Iterable[DeploymentStatus]) -> list[list[str]]:
    lines = []
    for state in found:
        where = state.deployment
        total = sum(slot.weight for slot in where.slots) or 1
        head = [where.model, where.stage, state.word]
        held = state.held or words.NONE
        lines += [
            [
                *head,
                slot.version,
                held,
                where.url,
                slot.slot.value,
                f"{slot.weight / total:.0%}",
                f"{slot.requests:,}",
                f"{slot.errors:,}",
                f"{slot.started[:19]}Z",
            ]
            for slot in where.slots
        ] or [[*head, words.NONE, held, where.url, *([words.NONE] * 5)]]
    return lines
