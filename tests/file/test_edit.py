"""`promote` changes one version in models.yaml and leaves every other byte alone."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.errors import DesiredStateError, EditError, UsageError
from mlgitops.file import edit
from mlgitops.file.load import load, loads, source
from tests.team import declaring

if TYPE_CHECKING:
    from tests.team import Team


def set_version(text: str, model: str, stage: str, version: int | None) -> str:
    """A models.yaml with another version in a stage."""
    part = edit.part_of(text, "models.yaml", model)
    return edit.set_version(part, model, stage, version).whole


def set_digests(text: str, digests: dict[tuple[str, str], str]) -> str:
    """A models.yaml with other pins."""
    edited = edit.set_digests(source(text, "models.yaml"), digests)
    return edited.get("models.yaml", text)


COMMENTED = dedent(
    """\
    # the manual
    models:
      wind:            # the farm
        stages:
          Staging: 2   # next
          Production: 1  # now: 1

      # the other one
      solar: {stages: {Production: 3}}
    stages: [Staging, Production, Shadow]
    """
)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("{stages: {A: 1}}", "{stages: {A: 1}, blocked: {3: 'x: y'}}"),
        ("{blocked: {2: bad}, stages: {}}", "{blocked: {2: bad, 3: 'x: y'}, stages: {}}"),
        (
            "\n    stages:\n      A: 1 # one\n    # end",
            "\n    stages:\n      A: 1 # one\n    blocked: {3: 'x: y'}\n    # end",
        ),
        (
            "\n    stages: {}\n    blocked:\n      2: bad\n",
            "\n    stages: {}\n    blocked:\n      2: bad\n      3: 'x: y'\n",
        ),
    ],
)
def test_a_version_is_blocked_in_place(model: str, expected: str) -> None:
    """In the style of the model; every other byte stays."""
    head = "version: 2\nstages: [A]\nmodels:\n  wind: "
    part = edit.part_of(head + model, "models.yaml", "wind")
    assert edit.block(part, "wind", 3, "x: y").whole == head + expected


def test_a_version_that_a_stage_names_is_not_blocked() -> None:
    """The file would not be valid."""
    text = "version: 2\nstages: [A]\nmodels: {wind: {stages: {A: 3}}}"
    with pytest.raises(DesiredStateError, match="version 3 is blocked"):
        edit.block(edit.part_of(text, "models.yaml", "wind"), "wind", 3, "bad")


def test_comments_and_order_stay() -> None:
    """Only the digits of the version change."""
    edited = set_version(COMMENTED, "wind", "Production", 12)
    assert COMMENTED.replace("Production: 1 ", "Production: 12 ") == edited


@pytest.mark.parametrize(
    ("stages", "stage", "version", "expected"),
    [
        ("{Production: 1}", "Production", 2, "{Production: 2}"),
        ("{Production: 1}", "production", 2, "{Production: 2}"),
        ("{Production: 1}", "Production", None, "{Production: null}"),
        ("{Production: null}", "Production", 3, "{Production: 3}"),
        ("{Production: 1}", "Staging", 2, "{Production: 1, Staging: 2}"),
        ("{}", "Staging", 2, "{Staging: 2}"),
        ("{Production: 1, }", "Staging", 2, "{Production: 1, Staging: 2, }"),
        ("{Production: 1  # now\n }", "Staging", 2, "{Production: 1, Staging: 2  # now\n }"),
        ("{ # none\n }", "Staging", 2, "{Staging: 2 # none\n }"),
        (
            "{Production: {version: 1, digest: 'sha256:" + "a" * 64 + "'}}",
            "Production",
            2,
            "{Production: 2}",
        ),
    ],
)
def test_flow_style(stages: str, stage: str, version: int | None, expected: str) -> None:
    """Stages on one line are edited and added in place; a digest goes with its version."""
    text = f"models: {{wind: {{stages: {stages}}}}}  # end\n"
    edited = set_version(text, "wind", stage, version)
    assert f"models: {{wind: {{stages: {expected}}}}}  # end\n" == edited


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_new_stage_stands_behind_the_last_one(newline: str) -> None:
    """It has the same indentation and the file's own line ends."""
    text = COMMENTED.replace("\n", newline)
    edited = set_version(text, "wind", "Shadow", 4)
    line = "      Production: 1  # now: 1"
    assert text.replace(line, f"{line}{newline}      Shadow: 4") == edited


def test_a_value_that_is_not_written_is_written() -> None:
    """`Production:` without a value means null and gets one."""
    text = "models:\n  wind:\n    stages:\n      Production:\n      Staging: 1\n"
    edited = set_version(text, "wind", "Production", 2)
    assert text.replace("Production:", "Production: 2") == edited


