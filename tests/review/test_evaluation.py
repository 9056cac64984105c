"""`evaluation` of models.yaml: held-out rows for versions that no recipe made."""

from __future__ import annotations

import json
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import mlflow
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from mlgitops.core.desired import Evaluation
from mlgitops.core.record import DECISION, text
from mlgitops.core.signature import Column, Signature
from mlgitops.errors import DataError, Where
from mlgitops.review import heldout, rows, tables
from mlgitops.review.heldout import Declared
from tests.registry.certificates import make

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Team

pytestmark = pytest.mark.xdist_group("farm")

WHERE = Where(file="models.yaml", line=7, column=5)
TAKES_X = Signature(inputs=(Column(name="x", type="double"),), outputs=None)
DAYS = pd.DataFrame(
    {
        "day": [f"2026-03-{day:02}" for day in range(1, 32)],
        "x": [float(day) for day in range(31)],
        "power": [2.5 * day for day in range(31)],
    }
)
FILE = """
version: 2
models:
  bought:
    evaluation: {data: data/holdout.csv, target: power}
    gates:
      Production: [{max_latency: 60s}]
    stages: {Production: 1}
"""


def declared(folder: Path, data: str, target: str = "power") -> Declared:
    """What models.yaml in a folder names."""
    named = Evaluation(data=data, target=target, where=WHERE)
    return Declared(evaluation=named, folder=folder)


@pytest.fixture
def bought(team: Team) -> Team:
    """Two versions of a model that plain MLflow code logged, and rows to judge them by."""
    (team.folder / "data").mkdir()
    DAYS.to_csv(team.folder / "data" / "holdout.csv", index=False)
    mlflow.set_tracking_uri(team.uri)
    team.client.create_experiment("e", artifact_location=(team.folder / "artifacts").as_uri())
    mlflow.set_experiment("e")
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    for slope in (2.0, 3.0):
        with mlflow.start_run():
            mlflow.sklearn.log_model(
                LinearRegression().fit(frame, slope * frame["x"]),
                name="model",
                input_example=frame,
                registered_model_name="bought",
                pip_requirements=["mlflow"],
            )
    team.file.write_text(FILE, encoding="utf-8")
    return team


def test_versions_without_a_recipe_are_judged_by_the_rows_of_the_file(bought: Team) -> None:
    """By its true values, by day; its digest is in the report and in the record of the apply."""
    digest = f"sha256:{sha256((bought.folder / 'data/holdout.csv').read_bytes()).hexdigest()}"
    found = bought.ok("compare", "bought", "1", "2", "--format", "json").document
    predictions = found["predictions"]
    assert predictions["source"] == f"31 held-out rows of holdout.csv ({digest[:19]})"
    assert found["evaluation"] == digest
    scores = {one["name"]: (one["old"], one["new"]) for one in predictions["scores"]}
    assert scores["mae"] == pytest.approx((7.5, 7.5))
    assert predictions["movers"][0]["row"] == "2026-03-31"

    assert record(bought)["evaluation"] == digest


def record(team: Team) -> Any:
    """What an apply recorded of its one change."""
    applied = team.ok("apply", "--format", "json").document
    run = team.client.get_run(applied["record"]["run_id"])
    (change,) = json.loads(text(DECISION, run.data.params))["changes"]
    return change


def test_parquet_has_the_rows_that_csv_has(tmp_path: Path) -> None:
    """And its own types; rows without a true value are left out."""
    frame = DAYS.assign(power=DAYS["power"].where(DAYS.index > 0))
    frame.to_csv(tmp_path / "h.csv", index=False)
    frame.assign(day=pd.to_datetime(frame["day"])).to_parquet(tmp_path / "h.parquet")
    one, other = (heldout.read(declared(tmp_path, f"h.{kind}"), [TAKES_X]) for kind in KINDS)
    assert (len(one.features), list(one.features.columns)) == (30, ["x"])
    assert one.digest != other.digest
    assert one.features.equals(other.features)
    assert (one.actual == other.actual).all()


KINDS = ("csv", "parquet")


def test_a_date_that_a_version_takes_is_no_label(tmp_path: Path) -> None:
    """It is a feature, and rows have numbers."""
    DAYS.to_csv(tmp_path / "h.csv", index=False)
    takes = Signature(inputs=(Column(name="day", type="string"),), outputs=None)
    found = heldout.read(declared(tmp_path, "h.csv"), [TAKES_X, takes])
    assert list(found.features.columns) == ["day", "x"]


