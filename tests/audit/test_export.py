"""`history --export` writes what applies decided, change by change, for an auditor."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.audit import export
from mlgitops.core.record import Entry
from mlgitops.registry.records import EXPERIMENT
from tests.proxy import HangUpError
from tests.report.published import check

if TYPE_CHECKING:
    from tests.proxy import Answered, Asked, Meddle, PassOn, Proxy
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("server")

FORMULA = '=HYPERLINK("http://evil")'


@pytest.fixture
def told(team: Team) -> Team:
    """Three applies: two stages filled; one replaced, and one not emptied; that one emptied."""
    team.versions(2)
    team.stages(Staging=1, Production=1)
    team.ok("apply", "--actor", FORMULA, "--commit", "c1", "--pull-request", "1")
    team.stages(Staging=2, Production=None)
    assert team.run("apply", "--actor", "bob", "--commit", "c2").code == 8
    team.ok("apply", "--actor", "bob", "--commit", "c2", "--allow", "empties-production")
    return team


def exported(team: Team, *arguments: str) -> list[dict[str, Any]]:
    """The changes of an export to JSON, in the form that is published."""
    team.ok("history", "--export", "audit.json", *arguments)
    found = json.loads((team.folder / "audit.json").read_text())
    check(found)
    return found["changes"]  # type: ignore[no-any-return]


def test_every_change_is_there_with_its_grounds(told: Team) -> None:
    """Applied or refused, in the order of the applies; without git and without models.yaml."""
    told.file.unlink()

    found = exported(told)

    assert [(c["stage"], c["old"], c["new"], c["outcome"], c["commit"]) for c in found] == [
        ("Staging", None, 1, "applied", "c1"),
        ("Production", None, 1, "applied", "c1"),
        ("Staging", 1, 2, "applied", "c2"),
        ("Production", 1, None, "refused", "c2"),
        ("Production", 1, None, "applied", "c2"),
    ]
    assert [len(c["guards"]) for c in found] == [0, 0, 0, 1, 1]
    assert [c["guards"][0]["allowed"] for c in found if c["guards"]] == [
        None,
        "--allow empties-production, passed by bob",
    ]
    stamp = told.tag(2, "Staging")
    assert stamp is not None
    assert found[2]["record"] == found[3]["record"] == stamp["record"]


def test_a_table_that_no_spreadsheet_runs(told: Team) -> None:
    """RFC 4180; what a cell would run is text, as is what was there before."""
    told.ok("history", "--export", "audit.csv")

    text = (told.folder / "audit.csv").read_bytes()
    assert text.count(b"\r\n") == 6
    rows = list(csv.DictReader(text.decode().splitlines()))
    assert [row["actor"] for row in rows[:3]] == [f"'{FORMULA}", f"'{FORMULA}", "bob"]
    assert rows[4]["guards"].endswith("(allowed by --allow empties-production, passed by bob)")
    assert (rows[4]["new"], rows[4]["pull_request"]) == ("", "")


def test_what_is_meant_is_exported(told: Team) -> None:
    """Of a model, of a stage, of days that are named by their dates."""
    today = datetime.now(UTC).date()
    days = [str(today + timedelta(days=n)) for n in (-1, 0, 1)]
    assert len(exported(told, "--since", days[0], "--until", days[2])) == 5
    assert exported(told, "--until", days[0]) == []
    assert exported(told, "--since", days[2]) == []
    assert len(exported(told, "wind", "production")) == 3
    assert exported(told, "other") == []


def test_what_does_not_fit_together_is_refused(told: Team) -> None:
    """Before anything is read."""
    for arguments in (
        ("--export", "audit.xml"),
        ("--export", "audit.csv", "--at", "2026-11-23"),
        ("--export", "audit.csv", "--offline"),
        ("--since", "2026-11-23"),
        ("--export", "audit.csv", "--since", "yesterday"),
    ):
        assert told.run("history", *arguments).code == 64
    assert not list(told.folder.glob("audit.*"))


def test_deleted_records_are_exported_and_strange_runs_are_told(told: Team) -> None:
    """Whoever deletes a run hides nothing; what is no record is a warning, and stops nothing."""
    before = exported(told)
    client = told.client
    client.delete_run(before[0]["record"])
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    strange = client.create_run(experiment.experiment_id).info.run_id
    forged = client.create_run(experiment.experiment_id).info.run_id
    client.log_param(forged, "decision.0", '{"version": 1}')

    ran = told.ok("history", "--export", "audit.json")

    assert json.loads((told.folder / "audit.json").read_text())["changes"] == before
    assert "warning: 2 runs" in ran.err
    assert strange in ran.err
    assert forged in ran.err


def test_an_apply_that_was_killed_is_unknown(remote: Team, proxied: Proxy) -> None:
    """What it decided is there; what came of it nobody could say."""
    remote.versions(1, "never-ended")
    remote.stages("never-ended", Production=1)
    proxied.meddle = hung_up_from("set-tag")
    assert remote.run("apply").code == 4

    (found,) = exported(remote, "never-ended", "--registry", remote.uri)

    assert (found["new"], found["outcome"]) == (1, "unknown")
    assert "did not end" in found["reason"]


def hung_up_from(path: str) -> Meddle:
    """A server that is gone from a request on."""
    gone = []

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        if asked.path.endswith(path):
            gone.append(asked)
        if gone:
            raise HangUpError
        return pass_on(asked)

    return meddle


ENTRY = Entry(
    time=datetime(2026, 11, 23, tzinfo=UTC),
    record="ab" * 16,
    page=None,
    model="wind",
    stage="Production",
    action="replace",
    old=1,
    new=2,
    outcome="applied",
    reason="",
    gates=(),
    guards=(),
    actor="ada",
    approvers=("bob", "eve"),
    commit="c0ffee",
    commit_reason="",
    pull_request=None,
    digest=None,
    evaluation=None,
    file="models.yaml",
    owner="local",
    registry="http://here",
    mlgitops="1",
    mlflow="3",
)


def test_cells_are_text() -> None:
    """Whatever a spreadsheet takes for the beginning of a formula; lines and quotes survive."""
    cells = ("=1", "+1", "-1", "@A1", "\t=1", "\r=1", 'plain, "quoted"\nand long')
    table = "".join(export.csv_lines(replace(ENTRY, actor=cell) for cell in cells))
    rows = list(csv.DictReader(StringIO(table, newline="")))
    assert [row["actor"] for row in rows] == [*(f"'{cell}" for cell in cells[:-1]), cells[-1]]
    assert {row["approvers"] for row in rows} == {"bob; eve"}