def test_a_pinned_version_in_block_style_loses_its_digest() -> None:
    """The digest belonged to the former version."""
    text = (
        "models:\n  wind:\n    stages:\n      Production:\n        version: 1\n"
        f"        digest: 'sha256:{'a' * 64}'\n      # staging\n      Staging: 1\n"
    )
    edited = set_version(text, "wind", "Production", 2)
    assert (
        edited
        == "models:\n  wind:\n    stages:\n      Production: 2\n      # staging\n      Staging: 1\n"
    )


def test_a_stage_that_is_an_alias_of_yaml_is_refused() -> None:
    """Writing into a shared value would change another stage as well."""
    text = "models:\n  wind:\n    stages:\n      Staging: &now 1\n      Production: *now\n"
    with pytest.raises(EditError, match="write its version as a plain number"):
        set_version(text, "wind", "Production", 2)


def test_an_unknown_model_is_refused_with_the_nearest_name() -> None:
    """A typing error is met with the name that was meant."""
    with pytest.raises(UsageError, match="did you mean 'wind'"):
        set_version(COMMENTED, "wnd", "Production", 2)


@pytest.mark.parametrize("version", ["0", "-1", "2.0", "two", "99999999999"])
def test_a_version_that_is_none_leaves_the_file_alone(team: Team, version: str) -> None:
    """A wrong version is a usage error, and nothing is written."""
    team.stages(Production=1)
    before = team.file.read_bytes()

    ran = team.run("promote", "wind", "Production", "--", version)

    assert ran.code == 64
    assert "is not a version" in ran.err
    assert before == team.file.read_bytes()


def test_promote_writes_the_file_and_says_so(team: Team) -> None:
    """The command edits models.yaml; twice is the same as once."""
    team.stages(Production=1)

    assert "Production is now at 2" in team.ok("promote", "wind", "Production", "2").out
    assert "Production is already at 2" in team.ok("promote", "wind", "Production", "2").out
    assert loads(team.file.read_text(), "models.yaml").models["wind"].stages[0].version == 2


NAMES = st.sampled_from(["Staging", "Production", "Shadow", "on", "a-b"])
STAGES = st.dictionaries(NAMES, st.none() | st.integers(1, 99), min_size=1)


@given(stages=STAGES, stage=NAMES, version=st.none() | st.integers(1, 99), flow=st.booleans())
def test_any_edit_says_what_was_asked_and_nothing_else(
    stages: dict[str, int | None], stage: str, version: int | None, flow: bool
) -> None:
    """Read back, the file has the new version, and all other stages as before."""
    pairs = [f"'{n}': {'null' if v is None else v}" for n, v in stages.items()]
    body = "{" + ", ".join(pairs) + "}" if flow else "\n      " + "\n      ".join(pairs)
    text = f"models:\n  wind:\n    stages: {body}\n{declaring([*stages, stage])}"

    after = loads(set_version(text, "wind", stage, version), "f")

    assert {**stages, stage: version} == {s.name: s.version for s in after.models["wind"].stages}


DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ("{Production: 1}", '{Production: {version: 1, digest: "NEW"}}'),
        (
            "\n      Production: 1  # now: 1",
            '\n      Production: {version: 1, digest: "NEW"}  # now: 1',
        ),
        ("{production: {version: 1, digest: OLD}}", "{production: {version: 1, digest: NEW}}"),
        (
            "\n      Production:\n        digest: 'OLD'  # of May\n        version: 1",
            "\n      Production:\n        digest: 'NEW'  # of May\n        version: 1",
        ),
    ],
    ids=["flow", "block", "flow-again", "block-again"],
)
def test_a_pin_is_written_in_the_style_of_the_file(stages: str, expected: str) -> None:
    """Beside the version, or in the place of the digest that was there; all else stays."""
    old, new = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
    text = f"models:\n  wind:\n    stages: {stages}\n    owners: [me]  # of the farm\n"
    edited = set_digests(text.replace("OLD", old), {("wind", "Production"): new})
    assert text.replace(stages, expected).replace("NEW", new) == edited


@pytest.mark.parametrize("other", ["*now", "1"])
def test_a_pin_that_would_be_another_stages_too_is_refused(other: str) -> None:
    """A value that YAML repeats by a name is one value; a number with a name can be pinned."""
    text = f"models:\n  wind:\n    stages:\n      Staging: &now 1\n      Production: {other}\n"
    digest = f"sha256:{'a' * 64}"
    if other == "1":
        assert f'Staging: {{version: &now 1, digest: "{digest}"}}' in set_digests(
            text, {("wind", "Staging"): digest}
        )
    else:
        with pytest.raises(EditError, match="in place; write each version as a plain"):
            set_digests(text, {("wind", "Production"): digest})


