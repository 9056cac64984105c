"""What a comment says that the one before did not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mlgitops.github.since import told
from mlgitops.report import markdown
from tests.github.test_api import github
from tests.report import made

if TYPE_CHECKING:
    from tests.github import fake

MARKER = "<!-- mlgitops:plan -->"
BOTH = made.two_changes()
SECOND, FIRST = BOTH.exhibits
PLAN = markdown.plan(BOTH)


def beginning(text: str) -> str:
    """What is above the headline."""
    return text.partition("**Plan: ")[0]


def other(new: int) -> str:
    """The same plan, but for the version of its second change."""
    change = replace(SECOND.change, new=new)
    return markdown.plan(replace(BOTH, exhibits=(FIRST, replace(SECOND, change=change))))


def test_what_is_different_stands_above_the_headline() -> None:
    """Another version, with what was planned before, in the words of the table."""
    said = beginning(told(f"{MARKER}\n{PLAN}", other(new=7)))
    assert said.startswith(beginning(PLAN))
    assert said.removeprefix(beginning(PLAN)) == (
        "**Since the last plan:**\n\n- tumour-diagnosis-model Production: 1 → 7, gates: 1 passed "
        "(before: 1 → 2, gates: 1 passed)\n\n"
    )


def test_changes_that_come_and_go() -> None:
    """A change that is new, and one that is planned no longer."""
    alone = markdown.plan(replace(BOTH, exhibits=(FIRST,)))
    assert "tumour-diagnosis-model Production: 1 → 2, gates: 1 passed (new)" in told(alone, PLAN)
    gone = "tumour-diagnosis-model Production: no longer planned (before: 1 → 2, gates: 1 passed)"
    assert gone in told(PLAN, alone)


def test_many_differences_are_counted() -> None:
    """Five of them are told one by one."""
    names = [replace(SECOND, change=replace(SECOND.change, stage=f"s{i}")) for i in range(9)]
    said = beginning(told(PLAN, markdown.plan(replace(BOTH, exhibits=(FIRST, SECOND, *names)))))
    assert "- tumour-diagnosis-model s4: 1 → 2, gates: 1 passed (new)\n" in said
    assert "- and 4 more differences\n" in said


def test_the_same_plan_again() -> None:
    """After a rebase, say."""
    assert "Since the last plan: the same changes and verdicts.\n\n**Plan: " in told(PLAN, PLAN)
    carried = PLAN.replace("\n", "\r\n")  # as forms on GitHub send it
    assert "Since the last plan: the same changes and verdicts." in told(carried, PLAN)


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (f"{MARKER}\n**plan.md is missing.** An earlier step failed; see its log.\n", PLAN),
        (PLAN, "**plan.md is missing.**\n"),
        (f"{PLAN.partition(' | 1 passed')[0]} |\n\n… and 3 more rows\n\n", PLAN),
    ],
    ids=["no plan before", "no plan now", "rows were left out"],
)
def test_nothing_is_said_that_is_not_known(before: str, text: str) -> None:
    """Where one of both is no plan, or not all of one."""
    assert told(before, text) == text


def test_the_comment_of_a_pull_request(hub: fake.GitHub) -> None:
    """It says so when it is written again, of the last plan alone."""
    for text in (PLAN, other(new=7), other(new=7)):
        github(hub).comment(12, MARKER, text)
    (comment,) = hub.comments
    assert comment["body"].count("Since the last plan") == 1
    assert "Since the last plan: the same changes and verdicts." in comment["body"]
