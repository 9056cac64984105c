"""A stage that is not declared is an error, wherever it is written; the declaration orders them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core.stage import DeclaredStage, DeclaredStages
from mlgitops.errors import DesiredStateError
from mlgitops.file.load import loads
from mlgitops.file.stages import line
from mlgitops.gates.form import RESERVED_ALIAS
from mlgitops.words import nearest

if TYPE_CHECKING:
    from tests.team import Team


def problems(text: str) -> list[str]:
    """What is wrong with a models.yaml."""
    with pytest.raises(DesiredStateError) as caught:
        loads(text, "models.yaml")
    return [str(problem) for problem in caught.value.problems]


TYPOS = """\
models:
  wind:
    gates:
      Prodution: [{signature: compatible}]
      Staging: [{promoted_from: prod}]
    stages:
      PRODUCTON: 1
      Staging: 2
"""


def test_a_typo_is_an_error_wherever_it_stands() -> None:
    """In stages, in gates and in promoted_from: all at once, with the place and what was meant."""
    found = problems(TYPOS)
    assert [text.partition(" (")[0] for text in found] == [
        f"models.yaml:{place}: stage '{name}' is not declared; did you mean 'Production'?"
        for place, name in (
            ("4:7: wind Prodution", "Prodution"),
            ("5:18: wind Staging", "prod"),
            ("7:7: wind PRODUCTON", "PRODUCTON"),
        )
    ]


def test_a_declaration_says_where_to_add_to_it() -> None:
    """Where there is a list already, it is named with its place."""
    (problem,) = problems("stages: [qa, live]\nmodels: {wind: {stages: {champion: 1}}}\n")
    assert problem == (
        "models.yaml:2:26: wind champion: stage 'champion' is not declared; known: qa, live "
        "(to declare it, add it to `stages` at models.yaml:1:1)"
    )


OWN = st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True).filter(
    lambda name: not RESERVED_ALIAS.fullmatch(name.lower())
)
NAMES = st.lists(OWN, min_size=1, max_size=4, unique_by=str.lower)


def one_model(names: list[str]) -> str:
    """A models.yaml whose model has these stages."""
    pairs = ", ".join(f"'{name}': 1" for name in names)
    return f"models: {{wind: {{stages: {{{pairs}}}}}}}\n"


@given(names=NAMES.filter(lambda names: not any(nearest(n, DeclaredStages().names) for n in names)))
def test_the_line_that_the_error_gives_makes_the_file_valid(names: list[str]) -> None:
    """Whatever the stages are called, every problem gives the same line, and it is enough."""
    text = one_model(names)
    lines = {problem.split("`")[1] for problem in problems(text)}
    assert len(lines) == 1
    desired = loads(f"{lines.pop()}\n{text}", "models.yaml")
    assert set(desired.stages.names) == {"Staging", "Production", *names}


def test_the_line_declares_a_stage_once() -> None:
    """In form 1 models may write it in any case."""
    text = "models: {a: {stages: {champion: 1}}, b: {stages: {Champion: 1}}}\n"
    (added,) = {problem.split("`")[1] for problem in problems(text)}
    assert added == "stages: [Staging, Production, {name: Champion, production: true}]"
    assert len(loads(f"{added}\n{text}", "models.yaml").models) == 2


def test_the_line_for_what_looks_like_a_typo() -> None:
    """It declares that stage and those that are no typos, but no other typo."""
    text = one_model(["Production-eu", "Stagin", "champion"])
    assert [problem.split("`")[1] for problem in problems(text)] == [
        "stages: [Staging, Production, {name: champion, production: true}, "
        "{name: Production-eu, production: true}]",
        "stages: [Staging, Production, {name: champion, production: true}, Stagin]",
        "stages: [Staging, Production, {name: champion, production: true}]",
    ]


@given(names=NAMES, production=st.booleans())
def test_a_declaration_is_read_as_it_is_written(names: list[str], production: bool) -> None:
    """Names that YAML would take for something else are quoted; the order stays."""
    listed = tuple(DeclaredStage(name=name, production=production) for name in names)
    desired = loads(f"{line(listed)}\nmodels: {{}}\n", "models.yaml")
    assert desired.stages == DeclaredStages(listed=listed)


def test_production_is_production_unless_it_says_otherwise() -> None:
    """Others are only if they say so."""
    text = "stages: [{name: PRODUCTION}, champion, {name: live, production: true}]\nmodels: {}\n"
    assert loads(text, "models.yaml").stages.production == ("production", "live")
    text = "stages: [{name: Production, production: false}]\nmodels: {}\n"
    assert loads(text, "models.yaml").stages.production == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stages: [qa, QA]", "1:14: stages 'qa' and 'QA' have the same alias; keep one"),
        ("stages: [v1]", "1:10: stage name 'v1' is reserved by MLflow; choose another name"),
        ("stages: [1]", "1:10: must be text, got 1"),
        ("stages: {Staging: 1}", "1:1: must be a list, got a mapping"),
        ("stages: [{production: true}]", "1:10: missing key 'name'; add it"),
        ("stages: [{nane: qa}]", "1:11: unknown key 'nane'; did you mean 'name'?"),
        ("stages: [{name: qa, production: 1}]", "1:21: must be true or false, got 1"),
        ("version: 3", "1:1: must be 1 or 2 (to read a later form, upgrade mlgitops); got 3"),
    ],
)
def test_a_declaration_that_is_wrong(text: str, expected: str) -> None:
    """Each mistake has its place and what to do."""
    assert any(
        problem.startswith(f"models.yaml:{expected}")
        for problem in problems(f"{text}\nmodels: {{}}")
    )


def test_in_form_2_a_stage_is_written_as_it_is_declared() -> None:
    """In form 1, which files of before have, in any case."""
    text = "models: {wind: {stages: {production: 1}}}\n"
    assert loads(text, "models.yaml").models["wind"].stages[0].alias == "production"
    (problem,) = problems(f"{text}version: 2\n")
    assert problem == (
        "models.yaml:1:26: wind production: stage 'production' is declared as 'Production'; "
        "write it so"
    )


@pytest.mark.parametrize(
    ("arguments", "typo"),
    [
        (("promote", "wind", "Prod", "2"), "Prod"),
        (("promote", "wind", "prodution", "none"), "prodution"),
        (("add-version", "wind", "{}", "--stage", "Prodcution"), "Prodcution"),
        (("rollback", "wind", "Producton", "1"), "Producton"),
        (("pin", "wind", "Productoin"), "Productoin"),
    ],
    ids=lambda one: one[0] if isinstance(one, tuple) else "",
)
def test_a_typo_on_the_command_line_of_an_edit(
    team: Team, arguments: tuple[str, ...], typo: str
) -> None:
    """It names the stage that was meant and the line to add; the file stays as it is."""
    team.write(
        "models: {wind: {stages: {Production: 1}, versions: {1: {train: power_forecasting}}}}\n"
    )
    before = team.file.read_bytes()
    ran = team.run(*arguments)
    assert ran.code == 64
    assert f"models.yaml: stage '{typo}' is not declared; did you mean 'Production'?" in ran.err
    assert f"add the line `stages: [Staging, Production, {typo}]`" in ran.err.replace(
        f"{{name: {typo}, production: true}}", typo
    )
    assert team.file.read_bytes() == before


@pytest.mark.parametrize("verb", ["card", "serve", "smoke", "compare"])
def test_a_typo_on_the_command_line_of_a_reader(team: Team, verb: str) -> None:
    """It is told from an empty stage; a stage that only the registry has can be named."""
    team.versions(1)
    team.client.set_registered_model_alias("wind", "challenger", "1")
    more = ("challenger",) if verb == "compare" else ()
    ran = team.run(verb, "wind", "Challengr", *more)
    assert ran.code == 64
    assert "wind has no stage 'Challengr'; did you mean 'challenger'?" in ran.err
    ran = team.run(verb, "wind", "Production", *more)
    assert ran.code == 64
    assert "Production of wind is empty; stages with a version: challenger" in ran.err


def test_edits_write_the_name_that_is_declared(team: Team) -> None:
    """In whichever case the stage is named on the command line."""
    team.write("version: 2\nstages: [qa, Live]\nmodels:\n  wind:\n    stages:\n      qa: 1\n")
    assert "wind Live is now at 1" in team.ok("promote", "wind", "live", "1").out
    assert team.file.read_text(encoding="utf-8").endswith("      qa: 1\n      Live: 1\n")
    team.ok("rollback", "wind", "QA", "2")
    assert "      qa: 2\n" in team.file.read_text(encoding="utf-8")
