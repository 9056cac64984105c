"""The stack with its defaults: it starts, says where it is, and lets in who should be let in."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import DockerCommandError
from mlgitops.system import docker
from stack.errors import PortTakenError

if TYPE_CHECKING:
    from harness.stack import Running
    from tests.stack.conftest import Make

pytestmark = pytest.mark.xdist_group("shared")
SEARCH = "/api/2.0/mlflow/registered-models/search?max_results=10"
ROUND_TRIP = """
import mlflow, sys
client = mlflow.MlflowClient()
run = client.create_run("0")
client.log_text(run.info.run_id, "written on the " + sys.argv[1], "folder/file.txt")
print(run.info.artifact_uri)
"""
READ = """
import mlflow, sys
print(mlflow.artifacts.load_text(sys.argv[1] + "/folder/file.txt"))
"""


def inspected(stack: Running, service: str) -> dict[str, object]:
    """What Docker knows about a container."""
    document: list[dict[str, object]] = json.loads(
        docker.run(["inspect", stack.container(service)])
    )
    return document[0]


def test_fresh_start(shared: Running) -> None:
    """A first start makes secrets, ends in proven services, and the migration has run once."""
    assert [line for line in shared.said if line.endswith(": works")] == [
        "API call: works",
        "artifact round trip: works",
        "database query: works",
    ]
    assert shared.said[0].startswith("created 8 secrets")
    assert shared.logs().count("schema created in") == 1


def test_second_up_changes_nothing(shared: Running) -> None:
    """A second `up` leaves every container as it is: it restarts none and makes none anew."""
    form = "{{.Id}} {{.State.StartedAt}}"
    names = [service.container for service in shared.compose.services().values()]
    before = docker.run(["inspect", "--format", form, *names])
    shared.up()
    assert docker.run(["inspect", "--format", form, *names]) == before


def test_status(shared: Running) -> None:
    """Status names the addresses for host and containers, for people and for programs."""
    ran = shared.cli("status", "--json")
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert document["uri"] == shared.compose.uri
    assert document["inner_uri"] == "http://mlflow:5000"
    assert document["services"]["mlflow"] == "healthy"
    assert shared.compose.uri in shared.cli("status").stdout


def test_db_shell(shared: Running) -> None:
    """The database's shell takes SQL from a pipe and needs no password."""
    ran = shared.cli("db-shell", stdin="SELECT CURRENT_USER(), DATABASE()")
    assert "mlflow@%\tmlflow" in ran.stdout, ran.stderr


def test_logs(shared: Running) -> None:
    """The logs of one service can be asked for."""
    ran = shared.cli("logs", "migrate")
    assert ran.returncode == 0
    assert "schema created" in ran.stdout


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("mlflow:5000", 200),
        ("mlflow", 200),
        ("127.0.0.1:5010", 200),
        ("localhost:5010", 200),
        ("evil.example", 403),
        ("mlflow.evil.example", 403),
    ],
)
def test_host_header(shared: Running, host: str, status: int) -> None:
    """The names that host and containers use are let in; a foreign name is not."""
    assert shared.get(SEARCH, headers={"Host": host}).status_code == status


def test_foreign_origin(shared: Running) -> None:
    """A foreign web page cannot change anything through its visitor's browser."""
    body = {"name": "from-elsewhere"}
    answer = shared.post(
        "registered-models/create", body, headers={"Origin": "http://evil.example"}
    )
    assert answer.status_code == 403


def test_artifact_addresses(shared: Running) -> None:
    """What the host writes a container reads by the same address, and the other way round."""
    inside = ["run", "--rm", "-T", "--no-deps", "--env", "MLFLOW_TRACKING_URI=http://mlflow:5000"]
    inside += ["serve", "python", "-c"]
    on_host = shared.python(f"import sys; sys.argv.append('host')\n{ROUND_TRIP}").split()[-1]
    in_container = shared.compose.run(*inside, ROUND_TRIP, "container").split()[-1]
    assert on_host.startswith("mlflow-artifacts:/")
    assert "written on the host" in shared.compose.run(*inside, READ, on_host)
    assert "written on the container" in shared.python(
        f"import sys; sys.argv.append({in_container!r})\n{READ}"
    )


