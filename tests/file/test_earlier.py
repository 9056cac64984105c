"""An earlier text of models.yaml means the same, however little of it is parsed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core.desired import Desired
from mlgitops.core.scope import changed_keys, changed_models
from mlgitops.errors import DesiredStateError
from mlgitops.file.document import parse
from mlgitops.file.earlier import earlier
from mlgitops.file.load import source
from mlgitops.file.texts import Included, Texts
from tests.file.test_part import FULL, full

FILE = Path("models.yaml")
NOW = """\
version: 2
owner: acme/farm  # since May
models:
  # of the farm
  wind:
    description: |
      Power of the farm.
        solar: {stages: {}}

    stages: {Staging: 2, Production: 1}
  solar: {stages: {Staging: 1}}
  "tidal":
    description: "one
      line"
    stages: {Staging: 1}

  # alone
  churn:
    owners: ["@ada"]
    stages:
      Production: null
prompts:
  greeting: {stages: {Staging: 1}}
  farewell:
    stages: {Production: 3}
"""
LINES = NOW.splitlines(keepends=True)
ODD = (
    *("  a: &a {stages: {}}\n", "  b: *a\n", "  wind: {stages: {}}\n", "models:\n", "prompts: {\n"),
    *(
        "  z: {description: '\n",
        "'}\n",
        "  z: {stages: {\n",
        "}}\n",
        "%YAML 1.1\n",
        "---\n",
        "...\n",
    ),
    *("  z:\n    description: |+\n", "    z:\n", "  - x\n", "   y: 1\n", "\t\n", "\r", "\u2028"),
    *("  Wind: {stages: {}}\n", "models: {\n", "}\n", ",\n", "  ? x\n", "  z: # none\n", "# <<<\n"),
    *("stages: [Staging]\n", "recipes: other\n", "  mlgitops-says-the-same-as-now-0:\n", "\ufeff"),
)


def meant(text: str, now: str | None = None) -> Desired | str:
    """What a text says, read whole or beside what the file is now; or that it is not valid."""
    try:
        if now is None:
            return source(text, f"{FILE} of main", FILE).desired
        return earlier(Texts(text=text), FILE, "main", source(now, str(FILE)))
    except DesiredStateError as error:
        return str(error)


def agree(text: str, now: str) -> None:
    """It is the same in every respect but the order of the entries."""
    whole, found = meant(text), meant(text, now)
    if isinstance(whole, Desired) and isinstance(found, Desired):
        assert changed_keys(whole, found) == ()
        assert changed_models(whole, found) == ()
        assert whole.models == found.models
    else:
        assert whole == found


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["drop", "double", "move", "odd", "join", "indent"]),
        st.integers(0, len(LINES)),
        st.integers(0, len(LINES)),
        st.sampled_from(ODD),
    ),
    max_size=4,
)


def edited(edits: list[tuple[str, int, int, str]]) -> str:
    """The text with some lines changed."""
    lines = [*LINES]
    for what, at, to, odd in edits:
        here, there = min(at, len(lines)), min(to, len(lines))
        match what:
            case "drop":
                del lines[here : here + 1 + there % 3]
            case "double":
                lines[there:there] = lines[here : here + 3]
            case "move":
                block = lines[here : here + 3]
                del lines[here : here + 3]
                lines[there:there] = block
            case "odd":
                lines.insert(here, odd)
            case "join":
                lines[here : here + 1] = [line.rstrip("\n") for line in lines[here : here + 1]]
            case _:
                lines[here:there] = [f"  {line}" for line in lines[here:there]]
    return "".join(lines)


@given(before=EDITS, now=EDITS)
def test_whatever_either_text_looks_like(
    before: list[tuple[str, int, int, str]], now: list[tuple[str, int, int, str]]
) -> None:
    """Both readings agree on what is valid, and on what it means."""
    after = edited(now)
    if isinstance(meant(after), Desired):
        agree(edited(before), after)
    agree(edited(before), NOW)


HOSTILE = {
    "quoted": '  z: {description: "\n  solar: {stages: {Staging: 1}}\n", stages: {}}\n',
    "folded": "  z:\n    description: >\n  solar: {stages: {Staging: 1}}\n    stages: {}\n",
    "in braces": "  z: {stages: {},\n  solar: {stages: {Staging: 1}}\n  }\n",
    "under another": "  z:\n  solar: {stages: {Staging: 1}}\n",
    "of a list": "  solar: {stages: {Staging: 1}}\n  - x\n",
    "twice": "  solar: {stages: {Staging: 1}}\n  solar: {stages: {Staging: 1}}\n",
    "in another case": "  solar: {stages: {Staging: 1}}\n  SOLAR: {stages: {}}\n",
    "of an alias": "  z: &z {stages: {}}\n  solar: {stages: {Staging: 1}}\n  y: *z\n",
    "broken": "  solar: {stages: {Staging: 1}}\n  z: {\n",
    "wrong": "  solar: {stages: {Staging: 1}}\n  z: {stages: {Staging: one}}\n",
}


@pytest.mark.parametrize("lines", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("end", ["", "  tidal: {stages: {}}\n", "prompts: {}\n"])
def test_lines_of_an_entry_that_stand_for_something_else(lines: str, end: str) -> None:
    """The same lines within a text, a list or braces are no entry, and errors keep their lines."""
    head = "version: 2\nowner: acme/farm\n"
    for before in (
        f"{head}models:\n{lines}{end}",
        f"{head}models: {{\n{lines}{end}}}\n",
        f"{head}prompts:\n{lines}{end}",
        f"{head}models:\n{lines}  z: {{stages: {{}}}}\n{end}",
    ):
        agree(before, NOW)
        if isinstance(meant(before), Desired):
            agree(NOW, before)


def test_lines_in_braces_are_no_entry_of_a_block() -> None:
    """What is an entry line by line breaks the YAML between braces."""
    tidal = NOW[NOW.index('  "tidal"') : NOW.index("  churn")]
    before = f"version: 2\nowner: acme/farm\nmodels: {{\n{tidal}}}\n"
    assert isinstance(meant(before), str)
    agree(before, NOW)


BEFORE = {
    "an undeclared stage": ("stages: [Staging, Production, Shadow]\n", "{Shadow: 1}"),
    "form 1": ("version: 2\n", "{Staging: 1}, promote: {Staging: newest}"),
}


@pytest.mark.parametrize(("key", "stages"), BEFORE.values(), ids=BEFORE)
def test_entries_are_valid_by_the_keys_of_their_own_text(key: str, stages: str) -> None:
    """An entry that is the same may not have been valid before."""
    entries = f"models:\n  z: {{stages: {stages}}}\n  y: {{stages: {{}}}}\n"
    assert isinstance(meant(key + entries), Desired)
    assert isinstance(meant(entries), str)
    agree(entries, key + entries)


def test_the_end_of_a_text_may_lack_its_line_break() -> None:
    """A text in block style keeps its last line break, which is not there then."""
    last = "  z:\n    stages: {}\n    description: |\n      of the farm"
    agree(f"models:\n{last}", f"models:\n{last}\n  y: {{stages: {{}}}}\n")


def test_only_entries_that_were_edited_are_read_again() -> None:
    """The others are what is known already; places in problems are those of the whole text."""
    text = full(300)
    before = text.replace("      Staging: 2", "      Staging: 1", 250).replace(
        "      Staging: 1", "      Staging: 2", 249
    )
    now = source(text, str(FILE))
    found = earlier(Texts(text=before), FILE, "main", now)
    read = [name for name, model in found.models.items() if model is not now.desired.models[name]]
    assert read == ["model-249", "model-299"]  # the last one, whose end is no entry's beginning
    whole = source(before, "models.yaml of main").desired
    assert found.models["model-249"].where == whole.models["model-249"].where
    assert changed_models(found, now.desired) == ("model-249",)


def test_windows_line_breaks_change_nothing() -> None:
    """Neither what is said nor how much of it is read."""
    text = full(20).replace("\n", "\r\n")
    now = source(text.replace("Staging: 2", "Staging: 1", 1), str(FILE))
    found = earlier(Texts(text=text), FILE, "main", now)
    assert changed_models(found, now.desired) == ("model-0",)
    assert found.models["model-7"] is now.desired.models["model-7"]


def spread(files: dict[str, str]) -> Texts:
    """A models.yaml that includes files, which have these texts."""
    text = "version: 2\ninclude: [teams/*.yaml]\n"
    found = (Included(path=path, name=path, text=said) for path, said in sorted(files.items()))
    return Texts(text=text, included=tuple(found), document=parse(text, str(FILE)))


def entries(*numbers: int) -> str:
    """An included file with some full models."""
    return "models:\n" + "".join(FULL.format(number=number) for number in numbers)


def test_files_that_are_the_same_are_not_read_again() -> None:
    """A model that moved between files, or with its file, means the same; one that changed not."""
    moved = {
        "teams/a.yaml": entries(1, 2, 3),
        "teams/b.yaml": entries(4),
        "teams/c.yaml": entries(5),
    }
    now = source(
        spread(
            {
                "teams/a.yaml": entries(1, 3),
                "teams/b.yaml": entries(2, 4).replace("# model 4", "").replace(": 2\n", ": 3\n"),
                "teams/d.yaml": entries(5),
                "teams/e.yaml": entries(6),
            }
        ),
        str(FILE),
    )
    found = earlier(spread(moved), FILE, "main", now)
    assert changed_models(found, now.desired) == ("model-2", "model-4", "model-6")
    again = earlier(spread({**moved, "teams/e.yaml": entries(6)}), FILE, "main", now)
    assert again.models["model-6"] is now.desired.models["model-6"]
    assert again.models["model-5"] is not now.desired.models["model-5"]


def test_a_model_in_a_file_that_is_the_same_and_in_another_is_not_valid() -> None:
    """What is not parsed counts."""
    now = source(spread({"teams/a.yaml": entries(1), "teams/b.yaml": entries(2)}), str(FILE))
    before = spread({"teams/a.yaml": entries(1), "teams/b.yaml": entries(2, 1)})
    with pytest.raises(DesiredStateError, match="model-1"):
        earlier(before, FILE, "main", now)
