"""An edit of one model reads and changes that model's part of the text, with the same result."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.errors import DesiredStateError, EditError
from mlgitops.file import edit
from mlgitops.file.load import loads, source
from mlgitops.file.part import Part, cut
from tests.team import declaring

if TYPE_CHECKING:
    from collections.abc import Callable

FULL = """\
  model-{number}:
    description: "Power of farm {number}: from three readings a day"  # as of May
    owners: ["@team-{number}", "@ops"]
    versions:
      1: {{train: power_forecasting, params: {{estimator: linear}}}}
      2: {{train: power_forecasting, params: {{estimator: gradient_boosting, max_iter: {number}}}}}
      3: {{train: power_forecasting, params: {{since: 2020-01-01, rates: [0.1, 0.2]}}}}
    gates:
      Production:
        - {{metric: test_mae, max_regression: 2%}}
        - {{promoted_from: Staging, soak: 24h}}
    stages:
      Staging: 2
      Production: 1  # model {number}
"""


def full(models: int) -> str:
    """A models.yaml of so many full models."""
    return "models:\n" + "".join(FULL.format(number=number) for number in range(models))


@pytest.mark.thorough
def test_twenty_thousand_full_models_are_read() -> None:
    """There is no limit on models but that on the size of the file."""
    models = loads(full(20_000), "models.yaml").models
    assert len(models) == 20_000
    last = models["model-19999"]
    assert (last.stages[1].version, last.stages[1].where.line) == (1, 20_000 * 14 + 1)


def test_promote_in_a_large_file_changes_one_line_and_rereads_one_model() -> None:
    """What is read again, to see that the edit is right, has no other model."""
    text = full(2_000)
    part = edit.part_of(text, "models.yaml", "model-1234")
    edited = edit.set_version(part, "model-1234", "Production", 2)

    assert list(part.source.desired.models) == ["model-1234"]
    before, after = text.splitlines(), edited.whole.splitlines()
    changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert changed == [
        ("      Production: 1  # model 1234", "      Production: 2  # model 1234"),
    ]


def test_the_declaration_of_the_file_counts_in_its_part() -> None:
    """A stage of the team's own is edited in the part that does not declare it."""
    text = f"{full(3).replace('Staging', 'Shadow')}{declaring(['Shadow'])}"
    part = edit.part_of(text, "models.yaml", "model-1")
    assert list(part.source.desired.models) == ["model-1"]
    assert edit.set_version(part, "model-1", "Shadow", 1).whole.count("Shadow: 1") == 1


def test_edits_of_a_part_follow_each_other() -> None:
    """A new version is put into a stage without reading the file anew."""
    part = edit.part_of(full(3), "models.yaml", "model-1")
    added, number = edit.add_recipe(part, "model-1", {"estimator": "extra_trees"})
    model = loads(edit.set_version(added, "model-1", "Staging", number).whole, "f").models[
        "model-1"
    ]
    assert (number, model.stages[0].version) == (4, 4)
    assert model.versions[4].params == {"estimator": "extra_trees"}


@pytest.mark.parametrize(
    ("text", "model", "place"),
    [
        (full(9), "model-4", "models.yaml:72:7: model-4 a b: "),
        ("models: {wind: {stages: {Production: 1}}}", "wind", "models.yaml:1:41: wind a b: "),
        (
            "models: {sun: {stages: {}},\n  wind: {stages: {Staging: 1}}}",
            "wind",
            "models.yaml:2:31: wind a b: ",
        ),
    ],
    ids=["block", "flow", "flow-on-lines"],
)
def test_a_problem_of_an_edit_has_its_place_in_the_file(text: str, model: str, place: str) -> None:
    """Not in the part: the lines and columns are those that the edited file would have."""
    part = edit.part_of(text, "models.yaml", model)
    assert list(part.source.desired.models) == [model]
    with pytest.raises(DesiredStateError) as caught:
        edit.set_version(part, model, "a b", 3)
    assert str(caught.value).startswith(place)


TIED = """\
models:
  wind:
    gates: &gates {Production: [{signature: compatible}]}
    stages: {Production: 1}
  sun:
    gates: *gates
    stages: {Production: 1}
  rain: {stages: {Production: 1}}
"""


