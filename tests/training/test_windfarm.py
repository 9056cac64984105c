"""Tests of `training.windfarm`: where the data come from, and what fails on the way."""

from __future__ import annotations

import os
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import TrainingDataError
from tests.training.windfarm_text import line, lines, text
from training import synthetic, windfarm
from training.features import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REAL = os.environ.get("WINDFARM_DATA")


@pytest.fixture(autouse=True)
def _no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WINDFARM_DATA", raising=False)


class Handler(BaseHTTPRequestHandler):
    """Answers /windfarm.csv with data, /big without end and everything else with 404."""

    def do_GET(self) -> None:
        """Answer by path."""
        path = self.path.partition("?")[0]
        self.send_response(200 if path in {"/windfarm.csv", "/big"} else 404)
        self.end_headers()
        if path == "/windfarm.csv":
            self.wfile.write(text(lines(3)).encode())
        if path == "/big":
            try:
                while True:
                    self.wfile.write(b"x" * 2**20)
            except OSError:
                self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    """The address of a web server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler)) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{http.server_port}"
        http.shutdown()


def test_a_file_is_read(tmp_path: Path) -> None:
    """A path gives a float64 frame indexed by day, and its own name as source."""
    file = tmp_path / "windfarm.csv"
    file.write_text(text(lines(3)), encoding="utf-8-sig")
    farm = windfarm.load(str(file))
    assert (3, len(COLUMNS)) == farm.frame.shape
    assert {"float64"} == {str(one) for one in farm.frame.dtypes}
    assert (windfarm.NAME, str(file), False) == (farm.name, farm.source, farm.synthetic)


def test_an_address_is_read_and_its_secrets_are_not_kept(web: str) -> None:
    """User, password and query of an address do not get into the source, which is logged."""
    farm = windfarm.load(f"http://user:secret@{web}/windfarm.csv?token=secret")
    assert f"http://{web}/windfarm.csv" == farm.source
    assert len(farm.frame) == 3


def test_without_data_the_synthetic_sample_is_used_and_says_so() -> None:
    """A new clone can train at once, and the result cannot be taken for a real one."""
    farm = windfarm.load(None)
    assert (farm.name, farm.source, farm.synthetic) == (synthetic.NAME, None, True)
    assert farm.missing_days == 0


def test_every_problem_of_a_file_is_in_one_error(tmp_path: Path) -> None:
    """The message names the file, counts the problems and lists them."""
    file = tmp_path / "windfarm.csv"
    file.write_text(text([line("2014-01-01", power="x"), line("2014-01-02", power="-5")]))
    with pytest.raises(TrainingDataError) as caught:
        windfarm.load(str(file))
    message = str(caught.value)
    assert message.startswith(f"{file}: 2 problems; correct the file")
    assert "line 2 (2014-01-01), power: 'x' is not a number" in message
    assert "line 3 (2014-01-02), power: -5 is out of range, 0 to 20000 kW" in message


@pytest.mark.parametrize("place", ["absent.csv", ".", "null\0byte"])
def test_a_path_that_can_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """A missing file, a folder and an impossible name end in an error that says what to do."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrainingDataError, match="name a CSV file with --data or WINDFARM_DATA"):
        windfarm.load(place)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A spreadsheet or an archive is not taken for CSV."""
    file = tmp_path / "windfarm.xlsx"
    file.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(TrainingDataError, match="not UTF-8 text"):
        windfarm.load(str(file))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://{web}/absent.csv?token=secret", "the server answered 404"),
        ("http://{web}/big", "larger than 64 MiB"),
        ("http://user:secret@127.0.0.1:1/windfarm.csv", "no connection"),
        ("ftp://{web}/windfarm.csv", "only http:// and https://"),
        ("http://", "no connection"),
        ("http://[secret", "malformed"),
    ],
)
def test_an_address_that_fails_is_named_without_secrets(
    web: str, address: str, expected: str
) -> None:
    """Each way of failing has its own words, and no password or token is repeated."""
    with pytest.raises(TrainingDataError, match=expected) as caught:
        windfarm.load(address.format(web=web))
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(not REAL, reason="WINDFARM_DATA does not name the real file")
def test_the_real_file_keeps_every_rule() -> None:
    """Seven years, of which the two leap days lack and are counted."""
    farm = windfarm.load(REAL)
    assert (len(farm.frame), farm.missing_days) == (2555, 2)
    assert (round(farm.frame["power"].min()), round(farm.frame["power"].max())) == (207, 10_775)
