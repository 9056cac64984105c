"""Reading JSON: nobody can tell which library did."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlgitops.serve.server import parsing

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner)
)
DIGITS = st.text("0123456789", min_size=1, max_size=40)
ENDS = st.sampled_from(["", ".0", ".", "e5", "E-7", "e+300", "e999"])
SIGNS = st.sampled_from(["", "-", "-0", "1"])
NUMBERS = st.tuples(SIGNS, DIGITS, ENDS, DIGITS | st.just("")).map("".join)
TEXTS = (
    st.builds(json.dumps, VALUES, ensure_ascii=st.booleans())
    | NUMBERS
    | st.lists(NUMBERS).map(lambda found: f"[{','.join(found)}]")
    | st.text('{}[]",:0123456789.eE+-\\untrfalsNI \t\n\x00\x01', max_size=20)
)
BYTES = TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=12)


def outcome(read: Any, text: bytes) -> str:
    """What was read, with the types of all that is in it, or how it failed."""
    try:
        return repr(read(text))
    except (ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"


@given(text=BYTES)
@example(text=b'{"a": 1, "b": 3, "a": 2}')  # the last of two keys counts, at the first's place
@example(text=b"[-0, -0.0, 18446744073709551616, -9223372036854775809]")
@example(text=b"1" + b"0" * 400)
@example(text=b"1" * 5000)
@example(text=b"[1e400, NaN, -Infinity]")
@example(text=b'"\\ud800 \\ud83d\\ude00"')
@example(text=b'"\xed\xa0\x80"')
@example(text=b"\xef\xbb\xbf1")
@example(text="[1]".encode("utf-16"))
@example(text=b"[" * 100_000)
def test_it_reads_as_pythons_json_does(text: bytes) -> None:
    """Values, their types, their order and every error, of whatever bytes."""
    pytest.importorskip("msgspec")
    assert outcome(parsing.loads, text) == outcome(json.loads, text)
