"""Each apply leaves a record in MLflow, and is an apply without it too."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from mlgitops import __version__
from mlgitops.audit import keeping
from mlgitops.core.record import DECISION, RESULTS, text
from mlgitops.registry.records import EXPERIMENT
from tests.history.test_stays import commit
from tests.proxy import HangUpError, failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow.entities import Run

    from tests.proxy import Answered, Asked, PassOn, Proxy
    from tests.team import Ran, Team

pytestmark = pytest.mark.xdist_group("server")

GATED = """
    models:
      wind:
        stages: {Production: 2}
        gates:
          Production: [{metric: test_mae, max: 1}]
    """
BY = ("--actor", "ada", "--commit", "c0ffee", "--pull-request", "7")
# what a record asks of the server before the first write, and after the last one
BEFORE, AFTER = ("get-by-name", "runs/create"), ("runs/log-batch", "runs/update")
PROXIED = "/mlflow-artifacts/"


def recorded(team: Team, ran: Ran) -> Run:
    """The run that an apply reports as its record, as MLflow's own client reads it."""
    found = ran.document["record"]
    assert found["problem"] is None
    assert urlsplit(found["page"]).fragment == f"/runs/{found['run_id']}"
    return team.client.get_run(found["run_id"])


def said(run: Run, name: str) -> Any:
    """A value of a record."""
    return json.loads(text(name, run.data.params))


