"""What fits into GitHub's limits, and what is left out of what does not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlgitops.github.body import LEAST, LIMIT, fitted, octets
from mlgitops.report import markdown
from tests.report import made

MARKER = "<!-- mlgitops:plan -->\n"
RUN = "https://github.com/windy/farm/actions/runs/77#artifacts"
IMAGES = "<details><summary>images: 31 passed</summary>\n\n| a |\n| --- |\n| b |\n\n</details>\n"


def plan(refused: int, passed: int, length: int = 0, warnings: int = 0) -> str:
    """A plan with some changes; what a gate found and each warning have a length."""
    failed = replace(made.FAILED, actual="x" * length)
    noted = replace(made.REGRESSION, warnings=("w" * length,) * warnings)
    changes = [
        *(made.exhibit(f"good-{i}", noted, made.PASSED) for i in range(passed)),
        *(made.exhibit(f"bad-{i}", noted, made.PASSED, failed) for i in range(refused)),
    ]
    return markdown.plan(made.proposal(changes))


def check_markdown(text: str) -> None:
    """Details, tables and fences that were begun are ended."""
    assert text.count("<details>") == text.count("</details>")
    assert len(re.findall(r"^```", text, re.MULTILINE)) % 2 == 0
    for block in text.split("\n\n"):
        if block.startswith("|"):
            lines = block.rstrip("\n").split("\n")
            assert len(lines) >= 2
            assert all(line.endswith(" |") for line in lines)


@settings(max_examples=20, deadline=None)
@given(
    refused=st.integers(0, 40),
    passed=st.integers(0, 40),
    length=st.integers(0, 2_000),
    warnings=st.integers(0, 3),
)
def test_a_plan_keeps_its_summary_and_verdicts(
    refused: int, passed: int, length: int, warnings: int
) -> None:
    """What is not folded stays, whatever the size; where it does not fit, its beginning does."""
    text = MARKER + plan(refused, passed, length, warnings) + IMAGES
    body = fitted(text, run=RUN)
    check_markdown(body)
    assert len(body) <= LIMIT
    essential = text[: text.find("\n| model | stage | warning") if warnings else text.find("<det")]
    if len(text) <= LIMIT:
        assert body == text
    elif len(essential) + 1_000 <= LIMIT:
        assert set(essential.splitlines()) <= set(body.splitlines())
        assert RUN in body.splitlines()[-1]
    else:
        assert body.splitlines()[:4] == text.splitlines()[:4]
        assert "| bad-0 | Production |" in body
        assert "### bad-0 Production" in body
        assert "left out" in body.splitlines()[-1]


def test_the_longest_details_go_first() -> None:
    """Each leaves a line that says where it is, the others stay."""
    blocks = [
        f"<details><summary>{n}</summary>\n\n{'x' * n}\n\n</details>" for n in (300, 900, 500)
    ]
    text = "\n\n".join(["**Plan**", *blocks, "after"])
    assert fitted(text, 1_400, run=RUN).split("\n\n") == [
        "**Plan**",
        *blocks[0].split("\n\n"),
        "900: see the artifacts for details",
        "500: see the artifacts for details",
        "after",
        "… shortened: 2 folded details left out. The complete report is in the "
        f"[artifacts of the run]({RUN}).\n",
    ]


def test_hundreds_of_refused_changes() -> None:
    """The headline and the refused ones come first, and it says how many are left out."""
    body = fitted(MARKER + plan(refused=500, passed=300, length=200), run=RUN)
    check_markdown(body)
    assert LIMIT * 0.9 < len(body) <= LIMIT
    assert body.startswith(f"{MARKER}Refused: bad-0 Production → 2: signature compatible")
    assert "(and 499 more refusals)" in body.splitlines()[1]
    rows = re.findall(r"^\| \\~ \| (\S+)", body, re.MULTILINE)
    assert rows == [f"bad-{i}" for i in range(len(rows))]
    assert f"… and {800 - len(rows)} more rows" in body
    shown = body.count("\n### bad-")
    assert shown > 50
    assert f"800 folded details, {500 - shown} parts left out" in body.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n\n```\n" + "x\n\n" * 900 + "```\n\nb", "a"),
        ("a\n\n~~~\n# x\n```\n" + "x\n" * 900 + "~~~", "a"),
        ("# a\n\nb\n\n## c\n\n" + "d " * 900, "# a\n\nb"),
        ("<details>\n\n<details>\n\n" + "x" * 999 + "\n\n</details>\n\n</details>\n\na", "a"),
    ],
)
def test_what_can_not_be_cut_is_left_out_whole(text: str, expected: str) -> None:
    """Fences and nested details have an end or are not there; nor are headings of nothing."""
    body = fitted(text, LEAST)
    check_markdown(body)
    said = [part for part in body.split("\n\n") if "the artifacts" not in part]
    assert "\n\n".join(said) == expected


@given(st.text(alphabet="ab \n|#`~<>-é█", max_size=4_000), st.integers(LEAST, 2_000))
def test_any_text_fits(text: str, limit: int) -> None:
    """In characters and in bytes; what fits is not touched."""
    assert len(fitted(text, limit, run=RUN)) <= limit
    cut = fitted(text, limit, size=octets)
    assert octets(cut) <= limit
    assert (cut == text) == (octets(text) <= limit)


def test_a_table_alone_is_cut_by_its_rows() -> None:
    """It has all the room that there is."""
    rows = [f"| row {i} |" for i in range(500)]
    body = fitted("\n".join([MARKER.strip(), "| title |", "| --- |", *rows]), 3_000)
    kept = body.count("| row ")
    assert body.count("\n| row ") == kept
    assert 1_900 < len(body) <= 3_000
    assert f"… and {500 - kept} more rows" in body


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "<details><summary>x\n</details>\n\n" * 120_000,
        "<details>" + "<summary>" * 460_000 + "\n</details>\n\n",
        "|a\n\n" * 200_000,
        "```\n" * 400_000,
    ],
    ids=["details", "titles", "tables", "fences"],
)
def test_a_forged_text_is_cut_in_little_time(text: str) -> None:
    """What a stranger wrote to take long takes seconds."""
    assert len(fitted(text)) <= LIMIT
