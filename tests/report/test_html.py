"""The page for reviewers: all that is known, in one file, whatever registries hold."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlgitops.core.evidence import Fact
from mlgitops.core.metrics import differences, with_intervals
from mlgitops.report import comparison as beside
from mlgitops.report import html
from mlgitops.report.parts import Link
from tests.report import made
from tests.report.reading import Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.team import Team


@cache
def plan() -> Page:
    """A plan with two changes, one of which is refused."""
    return Page(html.plan(made.two_changes()))


@cache
def comparison() -> Page:
    """Two versions side by side."""
    return Page(html.comparison(made.REGRESSION))


def failed() -> Page:
    """Why there is nothing to show."""
    return Page(html.failed(["models.yaml:3:1: wind: <b>no</b>"]))


pages = pytest.mark.parametrize("page", [plan, comparison, failed])


@pytest.fixture
def promoting(team: Team) -> Team:
    """A team that is about to replace version 1 by a better one."""
    team.version(metrics={"test_mae": 361.0}, params={"estimator": "<script>alert(1)</script>"})
    team.version(metrics={"test_mae": 160.0}, params={"estimator": "boosting"})
    team.stages(Production=1)
    team.ok("apply", "--actor", "ada", "--commit", "abc")
    team.stages(Production=2)
    return team


def read(file: str) -> Page:
    """A page that was written."""
    return Page([Path(file).read_text(encoding="utf-8")])


def test_a_plan_says_everything() -> None:
    """Headline, refusal, gates, metrics, parameters, facts, signature, warnings, predictions."""
    for said in (
        "Plan: 2 changes in 2 models; 2 stages managed.",
        "Refused models.yaml:5:9: power-forecasting-model Production → 2: signature compatible: "
        "expected: a signature that callers of the stage can use; actual: input temperature_16 was "
        "removed; choose a version that meets the gate, or change the gate Changes",
        "power-forecasting-model Production 1 → 2 1 ✗ failed , 1 ✓ passed",
        "refused · models.yaml:5 Gates Result Rule Expected Actual ✓ passed test_r2 min 0.9",
        "Breaks callers: input temperature_16 was removed",
        "Warning: the versions were tested on different data; do not compare their metrics",
        "test_mae 361 160 -201 (-55.7%) ✓ better",
        "parameter: 2 more parameter old new max_iter – 200",
        "Signature signature input temperature_16 was removed ✗ breaks callers",
        "input temperature_16 (double) removed",
        "size 41.0 kB 1.6 MB",
        "commit 111111111111 222222222222 compare",
        "scikit-learn 1.1 1.2",
        "on 731 held-out rows of windfarm (digest 1a2b3c4d):",
        "changed 93.2% of the rows moved by more than 1%",
        "2019-03-04 1,800 1,100 -700 (-38.9%) 1,090",
        "2020-11-23 300 910 +610 (+203.4%) –",
        "milliseconds 1.5 3.25",
        "changed 3.5% of the rows different class",
        "old ↓ new → benign malignant benign 35 2",
        "Charts Actual and predicted",
        "How far predictions move",
        "History history versions 1 to 4",
    ):
        assert said in plan().text


def test_metrics_that_were_recorded_on_the_same_rows_are_told_once() -> None:
    """With their interval; only a metric that is another number there is told again."""
    found = made.predictions()
    r2 = replace(found.scores[1], new=0.5)
    again = replace(found, scores=(found.scores[0], r2))
    metrics = with_intervals(made.REGRESSION.metrics, again.scores)
    text = Page(html.comparison(replace(made.REGRESSION, metrics=metrics, predictions=again))).text
    assert "test_mae 361 160 -201 (-55.7%) -228 to -178 ✓ better" in text
    assert " mae 361 160" not in text
    assert "metric on the same rows old new difference 95% interval r2 0.921 0.5" in text

    once = replace(found, scores=found.scores[:1])
    text = Page(html.comparison(replace(made.REGRESSION, metrics=metrics, predictions=once))).text
    assert "on the same rows" not in text
    assert text.count("on 731 held-out rows of windfarm") == 1


def test_a_refusal_is_above_everything_else() -> None:
    """Right below the headline, and it is told there only."""
    assert plan().text.split("managed.")[2].startswith(" Refused models.yaml:5:9: power-")
    assert plan().text.count("signature compatible: expected") == 1
    assert "✗ failed signature compatible" not in plan().text


def test_a_comparison_says_everything() -> None:
    """The same, of two versions that somebody named."""
    assert "power-forecasting-model: version 1 → version 2 Breaks callers" in comparison().text
    assert "Requirements that differ requirement old new scikit-learn 1.1" in comparison().text


@pages
def test_a_page_is_whole_by_itself(page: Callable[[], Page]) -> None:
    """No script, nothing that is fetched, and a policy that forbids both."""
    shown = page()
    tags = {tag for tag, _ in shown.tags}
    assert not tags & {"script", "iframe", "object", "embed", "img", "form", "base", "image"}
    assert [name for _, found in shown.tags for name in found if name.startswith("on")] == []
    assert shown.attributes("src") == shown.attributes("action") == []
    assert [found["href"] for tag, found in shown.tags if tag == "link"] == ["data:,"]
    policy = next(found["content"] for _, found in shown.tags if "http-equiv" in found)
    assert str(policy).startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


@pages
def test_a_page_can_be_read_aloud(page: Callable[[], Page]) -> None:
    """A language, a title, headings without gaps, names for pictures and tables, unique ids."""
    shown = page()
    assert shown.tags[0] == ("html", {"lang": "en"})
    headings = [int(tag[1]) for tag, _ in shown.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(headings))
    named = [found for _, found in shown.tags if found.get("role") in ("img", "group")]
    assert all(found["aria-label"] for found in named)
    assert len(set(shown.attributes("id"))) == len(shown.attributes("id"))
    inside = [link[1:] for link in shown.attributes("href") if link.startswith("#")]
    assert set(inside) <= set(shown.attributes("id"))


def test_nothing_that_is_not_known_is_shown() -> None:
    """The first version of a stage has no old side; what was not measured has no table."""
    bare = replace(
        made.REGRESSION,
        old=None,
        metrics=differences({}, made.BOOSTING.metrics),
        parameters=(),
        facts=(),
        requirements=(),
        columns=(),
        breaks=(),
        warnings=(),
        predictions=None,
        slices=(),
        history=(),
    )
    page = Page(html.comparison(bare))
    assert page.text == (
        "power-forecasting-model: version 2 power-forecasting-model: version 2 Metrics "
        "metric new test_mae 160 test_r2 0.977 "
        "metric: 1 more metric new training_score 0.9"
    )


def test_a_page_says_what_markdown_says() -> None:
    """Every section, with the intervals of metrics and slices, in the same words."""
    expected = {
        cell.text if isinstance(cell, Link) else cell
        for part in beside.parts(made.REGRESSION)
        for cells in ([part.words], part.header, *part.rows)
        for cell in cells
    }
    assert "the new version is worse on 1 of 3 slices of these rows" in comparison().text
    many = replace(made.REGRESSION, slices=made.REGRESSION.slices[:1] * 13)
    assert (
        "worse on 13 of 13 slices of these rows, better on 0 and about the same on 0; 3 more"
        in (Page(html.comparison(many)).text)
    )
    assert "quarter January to March 180 210 260 +49.8 (+23.6%) +12.5 to +87 ✗ worse" in (
        comparison().text
    )
    assert "mae 361 160 -201 (-55.7%) -228 to -178 ✓ better" in comparison().text
    assert [said for said in expected if said not in comparison().text] == []


def test_why_there_are_no_predictions() -> None:
    """As a warning where a side cannot be read, else where they would be."""
    lost = replace(made.REGRESSION.new, artifact=None, trouble="cannot read version 2: gone")
    unread = replace(made.REGRESSION, new=lost, predictions=None)
    assert "Warning: cannot read version 2: gone" in Page(html.comparison(unread)).text
    without = replace(made.REGRESSION, predictions=None, trouble="no rows to compare on")
    assert (
        "Predictions no predictions: no rows to compare on" in Page(html.comparison(without)).text
    )


def test_a_value_that_reads_like_a_verdict_is_none() -> None:
    """A parameter may be called anything."""
    named = (("state", "failed", "passed"),)
    page = Page(html.comparison(replace(made.REGRESSION, parameters=named)))
    assert "parameter old new state failed passed Facts" in page.text


def test_what_is_long_is_folded() -> None:
    """Nine rows and more open when they are wanted; parameters of both are beside each other."""
    both = (("kind", "linear", "boosting"), ("seed", "1", "2"))
    many = (*both, *((f"p{number}", None, "2") for number in range(9)))
    page = Page(html.comparison(replace(made.REGRESSION, parameters=many)))
    assert (
        "Parameters that differ parameter old new kind linear boosting seed 1 2 "
        "parameter: 9 more parameter old new p0 – 2"
    ) in page.text
    assert [tag for tag, _ in page.tags].count("details") == 3  # metrics of training, equal facts


def test_hostile_text_can_not_become_markup() -> None:
    """It shows as it is; addresses that are none of a page's are no links."""
    hostile = replace(
        made.REGRESSION,
        model="<img src=x onerror=alert(1)>",
        warnings=("</ul><script>alert(1)</script>", "\u202egpj.exe\x00"),
        parameters=(('"><b>', "{{ 7 * 7 }}", "'"),),
        facts=(
            Fact(name="a", old=None, new="1", link="javascript:alert(1)"),
            Fact(name="b", old=None, new="1", link='https://x.test/"onclick="alert(1)'),
        ),
    )
    page = Page(html.comparison(hostile))
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in comparison().tags}
    assert "Warning: </ul><script>alert(1)</script> Warning: gpj.exe" in page.text
    assert "\"><b> {{ 7 * 7 }} '" in page.text
    links = [found["href"] for tag, found in page.tags if tag == "a"]
    assert links == ['https://x.test/"onclick="alert(1)']
    assert page.attributes("onclick") == []


