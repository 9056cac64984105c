"""What happens to the database, and what becomes of the stack and its clients."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
import requests

from harness.waiting import eventually
from mlgitops.errors import DockerCommandError
from mlgitops.system import docker
from stack import secrets
from stack.errors import ServiceFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.stack import Running
    from tests.stack.conftest import Make

SEARCH = "/api/2.0/mlflow/registered-models/search?max_results=1000"
# what a client may wait before it knows; the issue of every hanging dashboard
LONGEST = 30.0
MODELS = """\
owner: acme/models
models:
  power-forecasting-model:
    versions:
      1: {train: power_forecasting, params: {estimator: linear}}
      2: {train: power_forecasting, params: {estimator: gradient_boosting, max_iter: 50}}
      3: {train: power_forecasting, params: {estimator: linear}}
    stages:
      Staging: 3
      Production: 2
"""


def started(stack: Running, service: str) -> str:
    """When a container was started, and how often Docker has restarted it."""
    form = "{{.State.StartedAt}} {{.RestartCount}}"
    return docker.run(["inspect", "--format", form, stack.container(service)]).strip()


def names(stack: Running) -> set[str]:
    """The registered models."""
    found = stack.get(SEARCH).json().get("registered_models", [])
    return {model["name"] for model in found}


def has_rows(stack: Running, count: str) -> bool:
    """Whether a query counts something."""
    return stack.sql(count) != "0"


@pytest.mark.thorough
def test_slow_database(make: Make) -> None:
    """A database that takes 20 s longer to start, and is unhealthy meanwhile, is waited for."""
    stack = make()
    stack.override(
        'services: {db: {entrypoint: ["sh", "-c", "sleep 20; exec docker-entrypoint.sh mysqld"], '
        "healthcheck: {start_period: 1s, retries: 1}}}"
    )
    stack.up()
    assert stack.get(SEARCH).status_code == 200
    assert any(line.startswith("db: unhealthy") for line in stack.said)


@pytest.mark.xdist_group("mended")
@pytest.mark.thorough
def test_absent_database(mended: Running) -> None:
    """Servers that come up without a database (a reboot) wait, and go green when it appears."""
    stack = mended
    stack.compose.run("stop", "--timeout", "10", "mlflow", "db")
    stack.start("mlflow")
    eventually(lambda: stack.health("mlflow") == "unhealthy", within=150)
    before = started(stack, "mlflow")
    stack.start("db")
    eventually(lambda: stack.health("mlflow") == "healthy", within=60)
    assert started(stack, "mlflow") == before


@pytest.mark.xdist_group("mended")
def test_killed_during_registrations(mended: Running) -> None:
    """`kill -9` of the database loses no acknowledged model; clients go on without a restart."""
    stack = mended
    before = started(stack, "mlflow")
    acknowledged: set[str] = set()
    waits: list[float] = []
    end = threading.Event()

    def register(worker: int) -> None:
        number = 0
        while not end.is_set():
            number += 1
            name = f"model-{worker}-{number}"
            asked = time.monotonic()
            if stack.post("registered-models/create", {"name": name}).status_code == 200:
                acknowledged.add(name)
            waits.append(time.monotonic() - asked)

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(register, worker) for worker in range(4)]
        eventually(lambda: len(acknowledged) > 40, within=60)
        stack.kill("db")
        time.sleep(5)
        stack.start("db")
        so_far = len(acknowledged)
        eventually(lambda: len(acknowledged) > so_far + 40, within=60)
        end.set()
        for future in done:
            future.result()
    assert acknowledged <= names(stack)
    assert max(waits) < LONGEST
    assert started(stack, "mlflow") == before


@pytest.mark.xdist_group("mended")
@pytest.mark.thorough
def test_killed_during_training_and_apply(mended: Running, tmp_path: Path) -> None:
    """`kill -9` of the database under `mlgitops train` and `apply`: the same commands converge."""
    stack = mended
    file = tmp_path / "models.yaml"
    file.write_text(MODELS)
    # the first thing that each of them leaves in the database
    for verb, begun in {
        "train": "SELECT COUNT(*) FROM runs WHERE name LIKE 'power_forecasting%'",
        "apply": "SELECT COUNT(*) FROM model_version_tags WHERE `key` = 'mlgitops.stages'",
    }.items():
        with ThreadPoolExecutor(1) as pool:
            ran = pool.submit(stack.mlgitops, verb, "--file", str(file))
            eventually(partial(has_rows, stack, begun), within=120, every=0.1)
            stack.kill("db")
            time.sleep(3)
            stack.start("db")
            first = ran.result()
        assert "Traceback" not in first.stderr
        eventually(lambda: stack.health("mlflow") == "healthy", within=60)
        again = stack.mlgitops(verb, "--file", str(file))
        assert again.returncode == 0, again.stdout + again.stderr
    assert stack.mlgitops("plan", "--exit-code", "--file", str(file)).returncode == 0
    versions = "SELECT COUNT(*), COUNT(DISTINCT name, version) FROM model_versions"
    ready = " WHERE status = 'READY' AND name = 'power-forecasting-model'"
    assert stack.sql(versions + ready) == "3\t3"


@pytest.mark.xdist_group("mended")
@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_lost_while_running(mended: Running, fault: str) -> None:
    """Dead or frozen: red within half a minute, no request over 30 s, green again by itself."""
    stack = mended
    before = started(stack, "mlflow")
    database = stack.container("db")
    eventually(lambda: _done(fault, database), within=30)
    lost = time.monotonic()

    def ask(_: int) -> float:
        asked = time.monotonic()
        with suppress(requests.ConnectionError):  # an answer as clear as any
            assert stack.get(SEARCH).status_code >= 500
        return time.monotonic() - asked

    with ThreadPoolExecutor(24) as pool:
        waits = pool.map(ask, range(24))
        red = eventually(lambda: stack.health("mlflow") == "unhealthy", within=30, every=0.2)
        longest = max(waits)
    assert red < 30
    assert longest < LONGEST
    assert time.monotonic() - lost < 60
    docker.run(["start" if fault == "kill" else "unpause", database])
    eventually(lambda: stack.health("mlflow") == "healthy", within=45)
    assert stack.get(SEARCH).status_code == 200
    assert started(stack, "mlflow") == before


def _done(fault: str, container: str) -> bool:
    """Whether it could be done: the kernel fails at times to freeze what is very busy."""
    try:
        docker.run([fault, container])
    except DockerCommandError as error:
        if "unable to freeze" in str(error):
            return False
        raise
    return True


@pytest.mark.thorough
def test_wrong_password(make: Make) -> None:
    """A password that is not the database's is told as such, soon, and names the service."""
    stack = make()
    stack.up()
    stack.compose.run("down")
    secret = stack.compose.settings.secrets / "mysql_password"
    secret.unlink()
    secret.write_text("wrong-password")
    asked = time.monotonic()
    with pytest.raises(ServiceFailedError, match="a different password") as caught:
        stack.up()
    assert time.monotonic() - asked < 60
    assert caught.value.service == "db"
    assert "wrong-password" not in str(caught.value)


