"""The server of serving images beside MLflow's own: the same answers, and what is added."""

from __future__ import annotations

import http.client
import json
import math
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlgitops.errors import ServeError
from mlgitops.serve import truth
from mlgitops.serve.load_test import count_down, send_load
from mlgitops.serve.local import start
from mlgitops.serve.smoke import smoke
from mlgitops.serve.truth import same
from tests.serve.serving import serving, sum_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.serve.serving import Serving

pytestmark = pytest.mark.xdist_group("farm")

COLUMNS = [f"{what}_{hour}" for hour in ("00", "08", "16")
           for what in ("temperature", "wind_direction", "wind_speed")]  # fmt: skip
# what MLflow answers with a 500, or with a 4xx that is no JSON; docs/serving.md lists them
DOCUMENTED = {500, 415}
ABOUT = {"model": "wind", "version": "2", "digest": "sha256:ab", "commit": "c0ffee", "image": "ü%"}


@pytest.fixture(scope="module")
def model(trained: Path) -> Path:
    """The gradient boosting version, as it lies in the store."""
    from mlflow import MlflowClient

    source = MlflowClient(f"sqlite:///{trained}").get_model_version_download_uri(
        "power-forecasting-model", "2"
    )
    from mlflow.artifacts import download_artifacts

    found: Path = trained.parent / "downloaded"
    found.mkdir()
    download_artifacts(source, dst_path=str(found))
    return next(found.rglob("MLmodel")).parent


@pytest.fixture(scope="module")
def ours(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Our server of it."""
    log = tmp_path_factory.mktemp("ours") / "log"
    named = {f"SERVING_{name.upper()}": value for name, value in ABOUT.items() if name != "model"}
    with serving(model, log, SERVING_NAME=ABOUT["model"], **named) as made:
        yield made


@pytest.fixture(scope="module")
def theirs(model: Path) -> Iterator[str]:
    """MLflow's own server of it."""
    with start(str(model)) as made:
        yield made


NUMBERS = (
    st.floats(-1e6, 1e6)
    | st.integers(-(10**6), 10**6)
    | st.sampled_from([0, -0.0, 1e308, 5e-324, 2**53, 2**53 + 1, 10**25, 1e39])
)
ODD = st.sampled_from([None, True, "1.5", "text", [1.0], {"a": 1}, math.nan, math.inf, 10**400])
VALUES = NUMBERS | NUMBERS | NUMBERS | ODD
NAMES = st.permutations(COLUMNS) | st.just(COLUMNS)


@st.composite
def requests_of_tables(draw: st.DrawFn) -> bytes:
    """Tables in every JSON format, mostly right, with each kind of fault."""
    values = draw(st.sampled_from([NUMBERS, VALUES]))
    names = [*draw(NAMES), *draw(st.sampled_from([[], [], [], ["extra"]]))]
    names = names[draw(st.sampled_from([0, 0, 0, 0, 1])) :]
    count = draw(st.integers(0, 3))
    rows = [[draw(values) for _ in names] for _ in range(count)]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    document: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"dataframe_split": {"columns": names, "data": rows}},
                {"dataframe_records": records},
                {"instances": records},
                {"inputs": {n: [row[i] for row in rows] for i, n in enumerate(names)}},
                {"dataframe_split": {"data": rows}},
                {"dataframe_split": {"columns": names, "index": list(range(count)), "data": rows}},
            ]
        )
    )
    document |= draw(
        st.sampled_from([{}, {}, {}, {"params": {}}, {"params": {"a": 1}}, {"more": 1}])
    )
    return json.dumps(document).encode()


def compared(ours: Serving, theirs: str, body: bytes, content_type: str) -> None:
    """Hold both answers to one another."""
    mine = ours.post(body, content_type)
    headers = {"Content-Type": content_type}
    other = requests.post(f"{theirs}/invocations", data=body, headers=headers, timeout=60)
    assert isinstance(mine.json(), dict), mine.text
    assert "Traceback" not in mine.text
    if other.status_code in DOCUMENTED:
        assert 400 <= mine.status_code < 600
        return
    assert mine.status_code == other.status_code, (body, mine.text, other.text)
    if mine.status_code == 200:
        assert same(mine.json(), other.json()), body
        assert mine.text == other.text
    else:
        assert words(mine.json()) == words(other.json())


def words(error: dict[str, str]) -> dict[str, list[str]]:
    """An error without its traceback; MLflow's messages list sets, whose order is any."""
    return {k: sorted(re.findall(r"\w+", v)) for k, v in error.items() if k != "stack_trace"}


@given(body=requests_of_tables())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_json_is_answered_as_mlflow_does(ours: Serving, theirs: str, body: bytes) -> None:
    """The same status, the same text of predictions, the same message of an error."""
    compared(ours, theirs, body, "application/json")