@pytest.mark.parametrize("model", ["wind", "sun", "rain"])
def test_models_tied_by_aliases_are_edited_in_the_whole(model: str) -> None:
    """A text that gives or takes an alias does not mean the same alone."""
    part = edit.part_of(TIED, "models.yaml", model)
    assert (list(part.source.desired.models) == ["rain"]) == (model == "rain")
    after = loads(edit.set_version(part, model, "Production", 7).whole, "models.yaml").models
    assert {name: one.stages[0].version for name, one in after.items()} == {
        **dict.fromkeys(after, 1),
        model: 7,
    }


def test_a_byte_order_mark_stays_before_the_text() -> None:
    """The places in the text are found behind it."""
    text = "\ufeff" + full(2)
    edited = edit.set_version(edit.part_of(text, "f", "model-1"), "model-1", "Production", 5)
    assert edited.whole == text.replace("1  # model 1", "5  # model 1")


DIGEST = f"sha256:{'a' * 64}"
TEXTS = st.sampled_from(["x", "'a: b # c'", '"a \\n b"'])
BLOCK_TEXTS = TEXTS | st.sampled_from(["a, & b", "|\n      of\n\n      lines\n"])
STAGES = st.dictionaries(
    st.sampled_from(["Staging", "Production", "Shadow"]),
    st.sampled_from(["1", "null", "", "&v 3", "*v", f"{{version: 5, digest: {DIGEST}}}"]),
    max_size=3,
)  # fmt: skip
LINES = st.sampled_from(["", "# a comment\n", "\n", "  # a comment\n\n"])


@st.composite
def files(draw: st.DrawFn) -> str:
    """A models.yaml in any style, valid or not."""
    flow = draw(st.booleans())
    models = []
    for name in draw(st.permutations(["wind", "sun", "rain"])):
        stages = [f"{stage}: {held}" for stage, held in draw(STAGES).items()]
        in_flow = flow or draw(st.booleans())
        description = draw(TEXTS if in_flow else BLOCK_TEXTS)
        lines = [f"description: {description}", "owners: [me]"]
        if in_flow:
            body = ", ".join([*lines, f"stages: {{{', '.join(stages)}}}"])
            models.append(f"{name}: {{{body}}}")
        else:
            inner = "".join(f"\n      {line}" for line in stages) or " {}"
            body = "\n    ".join(draw(st.permutations([*lines, f"stages:{inner}"])))
            models.append(f"{name}:\n    {body}")
    if flow:
        text = "models: {" + draw(st.sampled_from([", ", ",\n  "])).join(models) + "}"
    else:
        text = "models:\n" + "".join(f"  {one}\n{draw(LINES)}" for one in models)
    text = draw(LINES).strip(" ") + text.rstrip("\n") + draw(st.sampled_from(["", "\n", "\n\n"]))
    text += draw(st.sampled_from(["", "\nfreeze: {reason: x, until: 2026-12-24}"]))
    declared = draw(st.sampled_from(["", "version: 2\n"])) + declaring(["Shadow"])
    text = f"{text}\n{declared}" if draw(st.booleans()) else declared + text
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def outcome(make: Callable[[], Part]) -> str:
    """The whole text, or why there is none."""
    try:
        return make().whole
    except (EditError, DesiredStateError) as error:
        # a line more moves the declaration, which is named as it was or as it would be
        return re.sub(r"`stages` at f:\d+:", "`stages` at f:", str(error))


@given(
    files(),
    st.sampled_from(["wind", "sun", "rain"]),
    st.sampled_from(["Staging", "Production", "Other", "a b"]),
    st.none() | st.integers(1, 99),
)
def test_an_edit_of_the_part_is_an_edit_of_the_whole(
    text: str, model: str, stage: str, version: int | None
) -> None:
    """Whatever the style of the file, the result is what editing and rereading all of it gives."""
    try:
        whole = source(text, "f")
    except DesiredStateError:
        return
    expected = outcome(lambda: edit.set_version(Part(source=whole), model, stage, version))
    assert outcome(lambda: edit.set_version(cut(whole, model), model, stage, version)) == expected
