"""Tables on a terminal of 80 columns."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mlgitops.report.terminal import Terminal

WIDTH = 80
WORDS = st.text(st.sampled_from("abcdefgh0123456789.-測"), min_size=1, max_size=30)
CELLS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)


def shown(header: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table."""
    stream = io.StringIO()
    Terminal(stream, width=WIDTH).table(header, rows)
    return stream.getvalue().splitlines()


@given(st.data(), st.integers(min_value=1, max_value=8))
def test_no_word_and_no_number_is_broken(data: st.DataObject, columns: int) -> None:
    """Each is in one piece, in the order of its row, and no line is wider than the terminal."""
    row = st.lists(CELLS, min_size=columns, max_size=columns)
    rows = data.draw(st.lists(row, min_size=1, max_size=5))
    lines = shown([f"title{number}" for number in range(columns)], rows)
    assert max(map(cell_len, lines)) <= WIDTH
    found = [word for line in lines for word in line.split()]
    for cells in rows:
        for word in " ".join(cells).split():
            assert word in found


def test_a_table_that_fits_is_a_table_and_any_other_a_list() -> None:
    """The list says each title beside its value, and leaves out what has none."""
    header = ["model", "stage", "when", "note"]
    short = ["wind", "Staging", "2026-11-28", "–"]
    assert shown(header, [short]) == [
        "model  stage    when        note",
        "wind   Staging  2026-11-28  –   ",
    ]
    long = ["power-forecasting-model-of-the-north", "Production", "2026-11-28T06:55:34Z", "–"]
    note = ["tumour-diagnosis-model", "Staging", "–", "https://example.org/acme/models/pull/12"]
    assert shown(header, [long, note]) == [
        "model power-forecasting-model-of-the-north  stage Production",
        "  when 2026-11-28T06:55:34Z",
        "model tumour-diagnosis-model  stage Staging",
        "  note https://example.org/acme/models/pull/12",
    ]