def test_changes_are_drawn_one_at_a_time() -> None:
    """The page of the first change is there before the second is drawn."""
    drawn: list[str] = []
    changes = [made.exhibit(f"model-{n}", made.CLASSIFICATION, made.PASSED) for n in range(200)]
    pieces = html.plan(made.proposal(changes), progress=drawn.append)
    next(piece for piece in pieces if "<svg" in piece)
    assert drawn == ["drawing model-0 Production"]


def test_report_writes_the_page(promoting: Team) -> None:
    """`mlgitops report` plans, writes the page and says where; the registry stays as it is."""
    ran = promoting.ok("report")
    assert ran.out == "report.html: Plan: 1 change in 1 model; 1 stage managed.\n"
    page = read("report.html")
    assert "wind Production: 1 → 2 models.yaml:4 · last moved by ada" in page.text
    assert "test_mae 361 160 -201 (-55.7%) ✓ better" in page.text
    assert "estimator <script>alert(1)</script> boosting" in page.text
    assert "script" not in {tag for tag, _ in page.tags}
    assert promoting.aliases() == {"production": 1}


def test_a_refused_plan_is_written_first(promoting: Team) -> None:
    """Then the command exits as `plan` does, and what allows the plan to pass is taken."""
    promoting.write("models: {wind: {stages: {Production: null}}}")
    ran = promoting.run("report", "refused.html")
    assert ran.code == 3
    assert "the guard empties-production refused wind Production" in ran.err
    page = read("refused.html")
    assert re.search(r"Refused (models\.yaml:1:\d+: )?empties-production: wind Prod", page.text)
    assert "to allow it: pass --allow empties-production" in page.text
    assert "No version enters this stage." in page.text
    told = promoting.run("plan", "--format", "markdown").out
    assert re.search(r"\| refused \| models.yaml:1:\d+: empties-production", told)
    promoting.ok("report", "--allow", "empties-production")
    allowed = r"Allowed guards allowed : models\.yaml:1:\d+: empties-production"
    assert re.search(allowed, read("report.html").text)