@given(
    body=st.sampled_from([b"", b"{", b"[]", b"[1]", b"3", b'"x"', b"null", b"\xff\xfe", b"{}"])
    | st.binary(max_size=40)
    | st.text(max_size=40).map(str.encode),
    content_type=st.sampled_from(
        [
            "application/json",
            "application/json; charset=utf-8",
            "application/json;charset=UTF-8",
            "application/json; charset=latin-1",
            "application/json; boundary=x",
            "text/csv",
            "text/csv; charset=utf-8",
            "application/vnd.apache.parquet",
            "text/plain",
            "",
        ]
    ),
)
@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_nonsense_is_answered_as_mlflow_does(
    ours: Serving, theirs: str, body: bytes, content_type: str
) -> None:
    """Bodies and content types that are none, in every combination."""
    compared(ours, theirs, body, content_type)


ROWS = st.lists(st.lists(NUMBERS | st.none(), min_size=9, max_size=9), min_size=1, max_size=4)


@given(rows=ROWS, names=NAMES)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_csv_is_answered_as_mlflow_does(
    ours: Serving, theirs: str, rows: list[list[Any]], names: list[str]
) -> None:
    """CSV in any order of columns, with missing values."""
    lines = [names, *([("" if v is None else repr(v)) for v in row] for row in rows)]
    compared(ours, theirs, "\n".join(map(",".join, lines)).encode(), "text/csv")


def test_it_passes_the_strict_smoke_test(ours: Serving, model: Path) -> None:
    """Four endpoints, six formats, the bare list, malformed and hostile requests: all pass."""
    report = smoke(ours.url, model, partial(truth.of_folder, model, own=None), strict=True)
    assert [c for c in report.checks if c.outcome.value != "passed"] == []
    assert len(report.checks) > 35


def test_a_slow_model_is_asked_for_as_much_as_it_can_answer(tmp_path: Path) -> None:
    """A model that 10 MB of records would hold for an hour passes with fewer of them."""
    slow = sum_model(tmp_path, pace=0.005)
    with serving(slow, tmp_path / "log") as made:
        ask = partial(truth.of_folder, slow, own=None)
        report = smoke(made.url, slow, ask, strict=True, timeout=6.0)
    assert report.failed == ()
    many = [check.request for check in report.checks if check.request.endswith("at once")]
    assert many == ["POST 100 records at once"]


def test_the_list_of_the_first_tutorials(ours: Serving) -> None:
    """The bare list of records, which MLflow refuses, is answered as `dataframe_records` is."""
    record = dict.fromkeys(COLUMNS, 7.5)
    bare = ours.post(json.dumps([record]).encode())
    named = ours.post(json.dumps({"dataframe_records": [record]}).encode())
    assert (bare.status_code, bare.text) == (200, named.text)


def test_a_request_has_an_id_a_line_and_a_count(ours: Serving) -> None:
    """The caller's id comes back and is in the log; one that could forge lines is replaced."""
    body = json.dumps({"dataframe_records": [dict.fromkeys(COLUMNS, 1.0)]}).encode()
    url = f"{ours.url}/invocations"
    headers = {"Content-Type": "application/json", "X-Request-Id": "caller-7"}
    assert requests.post(url, body, headers=headers, timeout=30).headers["x-request-id"] == (
        "caller-7"
    )
    forged = {**headers, "X-Request-Id": 'x" injected'}
    given_id = requests.post(url, body, headers=forged, timeout=30).headers["x-request-id"]
    assert len(given_id) == 32
    lines = [json.loads(x) for x in ours.log.read_text().splitlines() if x.startswith("{")]
    assert {"caller-7", given_id} <= {line["request"] for line in lines}
    mine = next(line for line in lines if line["request"] == "caller-7")
    assert (mine["model"], mine["version"], mine["status"]) == ("wind", "2", 200)
    metrics = requests.get(f"{ours.url}/metrics", timeout=30).text
    labels = 'model="wind",path="/invocations",status="200",version="2"'
    assert f"serving_requests_total{{{labels}}}" in metrics
    assert "serving_request_seconds_bucket{" in metrics
    assert 'serving_prediction_errors_total{model="wind",status="400",version="2"}' in metrics


def test_what_serves_says_what_it_is(ours: Serving) -> None:
    """In the headers of `/version`, as in an address where it is not ASCII, and as a metric."""
    headers = requests.get(f"{ours.url}/version", timeout=30).headers
    found = {name: headers[f"x-serving-{name}"] for name in ABOUT}
    assert found == {**ABOUT, "image": "%C3%BC%25"}
    labels = ",".join(f'{name}="{value}"' for name, value in sorted(ABOUT.items()))
    assert f"serving_info{{{labels}}} 1.0" in requests.get(f"{ours.url}/metrics", timeout=30).text


