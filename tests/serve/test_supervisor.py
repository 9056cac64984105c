"""Workers that hang, end or cannot start: others go on, and the container ends when it must."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from harness.waiting import eventually
from mlgitops.system.http import is_up
from tests.serve.serving import HANG, asks, serving, sum_model

if TYPE_CHECKING:
    from tests.serve.serving import Serving

pytestmark = pytest.mark.xdist_group("server")

SHARED = Path("/dev/shm")  # noqa: S108 - the server's own choice
# workers of which so many get ready, and then end; all others cannot load their model
_WORKERS = """
import sys
from pathlib import Path
from mlgitops.serve.server.settings import read
from mlgitops.serve.server.supervisor import Supervisor

def work(watch):
    started = Path(sys.argv[1])
    with started.open("a") as file:
        file.write("x")
    if started.stat().st_size > int(sys.argv[3]):
        raise RuntimeError("no such model")
    watch.ready()
    return 3

sys.exit(Supervisor(read({"SERVING_WORKERS": sys.argv[2]}), work).run())
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that hangs when it is asked to."""
    return sum_model(tmp_path_factory.mktemp("sum"))


def is_answered(made: Serving) -> bool:
    """Whether an ordinary request on a connection of its own gets its answer."""
    return made.post(asks()).text == '{"predictions": [3.0]}'


def test_a_worker_that_hangs_is_replaced(model: Path, tmp_path: Path) -> None:
    """The only worker: 504 in time for who waited, 503 for who waits behind; alive, not ready.

    The next request is answered by the worker's replacement, and SIGTERM still ends with 0.
    """
    settings = {"SERVING_TIMEOUT": "1", "SERVING_QUEUE": "1"}
    with serving(model, tmp_path / "log", **settings) as made, ThreadPoolExecutor() as pool:
        hung = pool.submit(made.post, asks(HANG, rows=500))
        eventually(lambda: "hanging" in made.log.read_text(), within=10, every=0.05)
        behind = [pool.submit(made.post, asks(rows=500)) for _ in range(3)]
        answers = [found.result() for found in behind]
        assert hung.result().json()["error_code"] == "DEADLINE_EXCEEDED"
        assert [answer.status_code for answer in answers] == [503] * 3
        assert {answer.headers["retry-after"] for answer in answers} == {"1"}
        assert requests.get(f"{made.url}/ping", timeout=5).status_code == 503
        assert requests.get(f"{made.url}/live", timeout=5).status_code == 200
        eventually(lambda: "has ended" in made.log.read_text(), within=10, every=0.1)
        assert is_answered(made)
        assert re.search(r"worker \d+ has predicted for \d\.\d s: asking", made.log.read_text())
        made.process.send_signal(signal.SIGTERM)
        assert made.process.wait(timeout=15) == 0


@pytest.mark.thorough
def test_others_go_on_while_a_worker_hangs(model: Path, tmp_path: Path) -> None:
    """A quick prediction hangs, and with it its process: others answer until it is replaced.

    What they count in together is gone when they are.
    """
    settings = {"SERVING_TIMEOUT": "1", "SERVING_WORKERS": "2"}
    with serving(model, tmp_path / "log", **settings) as made, ThreadPoolExecutor() as pool:
        ready = "is ready"
        eventually(lambda: made.log.read_text().count(ready) == 2, within=60, every=0.1)
        hung = pool.submit(made.post, asks(HANG))
        eventually(lambda: "hanging" in made.log.read_text(), within=10, every=0.05)
        while "killing it" not in made.log.read_text():
            assert is_up(f"{made.url}/ping")
            assert is_answered(made)
        with pytest.raises(requests.ConnectionError):
            hung.result()
        eventually(lambda: made.log.read_text().count(ready) == 3, within=60, every=0.1)
        assert is_answered(made)
        counted = f"metrics-{made.process.pid}-*"
        assert len(list(SHARED.glob(counted))) == 1
    assert not list(SHARED.glob(counted))


@pytest.mark.parametrize(("workers", "ready", "started"), [(1, 0, 1), (2, 0, 2), (1, 2, 2 + 3)])
def test_workers_that_cannot_start(workers: int, ready: int, started: int, tmp_path: Path) -> None:
    """They end the container with 1: at its start at once, later after three attempts in a row."""
    file = tmp_path / "started"
    command = [sys.executable, "-c", _WORKERS, str(file), str(workers), str(ready)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert started - (workers - 1) <= len(file.read_text()) <= started
    assert "RuntimeError: no such model" in done.stderr
    assert re.search(r"worker \d+ could not start \(exit code 1\)", done.stderr)
    assert done.stderr.count("starting another") == ready
