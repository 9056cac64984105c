"""What a comparison shows where something is missing, large or hostile."""

from __future__ import annotations

from dataclasses import replace

from mlgitops.core.evidence import Fact, Past
from mlgitops.report import comparison, markdown, text
from tests.report import made
from tests.report.test_snapshots import printed


def shown(**different: object) -> str:
    """The wind farm's comparison in Markdown, with something else in it."""
    return markdown.report(comparison.report(replace(made.REGRESSION, **different)))  # type: ignore[arg-type]


def test_why_there_are_no_predictions() -> None:
    """In one line, once, also where the reason is that a side cannot be read."""
    lost = replace(made.REGRESSION.new, artifact=None, trouble="cannot read version 2: gone")
    text = shown(new=lost, predictions=None, trouble=lost.trouble)
    assert "\n\nno predictions: cannot read version 2: gone\n\n" in text
    assert text.count("gone") == 1
    assert "\n\ncannot read version 2: gone\n\n" in shown(new=lost, predictions=None)


def test_nothing_that_is_not_known_is_shown() -> None:
    """The first version of a stage has neither an old side nor differences."""
    first = replace(made.REGRESSION, old=None, facts=(), requirements=(), columns=(), breaks=())
    past = made.REGRESSION.history[:1]
    alone = replace(first, predictions=None, slices=(), history=past, warnings=())
    assert printed(lambda console: text.report(comparison.report(alone), console)).splitlines() == [
        "power-forecasting-model: version 2",
        "metric    old    new    difference",
        "test_mae  361    160    -201 (-55.7%)    better",
        "test_r2   0.921  0.977  +0.0557 (+6.0%)  better",
    ]


def test_a_first_version_has_no_empty_columns() -> None:
    """Neither in a terminal nor in Markdown: no old value, no difference, no verdict."""
    metrics = [replace(one, old=None) for one in made.REGRESSION.metrics]
    found = replace(made.REGRESSION, old=None, metrics=tuple(metrics), predictions=None, slices=())
    told = comparison.report(found)
    lines = printed(lambda console: text.report(told, console)).splitlines()
    assert "metric    new" in lines
    assert "| metric | new |" in markdown.report(told).splitlines()


def test_many_classes() -> None:
    """Instead of a wide table, the pairs of classes that most rows went between."""
    kept = {(f"c{i}", f"c{i}"): 100 for i in range(30)}
    moved = {(f"c{i}", f"c{i + 1}"): i + 1 for i in range(29)}
    found = replace(made.predictions(), kind="classification", confusion={**kept, **moved})
    lines = shown(predictions=found).splitlines()
    start = lines.index("| old class | new class | rows |")
    assert lines[start + 2 : start + 4] == ["| c28 | c29 | 29 |", "| c27 | c28 | 28 |"]
    assert lines[start + 12] == ""


def test_a_long_history_is_its_latest_versions() -> None:
    """Forty fit into a line."""
    past = tuple(
        Past(number=n, metrics={"test_mae": float(n)}, stages=("Staging",) if n == 99 else ())
        for n in range(1, 101)
    )
    text = shown(history=past)
    assert "| history | versions 61 to 100 |" in text
    assert f"| stages | `{'·' * 38}S·` | 99 Staging |" in text


def test_hostile_names_and_addresses() -> None:
    """Classes, links and summaries cannot become markup of their own."""
    facts = (
        Fact(name="a", old=None, new="1", link="javascript:alert(1)"),
        Fact(name="b", old=None, new="1", link="https://x.test/) [y](z"),
    )
    text = shown(facts=facts)
    assert "](javascript" not in text
    assert "[compare](https://x.test/%29%20[y]%28z)" in text
    confused = replace(made.predictions(), confusion={("<b>|", "@all"): 1})
    assert "| old ↓ new → | \\<b\\>\\| | \\@&#8203;all |" in shown(predictions=confused)
    folded = markdown.details("a_b <b>\n\n| x", "body")
    assert folded == "<details><summary>a_b &lt;b&gt; | x</summary>\n\nbody\n\n</details>"
