"""What was recorded of a version is its logged model's, else its run's, whoever is asked."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric

from mlgitops.core.version import DatasetUse
from mlgitops.registry.connect import connect
from tests.proxy import Answered
from tests.registry import both

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlflow import MlflowClient

    from mlgitops.core.version import Version
    from tests.proxy import Asked, PassOn, Proxy
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("server")

_NOW = 1_700_000_000_000
_TRAIN, _TEST, _OTHER = ("wind", "aaa"), ("wind", "bbb"), ("wind", "ccc")


@dataclass(frozen=True, kw_only=True)
class Team3:
    """A team that works as MLflow 3 has it: runs log models, metrics are logged to models."""

    team: Team
    client: MlflowClient
    url: str

    def run(
        self,
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, str] | None = None,
        data: Sequence[tuple[tuple[str, str], str]] = (),
    ) -> str:
        """A run that ended after a second."""
        run_id = str(self.client.create_run("0", start_time=_NOW).info.run_id)
        self.measure(run_id, metrics or {})
        for name, text in (params or {}).items():
            self.client.log_param(run_id, name, text)
        inputs = [
            DatasetInput(
                Dataset(name=name, digest=digest, source_type="local", source="{}"),
                [InputTag("mlflow.data.context", context)],
            )
            for (name, digest), context in data
        ]
        self.client.log_inputs(run_id, datasets=inputs)
        self.client.set_terminated(run_id, end_time=_NOW + 1000)
        return run_id

    def measure(
        self,
        run_id: str,
        metrics: Mapping[str, float],
        model: str | None = None,
        *,
        on: tuple[str, str] | None = None,
        step: int = 0,
    ) -> None:
        """Log metrics to a run, and to a model with it."""
        name, digest = on or (None, None)
        self.client.log_batch(
            run_id,
            [
                Metric(metric, value, _NOW + step, step, model, name, digest, run_id)
                for metric, value in metrics.items()
            ],
        )

    def logged(self, run_id: str | None, params: Mapping[str, str] | None = None) -> str:
        """A logged model, of a run or of none; its id."""
        made = self.client.create_logged_model("0", source_run_id=run_id, params=dict(params or {}))
        if run_id:
            self.client.log_outputs(run_id, [LoggedModelOutput(made.model_id, 0)])
        return str(made.model_id)

    def register(self, logged: str, run_id: str | None = None, *, source: str | None = None) -> int:
        """Register a version of a logged model."""
        model = "wind"
        if not self.client.search_registered_models(f"name='{model}'"):
            self.client.create_registered_model(model)
        made = self.client.create_model_version(
            model,
            source or f"models:/{logged}",
            run_id,
            model_id=logged or None,
            await_creation_for=0,
        )
        return int(made.version)

    def evidence(self, number: int, model: str = "wind") -> Version:
        """What is recorded of a version: the same by HTTP, MLflow's client and in the database.

        So it is among many versions that are asked for at once.
        """
        found = []
        for registry in (
            both.over_http(self.url),
            both.over_client(self.url),
            connect(self.team.uri),
        ):
            bare = registry.version(model, number)
            assert bare is not None
            known = registry.evidence(bare)
            (listed,) = registry.all_evidence({(model, number): bare}).values()
            assert both.plain(listed) == both.plain(known)
            found.append(known)
        assert both.plain(found[0]) == both.plain(found[1]) == both.plain(found[2])
        return found[0]


@pytest.fixture
def logging(remote: Team, proxied: Proxy) -> Team3:
    """The team; its client asks the server, which resolves what a version is registered from."""
    from mlflow import MlflowClient

    return Team3(team=remote, client=MlflowClient(proxied.url, proxied.url), url=proxied.url)


def test_two_checkpoints_of_a_run_have_each_their_own_metrics(logging: Team3) -> None:
    """The run has the last value of either; no version is judged by it."""
    run = logging.run()
    weak, strong = logging.logged(run), logging.logged(run)
    logging.measure(run, {"accuracy": 0.55}, weak)
    logging.measure(run, {"accuracy": 0.95}, strong, step=1)
    numbers = [logging.register(one, run) for one in (weak, strong)]

    found = [logging.evidence(number) for number in numbers]

    assert [one.metrics for one in found] == [{"accuracy": 0.55}, {"accuracy": 0.95}]
    assert [one.model_id for one in found] == [weak, strong]
    assert logging.client.get_run(run).data.metrics == {"accuracy": 0.95}


def test_a_gate_judges_a_checkpoint_by_its_own_metric(logging: Team3) -> None:
    """A plan refuses the weak one, although its run ended with a better value."""
    run = logging.run()
    weak, strong = logging.logged(run), logging.logged(run)
    logging.measure(run, {"accuracy": 0.55}, weak)
    logging.measure(run, {"accuracy": 0.95}, strong, step=1)
    for one in (weak, strong):
        logging.register(one, run)
    gate = "gates: {Production: [{metric: accuracy, min: 0.9}]}"

    for number, passes in ((1, False), (2, True)):
        logging.team.write(f"models:\n  wind: {{stages: {{Production: {number}}}, {gate}}}\n")
        (change,) = logging.team.run("plan", "--quick", "--format", "json").document["changes"]
        assert [verdict["result"] == "passed" for verdict in change["gates"]] == [passes]


def test_a_version_without_a_run_has_the_evidence_of_its_logged_model(logging: Team3) -> None:
    """It was evaluated by a run that did not log it."""
    model = logging.logged(None, {"depth": "3"})
    logging.measure(logging.run(), {"accuracy": 0.8}, model, on=_TEST)
    number = logging.register(model)

    found = logging.evidence(number)

    assert (found.run_id, found.seconds) == (None, None)
    assert (found.metrics, found.params) == ({"accuracy": 0.8}, {"depth": "3"})
    assert found.datasets == (DatasetUse(name="wind", digest="bbb", context="test"),)


def test_a_version_registered_without_its_run_has_that_of_its_logged_model(
    logging: Team3,
) -> None:
    """How long it took and what only the run says; MLflow's client leaves the run out as well."""
    run = logging.run({"rmse": 2.0}, {"alpha": "1"})
    model = logging.logged(run)
    number = logging.register(model)

    found = logging.evidence(number)

    assert (found.run_id, found.seconds, found.metrics) == (run, 1.0, {"rmse": 2.0})