def test_rows_of_a_day_are_told_by_their_hours(tmp_path: Path) -> None:
    """Midnights are days."""
    hours = pd.date_range("2024-01-01", periods=2, freq="12h")
    pd.DataFrame({"day": hours, "x": [1, 2], "power": [1, 2]}).to_csv(
        tmp_path / "h.csv", index=False
    )
    found = heldout.read(declared(tmp_path, "h.csv"), [TAKES_X])
    labels = rows._of_file(found, ()).labels  # noqa: SLF001 - what `choose` gives of a file
    assert labels == ("2024-01-01", "2024-01-01T12:00:00")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("none.csv", "none.csv cannot be read: No such file or directory"),
        ("empty.csv", "empty.csv is not a table"),
        ("bad.parquet", "bad.parquet is not a table"),
        ("h.csv", "h.csv has no column 'power'; write another `target`"),
    ],
)
def test_what_is_wrong_with_the_data_is_told_with_its_place(
    tmp_path: Path, data: str, said: str
) -> None:
    """Of models.yaml, so that a reviewer can correct it."""
    (tmp_path / "h.csv").write_text("x\n1\n", encoding="utf-8")
    for name in ("empty.csv", "bad.parquet"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=rf"^models\.yaml:7:5: .*{said}"):
        heldout.read(declared(tmp_path, data), [TAKES_X])


def test_a_proposed_file_cannot_have_other_files_of_the_machine_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by a path nor by a link; only what the machine's owner names."""
    inside, outside = tmp_path / "repository", tmp_path / "secret.csv"
    inside.mkdir()
    outside.write_text("power\n1\n", encoding="utf-8")
    (inside / "link.csv").symlink_to(outside)
    for path in ("../secret.csv", str(outside), "link.csv"):
        with pytest.raises(DataError, match="is not in the folder of models"):
            tables.read(path, inside)
    monkeypatch.setenv(tables.ROOTS, str(tmp_path))
    assert list(tables.read(str(outside), inside).frame["power"]) == [1]


def test_a_proposed_file_cannot_have_addresses_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None but those of hosts that the machine's owner names: no service within is reached."""
    listening = "127.0.0.1:1"
    for host in ("169.254.169.254", listening, "localhost", "data.example.org"):
        with pytest.raises(DataError, match="a host that this machine reads no data from; "):
            tables.read(f"https://{host}/latest.csv", tmp_path)
    monkeypatch.setenv(tables.ROOTS, f"/srv, https://{listening}")
    with pytest.raises(DataError, match=r"GET https://127\.0\.0\.1:1/a\.csv: .*refused"):
        tables.read(f"https://{listening}/a.csv", tmp_path)


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and logs nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_an_address_of_a_named_host_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TLS that is verified, with the digest of what came; a file that is not there is told."""
    DAYS.to_csv(tmp_path / "h.csv", index=False)
    certificates = make(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    handler = partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = certificates.context().wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        host = f"https://127.0.0.1:{server.server_port}"
        monkeypatch.setenv(tables.ROOTS, host)
        found = tables.read(f"{host}/h.csv", tmp_path / "none")
        with pytest.raises(DataError, match=r"none\.csv answered 404"):
            tables.read(f"{host}/none.csv", tmp_path)
        server.shutdown()
    assert found.frame.equals(DAYS)
    assert found.digest == tables.read("h.csv", tmp_path).digest


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("http://data.example.org/a.csv", "must begin with https://"),
        ("file:///etc/passwd.csv", "must begin with https://"),
        ("https://ada:s3cret@data.example.org/a.csv", "must have no login, query or fragment"),
        ("https://data.example.org/a.csv?sig=s3cret", "must have no login, query or fragment"),
        ("holdout.xlsx", "must end with .csv or .parquet"),
    ],
)
def test_validate_refuses_places_that_no_machine_reads(team: Team, data: str, said: str) -> None:
    """Offline, with the line, and without a secret that stands in an address."""
    team.file.write_text(FILE.replace("data/holdout.csv", json.dumps(data)), encoding="utf-8")
    ran = team.run("validate")
    assert ran.code == 1
    assert "models.yaml:5:" in ran.err
    assert said in ran.err
    assert "s3cret" not in ran.err + ran.out


def test_a_measurement_on_other_rows_does_not_count() -> None:
    """What a check of a pull request measured is of the rows that models.yaml named then."""
    from mlgitops.core import measured
    from mlgitops.core.plan import Action, Change
    from tests.report.made import REGRESSION

    change = Change(
        model="m", stage="Production", action=Action.REPLACE, old=1, new=2, move=1, carrier=2
    )
    named = [None, *(Evaluation(data=n, target="y", where=WHERE) for n in ("a.csv", "b.csv"))]
    subjects = {measured.subject(change, REGRESSION.old, REGRESSION.new, one) for one in named}
    assert len(subjects) == len(named)