def kept(run: Run) -> dict[str, str]:
    """The files of a record, which lie on this machine."""
    folder = Path(urlsplit(run.info.artifact_uri).path)
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_an_apply_is_recorded_with_its_grounds(remote: Team) -> None:
    """The plan, what gates measured and guards said, who allowed it, by which versions."""
    for mae in (0.9, 0.5):
        remote.version(metrics={"test_mae": mae})
    remote.client.set_registered_model_alias("wind", "production", "1")
    remote.write(GATED)

    ran = remote.ok("apply", *BY, "--labels", "mlgitops/allow-unmanaged", "--format", "json")

    run = recorded(remote, ran)
    assert remote.client.get_experiment(run.info.experiment_id).name == EXPERIMENT
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.runName"] == "wind Production 1 → 2 (#7)"
    assert "1 → 2" in run.data.tags["mlflow.note.content"]
    plain = {key: value for key, value in run.data.params.items() if "." not in key}
    assert plain == {
        "commit": "c0ffee",
        "pull_request": "7",
        "actor": "ada",
        "owner": "git.example.org/wind/models",
        "registry": ran.document["changes"][0]["last_move"] or plain["registry"],
        "file": "models.yaml",
        "guards_allowed": "unmanaged",
        "mlgitops": __version__,
        "mlflow": "3.17.2",
    }
    (change,) = said(run, DECISION)["changes"]
    assert (change["model"], change["old"], change["new"]) == ("wind", 1, 2)
    (gate,) = change["gates"]
    assert (gate["result"], gate["actual"]) == ("passed", "0.5")
    (guard,) = change["guards"]
    assert (guard["guard"], guard["allowed"]) == ("unmanaged", "the label mlgitops/allow-unmanaged")
    assert said(run, RESULTS) == {"changes": [{"outcome": "applied", "reason": ""}]}
    assert run.data.metrics | {"changes": 1, "applied": 1, "failed": 0} == run.data.metrics
    files = kept(run)
    assert json.loads(files["apply.json"])["outcomes"][0]["status"] == "applied"
    assert "test_mae max 1" in files["report.html"]


def test_the_stamp_names_the_record(remote: Team) -> None:
    """So do status and history, and the report for people leads to its page."""
    remote.versions(1)
    remote.stages(Production=1)
    commit(remote, "Start", day=1)

    ran = remote.ok("apply")

    stamp = remote.tag(1, "Production")
    assert stamp is not None
    page = f"/#/runs/{stamp['record']}"
    assert page in ran.out
    assert page in remote.ok("history").out
    (stay,) = remote.ok("history", "--format", "json").document["stays"]
    assert stay["record"] == stamp["record"]
    status = remote.ok("status", "--format", "json").document
    assert status["stages"][0]["stamp"]["record"] == stamp["record"]


def test_a_refusal_is_recorded(remote: Team) -> None:
    """A decision too: what the gate expected and found, and that nothing was done."""
    for mae in (0.9, 1.5):
        remote.version(metrics={"test_mae": mae})
    remote.write(GATED)

    ran = remote.run("apply", "--format", "json")

    assert ran.code == 3
    run = recorded(remote, ran)
    assert run.info.status == "FAILED"
    assert run.data.metrics["refused"] == 1
    assert said(run, DECISION)["changes"][0]["gates"][0]["actual"] == "1.5"
    assert said(run, RESULTS)["changes"] == [
        {"outcome": "refused", "reason": "test_mae max 1: expected: at most 1; actual: 1.5"}
    ]
    assert kept(run).keys() == {"apply.json", "report.html"}


def test_a_record_cannot_be_changed(remote: Team) -> None:
    """Its parameters are what MLflow refuses to overwrite."""
    from mlflow.exceptions import MlflowException

    remote.versions(1)
    remote.stages(Production=1)
    run = recorded(remote, remote.ok("apply", "--format", "json"))

    for key in run.data.params:
        with pytest.raises(MlflowException, match=r"not allowed|already logged"):
            remote.client.log_param(run.info.run_id, key, "something else")


def test_the_embedded_registry_keeps_records_too(team: Team) -> None:
    """In its own folder, by MLflow's client."""
    team.versions(1)
    team.stages(Production=1)

    found = team.ok("apply", "--format", "json").document["record"]

    run = team.client.get_run(found["run_id"])
    assert (run.info.status, found["page"]) == ("FINISHED", None)
    assert said(run, RESULTS)["changes"][0]["outcome"] == "applied"
    assert (team.folder / ".mlgitops" / "artifacts" / EXPERIMENT).is_dir()
    assert kept(run).keys() == {"apply.json", "report.html"}


@pytest.mark.parametrize("path", [*BEFORE, *AFTER])
def test_an_apply_without_a_record_is_an_apply(remote: Team, proxied: Proxy, path: str) -> None:
    """One line says why there is none, or that it is incomplete; so does the report."""
    remote.versions(1)
    remote.stages(Production=1)
    asked_before = []

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        asked_before.append(asked.path)
        writes = any(one.endswith("/alias") for one in asked_before)
        fails = asked.path.endswith(path) and (writes or path in BEFORE)
        return failure(500) if fails else pass_on(asked)

    proxied.meddle = meddle
    ran = remote.ok("apply", "--format", "json", "--commit", "c0ffee")

    assert remote.aliases() == {"production": 1}
    problem = ran.document["record"]["problem"]
    assert "5xx" in problem
    assert ran.err.count("warning: ") == 1
    assert problem in ran.err
    stamp = remote.tag(1, "Production")
    assert stamp is not None
    assert stamp["record"] == ran.document["record"]["run_id"]
    assert (stamp["record"] is None) == (path in BEFORE)


def test_a_tracking_server_that_does_not_answer_holds_up_no_apply(
    remote: Team, proxied: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a limit of its own the apply goes on, however long requests may take."""
    monkeypatch.setattr(keeping, "_LIMIT", 0.2)
    remote.versions(1)
    remote.stages(Production=1)

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        if asked.path.endswith("runs/create"):
            time.sleep(1)
            return failure(503)
        return pass_on(asked)

    proxied.meddle = meddle
    ran = remote.ok("apply")

    assert remote.aliases() == {"production": 1}
    assert "warning: this apply has no record: the tracking server took more than 0.2 s" in ran.err


@pytest.fixture
def through_the_server(remote: Team) -> Iterator[Team]:
    """A team on a server that stores artifacts for its clients."""
    client, aside = remote.client, f"{EXPERIMENT} of before"
    if before := client.get_experiment_by_name(EXPERIMENT):
        client.rename_experiment(before.experiment_id, aside)
    made = client.create_experiment(EXPERIMENT, artifact_location="mlflow-artifacts:/records")
    remote.versions(1)
    remote.stages(Production=1)
    yield remote
    client.rename_experiment(made, f"{EXPERIMENT} {made}")
    if before:
        client.rename_experiment(before.experiment_id, EXPERIMENT)


def test_files_go_through_the_server(
    through_the_server: Team, proxied: Proxy, server: tuple[str, Any]
) -> None:
    """Over plain HTTP where it stores artifacts; MLflow finds them there."""
    ran = through_the_server.ok("apply", "--format", "json")

    run = recorded(through_the_server, ran)
    puts = [path.rpartition("/")[2] for method, path in proxied.seen if method == "PUT"]
    assert puts == ["apply.json", "report.html"]
    stored = server[1].folder / "proxied" / "records" / run.info.run_id / "artifacts"
    assert json.loads((stored / "apply.json").read_text())["kind"] == "apply"
    assert "wind" in (stored / "report.html").read_text()


def test_a_store_that_is_down_leaves_the_record_without_files(
    through_the_server: Team, proxied: Proxy
) -> None:
    """The decision and its results are there, and the run has ended."""
    proxied.meddle = lambda asked, pass_on: (
        failure(500) if PROXIED in asked.path else pass_on(asked)
    )
    ran = through_the_server.ok("apply", "--format", "json")

    found = ran.document["record"]
    assert found["problem"].startswith("incomplete: ")
    run = through_the_server.client.get_run(found["run_id"])
    assert run.info.status == "FINISHED"
    assert said(run, RESULTS)["changes"][0]["outcome"] == "applied"


def test_a_folder_of_another_machine_is_no_store(
    remote: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be written here, where nobody looks; the record says so and has no files."""
    remote.versions(1)
    remote.stages(Production=1)
    monkeypatch.delenv("MLGITOPS_ARTIFACT_ROOT")

    ran = remote.ok("apply", "--format", "json")

    assert "is a folder of the server's machine" in ran.document["record"]["problem"]
    assert remote.aliases() == {"production": 1}


def test_cut_off_when_all_is_written(remote: Team, proxied: Proxy) -> None:
    """An apply whose record cannot be ended has been applied, and says so."""
    remote.versions(1)
    remote.stages(Production=1)
    asked_before: list[str] = []

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        asked_before.append(asked.path.rpartition("/")[2])
        if "alias" in asked_before and "log-batch" in asked_before[asked_before.index("alias") :]:
            raise HangUpError
        return pass_on(asked)

    proxied.meddle = meddle
    ran = remote.ok("apply", "--format", "json")

    assert ran.document["outcomes"][0]["status"] == "applied"
    assert ran.document["record"]["problem"].startswith("incomplete: cannot reach")