def test_clients_cannot_go_around(shared: Running) -> None:
    """From the clients' network neither the database nor the artifact server has a name."""
    code = (
        "import socket\n"
        "for name in ('mlflow', 'db', 'artifacts'):\n"
        "  try: print(name, socket.gethostbyname(name))\n"
        "  except OSError: print(name, '-')\n"
    )
    printed = shared.compose.run("run", "--rm", "-T", "--no-deps", "serve", "python", "-c", code)
    assert re.fullmatch(r"mlflow [\d.]+\ndb -\nartifacts -", printed.strip())


def test_secrets_stay_secret(shared: Running) -> None:
    """No password is in logs, arguments, container settings, the Compose project or an image."""
    said = [path.read_text().split() for path in shared.compose.settings.secrets.iterdir()]
    secrets = [words[-1] for words in said if words]  # GitHub's token is yours to write
    assert len(secrets) == 7
    services = shared.compose.services()
    seen = shared.logs() + shared.compose.run("config") + "".join(shared.said)
    for service in services.values():
        seen += docker.run(["inspect", service.container])
        if service.state == "running":
            seen += docker.run(["top", service.container, "-eo", "pid,args"])
    for image in {service["image"] for service in shared.compose.config["services"].values()}:
        seen += docker.run(["history", "--no-trunc", image]) + docker.run(["inspect", image])
    assert [secret[:4] for secret in secrets if secret in seen] == []
    assert shared.compose.settings.secrets.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("service", ["db", "mlflow", "artifacts"])
def test_hardening(shared: Running, service: str) -> None:
    """No root, no capabilities, nothing new gained, read-only, with limits, on loopback only."""
    found = inspected(shared, service)
    host = found["HostConfig"]
    assert isinstance(host, dict)
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
    assert host["RestartPolicy"]["Name"] == "always"
    users = docker.run(["top", shared.container(service), "-eo", "pid,uid"])
    assert {line.split()[1] for line in users.splitlines()[1:]} & {"0", "root"} == set()
    assert {binding["HostIp"] for ports in host["PortBindings"].values() for binding in ports} == {
        "127.0.0.1"
    }


def test_idle_memory(shared: Running) -> None:
    """With the defaults, `mlflow` and `artifacts` together take less than 900 MiB."""
    names = [shared.container("mlflow"), shared.container("artifacts")]
    printed = docker.run(["stats", "--no-stream", "--format", "{{.MemUsage}}", *names])
    units = {"MiB": 1.0, "GiB": 1024.0}
    used = [re.match(r"([\d.]+)(MiB|GiB)", line) for line in printed.splitlines()]
    assert sum(float(m[1]) * units[m[2]] for m in used if m) < 900


def test_kept_connections(shared: Running) -> None:
    """Workers run on uvloop: on asyncio's loop a kept connection stalls for 44 ms a request.

    `nox -s bench -- stack` measures it.
    """
    workers = shared.compose.run("exec", "-T", "mlflow", "sh", "-c", "cat /proc/[0-9]*/maps")
    assert "uvloop/loop" in workers


def test_starved_worker(shared: Running) -> None:
    """A worker that gets no CPU time for 12 s is not killed: its successor would get none."""
    run = ("exec", "-T", "mlflow", "sh", "-c")
    find = "grep -l spawn[_]main /proc/[0-9]*/cmdline | cut -d/ -f3"
    workers = sorted(shared.compose.run(*run, find).split())
    assert len(workers) == 2
    shared.compose.run(*run, f"kill -STOP {workers[0]}; sleep 12; kill -CONT {workers[0]}")
    assert sorted(shared.compose.run(*run, find).split()) == workers


def test_named_user_decides_health(shared: Running) -> None:
    """The database is healthy only while the named user can query the named database."""
    check = ("exec", "-T", "db", "db-client", "mysql", "--execute=SELECT 1")
    assert shared.compose.run(*check, "mlflow").split() == ["1", "1"]
    with pytest.raises(DockerCommandError, match="Access denied"):
        shared.compose.run(*check, "mysql")


def test_port_taken(make: Make) -> None:
    """A port that is taken is named with its service and setting, before anything starts."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        number = str(listener.getsockname()[1])
        stack = make(STACK_MLFLOW_PORT=number)
        with pytest.raises(PortTakenError, match=f"mlflow: port {number}.*STACK_MLFLOW_PORT"):
            stack.up()
        assert stack.compose.services() == {}