def test_it_says_which_trees_are_compiled(ours: Serving) -> None:
    """A line when it starts, and a header of its version."""
    assert requests.get(f"{ours.url}/version", timeout=30).headers["x-serving-compiled"] == "exact"
    assert "HistGradientBoostingRegressor is compiled: equal to the bit" in ours.log.read_text()


def test_other_paths_and_methods(ours: Serving) -> None:
    """What is not there is 404, what is not allowed 405, both as JSON; a slash too many is 307."""
    nothing = requests.get(f"{ours.url}/nothing", timeout=30)
    assert (nothing.status_code, nothing.json()["error_code"]) == (404, "BAD_REQUEST")
    refused = requests.get(f"{ours.url}/invocations", timeout=30)
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert requests.post(f"{ours.url}/ping", timeout=30).status_code == 405
    assert requests.head(f"{ours.url}/ping", timeout=30).status_code == 200
    moved = requests.get(f"{ours.url}/ping/", timeout=30, allow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (307, "/ping")


def test_limits_and_draining(model: Path, tmp_path: Path) -> None:
    """Two workers: a body that is too large is 413; SIGTERM answers what has begun and exits 0."""
    settings = {"SERVING_MAX_BYTES": "20000000", "SERVING_WORKERS": "2"}
    record = dict.fromkeys(COLUMNS, 1.0)
    with serving(model, tmp_path / "log", **settings) as made:
        large = made.post(b"[" + b" " * 20_000_001)
        assert (large.status_code, large.json()["error_code"]) == (413, "BAD_REQUEST")
        body = json.dumps({"dataframe_records": [record]}).encode()
        answers = send_load(f"{made.url}/invocations", body, connections=4, go_on=count_down(200))
        assert answers.failed == 0
        counted = requests.get(f"{made.url}/metrics", timeout=30).text
        assert len(re.findall(r"serving_info{.*} 1.0", counted)) == 1
        line = next(x for x in counted.splitlines() if 'status="200"' in x and "invocations" in x)
        assert float(line.split()[-1]) == 200  # of both processes
        slow = json.dumps({"dataframe_records": [record] * 60_000}).encode()
        with ThreadPoolExecutor() as pool:
            begun = pool.submit(made.post, slow)
            time.sleep(0.4)
            made.process.send_signal(signal.SIGTERM)
            assert begun.result().status_code == 200
        assert made.process.wait(timeout=15) == 0
    assert "Traceback" not in made.log.read_text()


def test_who_keeps_a_connection_is_told_that_the_server_ends(model: Path, tmp_path: Path) -> None:
    """Idle or in the middle of a request: the next answer is whole, and says so."""
    body = json.dumps({"dataframe_records": [dict.fromkeys(COLUMNS, 1.0)]})

    def ask(there: http.client.HTTPConnection) -> bool:
        there.request("POST", "/invocations", body, {"Content-Type": "application/json"})
        answer = there.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
        return answer.will_close

    def go_on(there: http.client.HTTPConnection) -> None:
        while not ask(there):
            pass

    with ExitStack() as stack:
        made = stack.enter_context(serving(model, tmp_path / "log", SERVING_WORKERS="1"))
        host = urlsplit(made.url).netloc
        idle, *busy = (
            stack.enter_context(closing(http.client.HTTPConnection(host, timeout=30)))
            for _ in range(5)
        )
        assert not ask(idle)
        pool = stack.enter_context(ThreadPoolExecutor())
        asked = [pool.submit(go_on, one) for one in busy]
        time.sleep(0.5)
        made.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert ask(idle)
        assert [one.result() for one in asked] == [None] * len(busy)
        assert made.process.wait(timeout=15) == 0


def test_settings_that_make_no_sense(model: Path, tmp_path: Path) -> None:
    """All of them are named, with exit code 64, before the model is loaded."""
    wrong = {"SERVING_WORKERS": "many", "SERVING_TIMEOUT": "-1"}
    with (
        pytest.raises(ServeError, match=r"(?s)SERVING_WORKERS=many.*SERVING_TIMEOUT=-1"),
        serving(model, tmp_path / "log", **wrong),
    ):
        pytest.fail("it cannot have started")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_workers_follow_the_containers_limit(
    files: dict[str, str], expected: int | None, tmp_path: Path
) -> None:
    """Both versions of cgroups; without a limit, the processors of the machine."""
    import os

    from mlgitops.serve.server.settings import cpus

    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert cpus(tmp_path) == (expected or min(8, len(os.sched_getaffinity(0))))