def test_what_the_logged_model_has_wins_over_its_run(logging: Team3) -> None:
    """What only the run has counts, where the run logged no other model with metrics."""
    run = logging.run({"rmse": 2.0, "epochs": 7.0}, {"alpha": "1", "seed": "2"})
    model, other = logging.logged(run, {"alpha": "9"}), logging.logged(run)
    logging.measure(run, {"rmse": 1.0}, model)
    logging.measure(run, {"rmse": 3.0}, step=1)
    number = logging.register(model, run)

    alone = logging.evidence(number)
    logging.measure(run, {"r2": 0.1}, other, step=2)
    beside = logging.evidence(number)

    assert alone.metrics == {"rmse": 1.0, "epochs": 7.0}
    assert alone.params == {"alpha": "9", "seed": "2"}
    assert beside.metrics == {"rmse": 1.0}
    assert beside.params == alone.params


def test_a_model_without_metrics_gets_none_of_another_one(logging: Team3) -> None:
    """Neither does a version that the run keeps among its files, as MLflow 2 did."""
    run = logging.run()
    measured, bare = logging.logged(run), logging.logged(run)
    logging.measure(run, {"accuracy": 0.95}, measured)
    numbers = [logging.register(bare, run), logging.register("", run, source="s3://b/model")]

    assert [logging.evidence(number).metrics for number in numbers] == [{}, {}]
    logging.client.delete_logged_model(measured)
    assert logging.evidence(numbers[0]).metrics == {"accuracy": 0.95}


def test_the_data_is_what_the_metrics_were_measured_on(logging: Team3) -> None:
    """It takes the place of other data that the run used for the same; the rest is the run's."""
    run = logging.run(data=[(_TRAIN, "train"), (_TEST, "test"), (_OTHER, "test")])
    model, plain = logging.logged(run), logging.logged(run)
    logging.measure(run, {"accuracy": 0.9}, model, on=_OTHER)
    numbers = [logging.register(one, run) for one in (model, plain)]

    own, of_run = (logging.evidence(number).datasets for number in numbers)

    assert [(one.digest, one.context) for one in own] == [("ccc", "test"), ("aaa", "train")]
    assert [one.digest for one in of_run] == ["bbb", "ccc", "aaa"]


def test_the_last_value_of_a_metric_counts(logging: Team3) -> None:
    """Whichever run logged it last: a model may be evaluated again."""
    run, again = logging.run(), logging.run()
    model = logging.logged(run)
    for step, value in enumerate((0.1, 0.3, 0.2)):
        logging.measure(run, {"loss": value}, model, step=step)
    number = logging.register(model, run)
    assert logging.evidence(number).metrics == {"loss": 0.2}

    logging.measure(again, {"loss": 0.4}, model, step=5)

    assert logging.evidence(number).metrics == {"loss": 0.4}