@given(
    stages=st.dictionaries(
        st.sampled_from(["Staging", "Production", "Shadow", "canary-1"]),
        st.tuples(st.integers(1, 99), st.none() | DIGESTS),
        min_size=1,
    ),
    data=st.data(),
    flow=st.booleans(),
    block_pins=st.booleans(),
)
def test_any_pin_says_what_was_asked_and_nothing_else(
    stages: dict[str, tuple[int, str | None]], data: st.DataObject, flow: bool, block_pins: bool
) -> None:
    """Read back, the stages have their versions and the new digests, all others what they had."""

    def held(version: int, digest: str | None) -> str:
        if digest is None:
            return str(version)
        if block_pins and not flow:
            return f"\n        version: {version}\n        digest: {digest}  # pinned"
        return f"{{digest: '{digest}', version: {version}}}"

    new = data.draw(st.dictionaries(st.sampled_from(sorted(stages)), DIGESTS))
    pairs = [f"'{name}': {held(*one)}" for name, one in stages.items()]
    body = "{" + ", ".join(pairs) + "}" if flow else "\n      " + "\n      ".join(pairs)
    declared = declaring(stages)
    text = f"models:\n  wind:\n    stages: {body}\n    owners: [me]\n{declared}"

    edited = set_digests(text, {("wind", name): digest for name, digest in new.items()})

    after = {s.name: (s.version, s.digest) for s in loads(edited, "f").models["wind"].stages}
    assert {n: (v, new.get(n, d)) for n, (v, d) in stages.items()} == after
    assert edited.endswith(f"\n    owners: [me]\n{declared}")


def test_pins_of_many_models_are_written_at_once() -> None:
    """Each beside its version, whatever the order in which they are given; all else stays."""
    line = "  m{0}: {{stages: {{Production: {1}}}}}\n"
    text = "models:\n" + "".join(line.format(number, number) for number in (1, 2, 3))
    digests = {1: f"sha256:{'1' * 64}", 3: f"sha256:{'3' * 64}"}

    edited = set_digests(text, {(f"m{n}", "Production"): digests[n] for n in (3, 1)})

    pins = {n: f'{{version: {n}, digest: "{digest}"}}' for n, digest in digests.items()}
    assert edited == "models:\n" + "".join(line.format(n, pins.get(n, n)) for n in (1, 2, 3))


RECIPES = """\
models:
  wind:
    versions:
      1: {train: power_forecasting, params: {estimator: linear}}  # the first
      2:
        train: power_forecasting
        params: {estimator: random_forest}

    # who has what
    stages: {Staging: 1}
"""


def test_add_version_follows_the_last_recipe(team: Team) -> None:
    """It gets the next number and the module of the recipe before; nothing else changes."""
    team.write(RECIPES)
    ran = team.ok("add-version", "wind", '{"features": ["a: b", "#"]}')
    assert "added version 3 of wind" in ran.out
    added = "\n      3: {train: power_forecasting, params: {features: ['a: b', '#']}}"
    before = "        params: {estimator: random_forest}"
    assert team.file.read_text() == RECIPES.replace(before, before + added)


def test_add_version_into_a_stage(team: Team) -> None:
    """With --stage the new version is put into it."""
    team.write(RECIPES)
    team.ok("add-version", "wind", "{}", "--stage", "Staging")
    model = load(team.file).models["wind"]
    assert (model.versions[3].params, model.stages[0].version) == ({}, 3)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("wind", "{"), "PARAMS is not JSON"),
        (("wind", "[1]"), "PARAMS must be a JSON object"),
        (("wid", "{}"), "did you mean 'wind'?"),
        (("solar", "{}"), "solar has no recipe to copy the module from"),
        (("wind", '{"estimator": NaN}'), "is not JSON"),
        (("wind", "{}", "--stage", "a b"), "a b"),
    ],
)
def test_add_version_that_can_not_be(team: Team, arguments: tuple[str, ...], expected: str) -> None:
    """What cannot be added is one error, and the file stays as it is."""
    text = RECIPES + "  solar: {stages: {}}\n"
    team.write(text)
    ran = team.run("add-version", *arguments)
    assert ran.code != 0
    assert expected in ran.err
    assert team.file.read_text() == text


SIGNS = "aé0 \t\n#:,-?!&*%@`~|>'\"\\{}[]"
PARAMS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(SIGNS, max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner),
    max_leaves=8,
)


@given(params=st.dictionaries(st.text("abc_", min_size=1, max_size=9), PARAMS, max_size=4))
def test_any_recipe_is_read_back_as_it_was_given(params: dict[str, object]) -> None:
    """Whatever JSON the parameters are, the file says exactly that, or nothing was changed."""
    try:
        part = edit.part_of(RECIPES, "models.yaml", "wind")
        edited, number = edit.add_recipe(part, "wind", params)
    except DesiredStateError:
        return  # what models.yaml forbids, such as control characters
    assert number == 3
    after = loads(edited.whole, "models.yaml")
    assert after.models["wind"].versions[3].params == params