def test_errors_are_written_too(promoting: Team) -> None:
    """By each verb that takes a report, with the exit code of the error."""
    promoting.write("models: 5")
    for command in (("report",), ("plan", "--report"), ("validate", "--report")):
        assert promoting.run(*command, "x.html").code == 1
        assert "Error: models.yaml:1:1: must be a mapping, got 5" in read("x.html").text
        Path("x.html").unlink()


def test_a_version_that_cannot_be_had_is_a_refusal(promoting: Team) -> None:
    """It is the first thing that the page says, with its line."""
    promoting.stages(Production=9)
    assert promoting.run("report", "x.html").code == 3
    assert "Refused models.yaml:4:7: wind Production: version 9 does not" in read("x.html").text


def test_plan_and_apply_write_pages_as_well(promoting: Team) -> None:
    """Beside what they print; that of apply says what became of each change."""
    promoting.ok("plan", "--quick", "--report", "plan.html", "--report", "plan.json")
    assert "test_mae 361 160" in read("plan.html").text
    promoting.ok("apply", "--report", "apply.html")
    assert "Outcomes" not in read("plan.html").text
    assert "wind Production 1 → 2 ✓ applied" in read("apply.html").text
    promoting.ok("report")
    assert "No changes: 1 stage as declared." in read("report.html").text


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["report", "page.md"], "page.md: the name must end in .html"),
        (["plan", "--report", "x.pdf"], "x.pdf: the name must end in .md, .json or .html"),
        (["apply", "--report", "gone/x.html"], "gone/x.html: the folder gone does not exist"),
    ],
)
def test_a_page_with_no_good_name(promoting: Team, command: list[str], expected: str) -> None:
    """Is refused with a sentence, and before anything is applied."""
    ran = promoting.run(*command)
    assert ran.code == 64
    assert expected in ran.err
    assert promoting.aliases() == {"production": 1}


def test_a_page_that_cannot_be_written(promoting: Team) -> None:
    """The file and the reason are named."""
    ran = promoting.run("report", "gone/page.html")
    assert ran.code == 1
    assert "cannot write gone/page.html: No such file" in ran.err
