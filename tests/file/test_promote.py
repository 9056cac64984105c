"""Rules of promotion in models.yaml: what they say, and what is wrong with them."""

from __future__ import annotations

from textwrap import dedent

import pytest

from mlgitops.core.promotion import Rule
from mlgitops.errors import DesiredStateError
from mlgitops.file.load import loads


def with_rules(rules: str, *, form: int = 2) -> str:
    """A models.yaml with some rules."""
    return dedent(
        f"""\
        version: {form}
        models:
          wind:
            stages: {{Staging: 2}}
            promote: {{{rules}}}
        """
    )


def problems(text: str) -> list[str]:
    """What is wrong with a models.yaml."""
    with pytest.raises(DesiredStateError) as caught:
        loads(text, "models.yaml")
    return [str(problem).partition(" (to declare")[0] for problem in caught.value.problems]


def test_every_way_to_choose_a_version() -> None:
    """One word, or a mapping with one way; auto-merge goes with each."""
    found = {
        rule: loads(with_rules(f"Production: {rule}"), "models.yaml").models["wind"].promote
        for rule in (
            "newest",
            "{merge: auto}",
            "{from: Staging}",
            "{alias: candidate, merge: auto}",
            "{tag: approved, value: 'yes'}",
            "{metric: revenue, better: higher}",
        )
    }
    assert [dict(rules)["Production"] for rules in found.values()] == [
        Rule(),
        Rule(auto_merge=True),
        Rule(origin="Staging"),
        Rule(alias="candidate", auto_merge=True),
        Rule(tag="approved", value="yes"),
        Rule(metric="revenue", better="higher"),
    ]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            "Staging: newst",
            "wind Staging: must be 'newest', or a mapping such as {from: Staging}; got 'newst'",
        ),
        (
            "Staging: {merge: yes}",
            "wind Staging: 'merge' must be 'auto', or be left out: people merge; ",
        ),
        ("Staging: {form: qa}", "wind Staging: unknown key 'form'; did you mean 'from'?"),
        ("Stagin: newest", "wind Stagin: stage 'Stagin' is not declared; did you mean 'Staging'?"),
        ("Production: {from: prod}", "wind Production: stage 'prod' is not declared"),
        ("Production: {from: staging}", "stage 'staging' is declared as 'Staging'; write it so"),
        ("Staging: {from: Staging}", "a version cannot enter Staging from Staging itself"),
        ("Staging: {alias: production}", "is the alias of a stage; write 'from: Production'"),
        ("Staging: {tag: a, alias: b}", "a rule has one way to choose a version, not alias and"),
        ("Staging: {value: a}", "'value' is that of a tag; add 'tag', or remove it"),
        ("Staging: {better: lower}", "'better' is said of a metric; add 'metric', or remove it"),
        ("Staging: {metric: revenue}", "or 'better: lower' or 'better: higher' here"),
        ("Staging: newest, staging: newest", "stages 'Staging' and 'staging' have the same alias"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_an_error(rules: str, expected: str) -> None:
    """With its place, its stage, and what to write."""
    found = problems(with_rules(rules))
    assert any(expected in problem for problem in found), found
    assert all(problem.startswith("models.yaml:5:") for problem in found)


def test_rules_need_form_2() -> None:
    """A file without a version is read as before, and has no rules."""
    (problem,) = problems(with_rules("Staging: newest", form=1))
    assert problem == (
        "models.yaml:5:5: wind: 'promote' needs form 2; write 'version: 2' at the top of the file"
    )
