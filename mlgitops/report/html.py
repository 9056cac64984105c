"""One HTML file that holds all that a reviewer needs: no script, nothing from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mlgitops import words
from mlgitops.report import answered, drifted, wording
from mlgitops.report import comparison as beside
from mlgitops.system import secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mlgitops.core.apply import Outcome
    from mlgitops.core.evidence import Comparison
    from mlgitops.core.metrics import Difference
    from mlgitops.core.record import Recorded
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal
    from mlgitops.report.pictures.svg import Picture

# a word is never told from another by its colour alone, nor only by reading it
_MARKS = {
    **dict.fromkeys(("better", "passed", "applied"), "✓ "),
    **dict.fromkeys(("worse", "failed", "half done"), "✗ "),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shown:
    """A comparison with its pictures, as the template takes them."""

    comparison: Comparison
    pictures: tuple[Picture, ...]


def plan(
    proposal: Proposal,
    done: Sequence[Outcome] = (),
    progress: Callable[[str], None] = lambda _: None,
    *,
    recorded: Recorded | None = None,
    drawn: bool = True,
) -> Iterator[str]:
    """A plan with its evidence, what became of each change, and where that is recorded.

    It comes in pieces, and pictures are made one change at a time, so that a plan of 200 changes
    need not be in memory at once.
    """

    def details() -> Iterator[tuple[Exhibit, _Shown | None]]:
        for index, exhibit in enumerate(proposal.exhibits, start=1):
            progress(f"drawing {exhibit.change.model} {exhibit.change.stage}")
            found = exhibit.comparison
            yield exhibit, _shown(found, f"change-{index}", drawn=drawn) if found else None

    template = _environment().get_template("plan.html")
    return template.generate(proposal=proposal, done=done, recorded=recorded, details=details())


def comparison(found: Comparison) -> Iterator[str]:
    """Two versions side by side, in pieces."""
    template = _environment().get_template("comparison.html")
    return template.generate(title=beside.title(found), shown=_shown(found, "picture"))


def failed(lines: Iterable[str]) -> Iterator[str]:
    """Why there is nothing to report."""
    return _environment().get_template("failed.html").generate(lines=lines)


def _shown(found: Comparison, key: str, *, drawn: bool = True) -> _Shown:
    if not drawn:
        return _Shown(comparison=found, pictures=())
    from mlgitops.report import pictures  # a page without one needs no matplotlib

    return _Shown(comparison=found, pictures=tuple(pictures.draw(found, key)))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("mlgitops.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(answered=answered, drifted=drifted.part, wording=wording)
    made.globals.update(NONE=words.NONE)
    made.filters.update(told=_told, mark=_mark, signed="{:+.6g}".format, web=_web, svg=_svg)
    made.filters.update(number=wording.number, difference=wording.difference)
    return made


def _plain(value: object) -> object:
    """Text from a registry without secrets, nor what steers how it is read, such as directions."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return words.plain(secrets.hidden(value))


def _mark(word: str) -> str:
    return _MARKS.get(word, "")


def _told(metrics: Iterable[Difference], *, training: bool) -> list[Difference]:
    """The metrics of the training set, which are many and say little, or all others."""
    return [one for one in metrics if one.metric.startswith("training_") == training]


def _web(link: str | None) -> str | None:
    """A link if it leads to a page; text of a registry might name a script."""
    return link if link and link.startswith(("https://", "http://")) else None


def _svg(picture: Picture) -> Markup:
    return Markup(picture.svg)  # noqa: S704 - made by matplotlib, which escapes all text
