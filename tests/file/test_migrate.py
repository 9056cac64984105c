"""A models.yaml of form 1 becomes one of form 2 that means the same; every other byte stays."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.errors import DesiredStateError, MigrationError
from mlgitops.file.load import loads, source
from mlgitops.file.migrate import migrated
from tests.file.test_stages import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.desired import Desired


def migrate(text: str) -> str:
    """A models.yaml in the newest form."""
    return migrated(source(text, "models.yaml"))


FORM_1 = dedent(
    """\
    # yaml-language-server: $schema=./models.schema.json
    # the manual

    models:
      wind:            # the farm
        gates:
          PRODUCTION:  # what serves
            - {promoted_from: "staging", soak: 24h}  # a day
            - {metric: mae, max_regression: 2%}
        stages:
          staging: 2   # next
          Production: {version: 1, digest: "sha256:DIGEST"}

      solar: {stages: {production: 3}}  # the other one
    owner: acme/farm
    """
).replace("DIGEST", "a" * 64)


def test_comments_and_layout_stay() -> None:
    """Two lines come before the first key, and stages are spelled as they are declared."""
    expected = (
        FORM_1.replace("\nmodels:", "\nversion: 2\nstages: [Staging, Production]\nmodels:")
        .replace("PRODUCTION:", "Production:")
        .replace('"staging"', '"Staging"')
        .replace("staging: 2", "Staging: 2")
        .replace("production: 3", "Production: 3")
    )
    assert migrate(FORM_1) == expected
    assert migrate(expected) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "stages: [qa, Live]\nmodels: {wind: {stages: {LIVE: 1}}}",
            "version: 2\nstages: [qa, Live]\nmodels: {wind: {stages: {Live: 1}}}",
        ),
        (
            "version: 1 # old\nstages: [qa]\nmodels: {}",
            "version: 2 # old\nstages: [qa]\nmodels: {}",
        ),
        (
            "version: 1\n# all\nmodels: {}\n",
            "version: 2\n# all\nstages: [Staging, Production]\nmodels: {}\n",
        ),
        (
            "{models: {wind: {stages: {staging: 1}}}}",
            "{version: 2, stages: [Staging, Production], models: {wind: {stages: {Staging: 1}}}}",
        ),
        (
            "\ufeffmodels:\r\n  wind: {stages: {}}\r\n",
            "\ufeffversion: 2\r\nstages: [Staging, Production]\r\n"
            "models:\r\n  wind: {stages: {}}\r\n",
        ),
        (
            "  stages: ['yes']\n  models: {wind: {stages: {yEs: 1}}}",
            "  version: 2\n  stages: ['yes']\n  models: {wind: {stages: {'yes': 1}}}",
        ),
        (
            "stages: [Qa]\nmodels:\n  a: {stages: &s {qa: 1}}\n  b: {stages: *s}\n",
            "version: 2\nstages: [Qa]\nmodels:\n  a: {stages: &s {Qa: 1}}\n  b: {stages: *s}\n",
        ),
        (
            "stages: [Qa, Go]\nowner: &x qa\nmodels:\n"
            "  a: {stages: {*x : 1}, gates: {go: [{promoted_from: *x}]}}\n",
            "version: 2\nstages: [Qa, Go]\nowner: &x qa\nmodels:\n"
            "  a: {stages: {Qa : 1}, gates: {Go: [{promoted_from: Qa}]}}\n",
        ),
        (
            "stages: [Qa]\nmodels:\n  a:\n    stages:\n      ? &k qa\n      : 1\n",
            "version: 2\nstages: [Qa]\nmodels:\n  a:\n    stages:\n      ? &k Qa\n      : 1\n",
        ),
    ],
)
def test_whatever_the_style(text: str, expected: str) -> None:
    """Flow and block, byte order marks, line ends, words that YAML takes for something else."""
    assert migrate(text) == expected


def test_all_that_cannot_be_edited_comes_at_once() -> None:
    """Each word with its place; nothing is half migrated."""
    text = (
        'models:\n  a: {stages: {"pr\\u006fduction": 1}}\n'
        '  b: {stages: {"st\\u0061ging": 1, "pr\\x6fduction": 2}}\n'
    )
    with pytest.raises(MigrationError) as caught:
        migrate(text)
    assert [str(problem) for problem in caught.value.problems] == [
        f"models.yaml:{place}: cannot write {name!r} in the place of {said!r}; write it by hand"
        for place, name, said in (
            ("2:16: a production", "Production", '"pr\\u006fduction"'),
            ("3:16: b staging", "Staging", '"st\\u0061ging"'),
            ("3:35: b production", "Production", '"pr\\x6fduction"'),
        )
    ]


def test_what_is_repeated_as_something_else_is_left_to_people() -> None:
    """A stage whose name YAML repeats as a description would change that too."""
    text = "models:\n  a: {stages: {&n staging: 1}, description: *n}\n"
    with pytest.raises(MigrationError, match=r"models\.yaml:1:1: cannot be edited in place; write"):
        migrate(text)


CASES: tuple[Callable[[str], str], ...] = (str.lower, str.upper, str.title, str)


def as_declared(desired: Desired) -> Desired:
    """Form 1's values, with stages spelled as declared; gates by what they say."""
    spelled = {stage.alias: stage.name for stage in desired.stages.listed}
    return replace(
        desired,
        version=2,
        models={
            name: replace(
                model,
                stages=tuple(replace(s, name=spelled[s.alias]) for s in model.stages),
                gates={
                    spelled[stage.lower()]: tuple(
                        gate.model_copy(  # type: ignore[attr-defined]
                            update={key: spelled[of.lower()] for key, of in gate.stages.items()}
                        )
                        for gate in gates
                    )
                    for stage, gates in model.gates.items()
                },
            )
            for name, model in desired.models.items()
        },
    )


@given(names=NAMES, data=st.data(), declares=st.booleans(), flow=st.booleans())
def test_the_migrated_file_means_the_same(
    names: list[str], data: st.DataObject, declares: bool, flow: bool
) -> None:
    """Whatever the stages are called and in whichever case form 1 has them."""
    declared = names if declares else ["Staging", "Production"]

    def word() -> str:
        name = data.draw(st.sampled_from(CASES))(data.draw(st.sampled_from(declared)))
        quote = data.draw(st.sampled_from(["", "'", '"']))
        return f"{quote}{name}{quote}"

    blocks = []
    for model in data.draw(st.lists(st.sampled_from("abc"), unique=True)):
        gate = f"[{{promoted_from: {word()}}}, {{metric: mae, min: 1}}]"
        if flow:
            blocks.append(f"  {model}: {{stages: {{{word()}: 1}}, gates: {{{word()}: {gate}}}}}")
        else:
            blocks.append(
                f"  {model}:  # one\n    gates:\n      {word()}: {gate}\n    stages:\n"
                f"      # those that serve\n      {word()}: {{version: 3, digest: "
                f"'sha256:{'b' * 64}'}}  # pinned"
            )
    listed = ", ".join(f"'{name}'" for name in declared)
    text = "\n".join(["models: # all", *blocks, ""] if blocks else ["models: {}\n"])
    text += f"stages: [{listed}]\n" if declares else ""
    try:
        before = loads(text, "models.yaml")
    except DesiredStateError:
        return  # such as a stage that is to be entered from itself

    edited = migrate(text)

    assert loads(edited, "models.yaml") == as_declared(before)
    assert edited.lower().endswith(text.lower().splitlines()[-1] + "\n")
    assert edited.count("#") == text.count("#")
