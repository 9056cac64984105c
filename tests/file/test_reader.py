"""One pass over the events of the parser reads what PyYAML reads, and knows where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.errors import DesiredStateError
from mlgitops.file.document import Document, parse
from mlgitops.file.reader import MAX_ALIASED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.file.reader import KeyPath

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TAG = "tag:yaml.org,2002:"
PLAIN = ("str", "timestamp", "int", "float", "bool", "null")


class StrangeError(Exception):
    """The text is YAML, but not of the kind that models.yaml may be."""


@dataclass(frozen=True)
class Placed:
    """A key or a value of a composed text; `data` is its type if it is a collection."""

    path: KeyPath
    node: yaml.Node
    is_key: bool = False
    data: Any = None


def placed(node: yaml.Node, path: KeyPath = ()) -> Iterator[Placed]:
    """All keys and values."""
    if isinstance(node, yaml.MappingNode) and node.tag == f"{TAG}map":
        yield Placed(path, node, data=dict)
        seen = set()
        for key_node, value_node in node.value:
            key = word(key_node)
            if key is None or key in seen:
                raise StrangeError
            seen.add(key)
            yield Placed((*path, key), key_node, is_key=True)
            yield from placed(value_node, (*path, key))
    elif isinstance(node, yaml.SequenceNode) and node.tag == f"{TAG}seq":
        yield Placed(path, node, data=list)
        for index, value_node in enumerate(node.value):
            yield from placed(value_node, (*path, index))
    else:
        yield Placed(path, node, data=word(node, of_key=False))


def word(node: yaml.Node, *, of_key: bool = True) -> Any:
    """What a word means; as a key, true and 1.5 are words and null is none."""
    kind = node.tag.removeprefix(TAG)
    if not isinstance(node, yaml.ScalarNode) or kind not in PLAIN:
        raise StrangeError
    if kind in ("str", "timestamp"):
        return node.value
    try:
        value = yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, LookupError):
        raise StrangeError from None
    if kind == "int" and str(value) != node.value.removeprefix("+") and node.value != "-0":
        raise StrangeError
    return node.value if of_key and kind in ("float", "bool") else value


def at(document: Document, path: KeyPath) -> Any:
    """What the data have at a path."""
    data = document.data
    for part in path:
        data = data[part]
    return data


def wrong(text: str) -> bool:
    """Whether a text is refused, at once or for its problems."""
    try:
        return bool(parse(text, "f").problems)
    except DesiredStateError:
        return True


def check(text: str) -> None:
    """Hold what is read of a text against PyYAML's own nodes."""
    try:
        composed = yaml.compose(text, LOADER)
    except yaml.YAMLError:
        composed = None
    if composed is None:  # not YAML, or empty
        with pytest.raises(DesiredStateError, match=r"not valid YAML|is empty"):
            parse(text, "f")
        return
    try:
        expected = list(placed(composed))
    except RecursionError:  # an alias inside what it stands for
        with pytest.raises(DesiredStateError, match="use fewer aliases"):
            parse(text, "f")
        return
    except StrangeError:
        assert wrong(text)
        return
    document = parse(text, "f")
    assert document.problems == []
    for one in expected:
        span = document.key(one.path) if one.is_key else document.value(one.path)
        start, end = one.node.start_mark, one.node.end_mark
        assert (span.start, span.end) == (start.index, end.index)
        if one.is_key:
            where = document.where(one.path)
            assert (where.line, where.column) == (start.line + 1, start.column + 1)
        else:
            found = at(document, one.path)
            of_type = type(found) if one.data in (dict, list) else found
            assert repr(of_type) == repr(one.data), one.path