@pytest.mark.thorough
def test_latin1(make: Make) -> None:
    """On a server whose default is latin1, everything is utf8mb4 all the same."""
    stack = make()
    stack.override(
        "services: {db: {command: [mysqld, --character-set-server=latin1, "
        "--collation-server=latin1_swedish_ci]}}"
    )
    stack.up()
    assert stack.sql("SELECT @@character_set_server") == "latin1"
    tables = "SELECT DISTINCT table_collation FROM information_schema.tables WHERE table_schema = "
    assert stack.sql(tables + "'mlflow'") == "utf8mb4_0900_ai_ci"
    name = "Windkraft – 風力 🌬"
    assert stack.post("registered-models/create", {"name": name}).status_code == 200
    assert names(stack) == {name}


@pytest.mark.thorough
def test_interrupted_first_migration(make: Make) -> None:
    """A first migration that was killed half-way is repaired by the next `up`."""
    stack = make()
    secrets.ensure(stack.compose.settings.secrets, database_exists=False)
    stack.compose.run("up", "--detach", "--wait", "db")
    stack.compose.run("up", "--detach", "--no-deps", "migrate")
    tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'mlflow'"
    eventually(lambda: int(stack.sql(tables)) > 12, within=60, every=0.1)
    stack.kill("migrate")
    half = int(stack.sql(tables))
    stack.up()
    assert int(stack.sql(tables)) > half
    assert "incomplete schema without data" in stack.logs()


@pytest.mark.thorough
def test_half_made_schema_with_data(make: Make) -> None:
    """A half-made schema with data in it is refused, untouched, with the next step."""
    stack = make()
    stack.up()
    assert stack.post("registered-models/create", {"name": "precious"}).status_code == 200
    stack.compose.run("stop", "mlflow")
    stack.sql("SET FOREIGN_KEY_CHECKS = 0; DROP TABLE webhook_events")
    with pytest.raises(ServiceFailedError, match=r"holds data; restore the last backup") as caught:
        stack.up()
    assert caught.value.service == "migrate"
    assert stack.sql("SELECT name FROM registered_models") == "precious"


@pytest.mark.thorough
def test_migrations_at_once(make: Make) -> None:
    """Replicas that start together migrate once; the others wait for it."""
    stack = make()
    secrets.ensure(stack.compose.settings.secrets, database_exists=False)
    stack.compose.run("up", "--detach", "--wait", "db")
    migrate = ("run", "--rm", "-T", "--no-deps", "migrate")
    with ThreadPoolExecutor(3) as pool:
        started = [stack.compose.start(*migrate) for _ in range(3)]
        printed = list(pool.map(lambda process: process.communicate()[0], started))
    assert sum("schema created" in text for text in printed) == 1
    assert sum("is up to date" in text for text in printed) == 2
