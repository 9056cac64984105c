"""Two versions side by side, by themselves: text and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from mlgitops.report import markdown as md
from mlgitops.report import parts
from mlgitops.report import text as terminal

if TYPE_CHECKING:
    from rich.console import Console

    from mlgitops.core.evidence import Comparison


def text(comparison: Comparison, console: Console) -> None:
    """Its title, warnings, then words and tables."""
    console.print(Text(parts.title(comparison), style="bold"))
    terminal.comparison(comparison, console)


def markdown(comparison: Comparison) -> str:
    """Its title, warnings, then words and tables; nothing is folded."""
    said = [f"**{md.escaped(parts.title(comparison))}**"]
    said += [f"**Warning:** {md.escaped(warning)}" for warning in comparison.warnings]
    said.append(md.evidence(parts.comparison_parts(comparison, full=True)))
    return "\n\n".join(filter(None, said)) + "\n"