WORDS = st.sampled_from(
    ["models", "a", "b", "1", "+1", "-0", "010", "1_0", "true", "null", "~", "1.5", ".nan", "0x1F",
     "2020-01-01", "1e9", "=", "<<", "'q'", '"\\u00e9"', "é", "😀", "!!int 3", "!!str 3", "! 3",
     "!!float x", "!!bool x", "!x y", "&a ", "&b ", "*a", "*b"]
)  # fmt: skip
MARKS = st.sampled_from(
    [": ", ":\n", "- ", "? ", "\n", "\r\n", "\n  ", "\n    ", " ", "{", "}", "[", "]", ", ",
     " # c\n", "|\n  ", "---\n", "...\n", "\u2028", "\x85"]
)  # fmt: skip
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**19), 10**19) | st.text(max_size=9)
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(WORDS | MARKS, max_size=30).map("".join))
def test_any_text_means_what_pyyaml_composes(text: str) -> None:
    """Data, places and refusals are those of the slow way, but for what models.yaml forbids."""
    check(text)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """Editors do not show it; places in the file still count it."""
    document = parse("\ufeff# c\na: 1", "f")
    assert (document.data, str(document.where(("a",)))) == ({"a": 1}, "f:2:1")
    assert document.key(("a",)).start == 5


@given(TREES, st.booleans(), st.data())
def test_what_is_written_is_read_back(tree: Any, flow: bool, data: st.DataObject) -> None:
    """Whatever PyYAML writes is read as it was; with a letter changed, as above."""
    text = yaml.safe_dump(tree, default_flow_style=flow, sort_keys=False)
    assert repr(parse(text, "f").data) == repr(tree)
    check(text)
    at = data.draw(st.integers(0, len(text)))
    check(text[:at] + data.draw(WORDS | MARKS | st.just("")) + text[at + 1 :])


def test_a_key_without_a_colon_is_named_where_it_begins() -> None:
    """Not where the next line shows that there is none."""
    with pytest.raises(DesiredStateError, match=r"f:3:3: not valid YAML: while scanning a simple"):
        parse("a:\n  b: 1\n  Production 1\n  d: 2\n", "f")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: *x", "f:1:4: not valid YAML: found undefined alias 'x'"),
        ("a: &x 1\nb: &x 2", "f:2:4: not valid YAML: found duplicate anchor 'x'"),
        ("a: &x {b: *x}", "f:1:11: expands to more than"),
        (f"a: &x {'[' * 25}{']' * 25}\nb: {'[' * 25}*x{']' * 25}", "or 40 levels; use fewer"),
        ("[" * 41, "f:1:41: is nested more than 40 levels deep; flatten it"),
    ],
    ids=["undefined", "duplicate", "itself", "deep-by-alias", "deep"],
)
def test_aliases_and_depth_have_bounds(text: str, expected: str) -> None:
    """Each is one error, with the place where it was found."""
    with pytest.raises(DesiredStateError) as caught:
        parse(text, "f")
    assert expected in str(caught.value)


def test_a_text_without_aliases_has_as_many_values_as_it_likes() -> None:
    """The bound is on what aliases stand for: a large file is not a bomb."""
    lists = "\n".join(["- [1, 2, 3, 4, 5, 6, 7, 8, 9]"] * (MAX_ALIASED // 9))
    assert len(parse(lists, "f").data) == MAX_ALIASED // 9
    with pytest.raises(DesiredStateError, match="use fewer aliases"):
        parse("- &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "- *a\n" * (MAX_ALIASED // 9), "f")


def test_all_problems_of_a_text_come_at_once() -> None:
    """Also those inside what is left out because of its key."""
    document = parse("a: 1\na: {b: 010}\n<<: !x y\n? [k]\n: 0x1\n", "f")
    assert sorted(f"{p.where}: {p.message.split(';')[0]}" for p in document.problems) == [
        "f:2:1: duplicate key 'a'",
        "f:2:8: write '010' in plain decimal digits, or in quotes",
        "f:3:1: merge keys (<<) are not supported",
        "f:3:5: YAML tag !x is not supported",
        "f:4:3: a key must be a plain word or a number",
        "f:5:3: write '0x1' in plain decimal digits, or in quotes",
    ]
    assert document.data == {"a": 1}


def test_what_an_alias_stands_for_has_the_place_of_its_anchor() -> None:
    """A problem in it is told once, where it is to be mended; its use has a place of its own."""
    document = parse("a: &x\n  k: [1]\nb: *x\n", "f")
    assert document.data["b"] is document.data["a"]
    assert str(document.where(("b",))) == "f:3:1"
    assert str(document.where(("b", "k", 0))) == "f:2:7"
