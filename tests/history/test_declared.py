"""What a file of any age declares: read block by block, and the same as if it were read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlgitops.file.document import MAX_BYTES, Document, parse
from mlgitops.history.declared import Reader, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


def same(texts: Sequence[str]) -> None:
    """One reader of all texts finds in each what parsing it whole finds, in the same order."""
    reader = Reader()
    for text in texts:
        found, whole = reader.said(text), said(text)
        assert found == whole, text
        if found is not None and whole is not None:
            assert list(found.stages) == list(whole.stages), text


NAMES = st.sampled_from(["wind", "sun", "a-b_c.d", '"wind"', "'sun'", "1", "01", "null", "yes"])
HELD = st.sampled_from(["1", "2", "null", "", "true", "x", "1.0", "010", "{version: 3}", "[1]"])
STAGES = st.sampled_from(["Staging", "staging", "Production", "1", '"a b"', "~", "<<"])
# what a model may hold besides its stages, each line at its own depth below the model
REST = st.sampled_from(
    [
        "description: plain # comment",
        "description: 'a\n  b: 1'",
        'description: "open',
        "description: |\n\n      text\n    # text\n\n",
        "description: >2-\n      text",
        "description: a\n     b",
        "owners: [a, {b: c},\n  d]",
        "gates: &gates {a: 1}",
        "gates: *gates",
        "gates: 2 & 3 * 4",
        "? complex\n    : 1",
        "tagged: !!str 1",
        "tagged: !own 1",
        "\ttab: 1",
        "stages: {Shadow: 1}",
        "# comment",
        "",
        "---",
        "x: \u2028  y: 1",
        "x: \x85  y: 1",
        "x: 1\r  y: 2",
    ]
)
AROUND = st.sampled_from(
    [
        "# comment\n",
        "recipes: training\n",
        "freeze:\n  reason: x\n  until: 2026-12-24\n",
        "freeze: &gates 1\n",
        "---\n",
        "...\n",
        "%YAML 1.1\n---\n",
        "\ufeff",
        "models: {}\n",
        '"models":\n',
        "x: 'open\n",
        "y'\n",
        "- list\n",
        " odd: 1\n",
        "\n",
        "\r\n",
        "{",
    ]
)


@st.composite
def models(draw: st.DrawFn) -> str:
    """The text of one model, whose lines may be anything."""
    indent = draw(st.sampled_from(["  ", "  ", "  ", "  ", "    ", " "]))
    stages = draw(st.dictionaries(STAGES, HELD, max_size=3))
    lines = draw(st.one_of(st.just([]), st.just([]), st.lists(REST, max_size=2)))
    lines += ["stages:", *(f"  {stage}: {held}" for stage, held in stages.items())]
    body = "".join(f"{indent}  {line}\n" for line in lines)
    comment = draw(st.sampled_from(["", "", "# before\n", "  # before\n"]))
    return f"{comment}{indent}{draw(NAMES)}:\n{body}"


@st.composite
def files(draw: st.DrawFn) -> list[str]:
    """The texts of a file that is changed by model, and at its edges, again and again."""
    texts = []
    held = draw(st.lists(models(), max_size=4))
    head = tail = ""
    opening = "models:\n"
    for _ in range(draw(st.integers(1, 5))):
        match draw(st.sampled_from(["add", "remove", "reorder", "edge", "opening", "same"])):
            case "add":
                held.insert(draw(st.integers(0, len(held))), draw(models()))
            case "remove" if held:
                held.pop(draw(st.integers(0, len(held) - 1)))
            case "reorder":
                held = draw(st.permutations(held))
            case "edge":
                head = draw(st.one_of(st.just(""), AROUND))
                tail = draw(st.one_of(st.just(""), AROUND))
            case "opening":
                opening = draw(st.sampled_from(["models: # all\n", "models:  \n", "models: &a\n"]))
        text = head + opening + "".join(held) + tail
        if draw(st.booleans()):
            text = text.rstrip("\n")
        texts.append(text.replace("\n", "\r\n") if draw(st.integers(0, 9)) == 0 else text)
    return texts


@settings(max_examples=500)
@given(files())
@example(["x: 'abc\nmodels:\n  a: b\ny'\nmodels:\n"])
@example(["models:\nfreeze:\n  reason: x\n"])
@example(["models:\n  a:\n    stages: {Staging: 1}\n  ? b\n  : stages: {Staging: 1}\n"])
@example(["models:\n  a: &x {stages: {Staging: 1}}\n  b: &x {stages: {Staging: 2}}\n"])
@example(["models:\n  a: {stages: {Staging: 1}}\x85...\n  b: {stages: {Staging: 2}}\n"])
@example(["models:\n  a: {stages: {Staging: 1}}\r...\n  b: {stages: {Staging: 2}}\n"])
@example(["%TAG !! tag:x,1:\n---\nmodels:\n  a:\n    stages: {Staging: !!int '3'}\n"])
def test_block_by_block_is_the_same_as_whole(texts: list[str]) -> None:
    """Whatever is added, removed, reordered, renamed or broken, and however it is written."""
    same(texts)


LINES = st.sampled_from(
    ["models:", "  a:", "  b:", "    stages:", "    stages: {Staging: 1}", "      Staging: 1",
     "      Production: {version: 2}", "  'a':", "    - 1", "  - 1", "- 1", "# c", "", "  # c", "'",
     "    x: |", "    x: '", '    y: "', "    z: [", "  ]", "}", "  ? a", "  : b", "\tx: 1", "---",
     "...", "freeze:", "  stages: {Staging: 2}", " c: 1", "   d: 1", "    &a x: 1", "    y: *a",
     "a: b", "  1: {stages: {Staging: 4}}", "   Staging: 5", "  a: {", "    }", "\r", "  a"]
)  # fmt: skip


@settings(max_examples=500)
@given(st.lists(LINES, max_size=14), st.integers(0, 13), LINES)
def test_any_lines_are_the_same_as_whole(lines: list[str], place: int, other: str) -> None:
    """Also where nothing was meant to be a models.yaml, before and after a line was changed."""
    changed = [*lines[:place], other, *lines[place + 1 :]]
    same(["models:\n" + "\n".join(lines), "models:\n" + "\n".join(changed)])


def fleet(versions: Sequence[int]) -> str:
    """A file with one model for each version."""
    return "models:\n" + "".join(
        f"  m{number}:\n    description: Q&A of 2 * 3\n    stages:\n      Production: {version}\n"
        for number, version in enumerate(versions)
    )


def test_only_what_changed_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of fifty files of fifty models, each with one changed, no more than five are parsed."""
    parsed = 0

    def counted(text: str, file: str) -> Document:
        nonlocal parsed
        parsed += len(text)
        return parse(text, file)

    monkeypatch.setattr("mlgitops.history.declared.parse", counted)
    reader = Reader()
    for changed in range(50):
        found = reader.said(fleet([2 if n == changed else 1 for n in range(50)]))
        assert found is not None
        assert found.stages[f"m{changed}"] == {"production": 2}
    assert parsed < 5 * len(fleet([1] * 50))


def test_a_file_that_is_too_large_cannot_be_read() -> None:
    """Even if each of its models is small enough."""
    half = "#" * (MAX_BYTES // 2) + "\n"
    text = "models:\n" + half.join(["", "  a: {stages: {}}\n", "  b: {stages: {}}\n", ""])
    assert said(text) is None
    assert Reader().said(text) is None