def test_nan_of_a_logged_model_is_no_zero(logging: Team3) -> None:
    """MLflow stores it so; a loss of 0 would pass every gate."""
    run = logging.run()
    model = logging.logged(run)
    logging.measure(run, {"loss": math.nan, "none": 0.0}, model)

    found = logging.evidence(logging.register(model, run)).metrics

    assert (math.isnan(found["loss"]), found["none"]) == (True, 0.0)


def test_a_copy_has_the_evidence_of_what_it_was_copied_from(logging: Team3) -> None:
    """Also once that is gone, and where somebody registered the folder of a logged model."""
    run = logging.run()
    model, other = logging.logged(run), logging.logged(run)
    logging.measure(run, {"accuracy": 0.55}, model)
    logging.measure(run, {"accuracy": 0.95}, other, step=1)
    logging.register(model, run)
    copy = logging.client.copy_model_version("models:/wind/1", "calm")
    folder = logging.client.get_logged_model(model).artifact_location
    number = logging.register(model, run, source=folder)

    assert logging.evidence(int(copy.version), "calm").metrics == {"accuracy": 0.55}
    assert logging.evidence(number).metrics == {"accuracy": 0.55}
    logging.client.delete_registered_model("wind")
    assert logging.evidence(int(copy.version), "calm").metrics == {"accuracy": 0.55}


def test_a_version_and_its_logged_model_cost_a_request_each(logging: Team3, proxied: Proxy) -> None:
    """Six checkpoints at once cost as many requests as one."""
    run = logging.run()
    for step in range(6):
        model = logging.logged(run)
        logging.measure(run, {"accuracy": step / 100}, model, step=step)
        logging.register(model, run)
    registry = both.over_http(logging.url)
    bare = registry.version("wind", 3)
    assert bare is not None

    proxied.reset()
    registry.evidence(bare)
    assert len(proxied.seen) == 2
    proxied.reset()
    found = registry.all_evidence(registry.all_versions(["wind"])).values()

    assert len(proxied.seen) == 4  # versions, experiments, all runs, all logged models
    assert {one.number: one.metrics["accuracy"] for one in found} == {
        step + 1: step / 100 for step in range(6)
    }


def test_what_runs_recorded_of_many_models_comes_in_batches(logging: Team3, proxied: Proxy) -> None:
    """Runs of all experiments at once; logged models only where a run logged several."""
    for loss in (2.0, 1.0):
        run = logging.run({"rmse": loss})
        logging.register(logging.logged(run), run)
    shared = logging.run({"rmse": 9.0})
    for accuracy in (0.5, 0.75):
        model = logging.logged(shared)
        logging.measure(shared, {"accuracy": accuracy}, model)
        logging.register(model, shared)
    registry = both.over_http(logging.url)
    proxied.reset()

    found = registry.all_evidence(registry.all_versions(["wind"]), brief=True).values()

    assert len(proxied.seen) == 4  # versions, experiments, runs, logged models of the shared run
    assert {one.number: dict(one.metrics) for one in found} == {
        1: {"rmse": 2.0},
        2: {"rmse": 1.0},
        3: {"accuracy": 0.5},
        4: {"accuracy": 0.75},
    }


@pytest.mark.parametrize("search", ["logged-models/search", "runs/search"])
def test_what_no_search_finds_is_asked_for_one_by_one(
    logging: Team3, proxied: Proxy, search: str
) -> None:
    """Databricks has filters of its own."""
    run = logging.run({"rmse": 2.0})
    model = logging.logged(run)
    logging.measure(run, {"accuracy": 0.5}, model)
    logging.measure(run, {"accuracy": 0.7}, step=1)
    logging.register(model, run)

    def picky(asked: Asked, pass_on: PassOn) -> Answered:
        if search not in asked.path:
            return pass_on(asked)
        said = {"error_code": "INVALID_PARAMETER_VALUE", "message": "no such filter"}
        return Answered(status=400, kind="application/json", body=json.dumps(said).encode())

    proxied.meddle = picky

    registry = both.over_http(logging.url)
    (found,) = registry.all_evidence(registry.all_versions(["wind"])).values()

    assert found.metrics == {"rmse": 2.0, "accuracy": 0.5}
