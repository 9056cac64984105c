"""Logged models, which MLflow 3 keeps beside the runs that logged them."""

from __future__ import annotations

from mlgitops.core.evaluated import Measurement
from mlgitops.registry.answers.form import Form, Moment, Pair, mapping
from mlgitops.registry.api import LoggedRow


class LoggedInfo(Form, frozen=True):
    """What MLflow itself keeps of a logged model."""

    model_id: str
    experiment_id: str
    artifact_uri: str
    source_run_id: str = ""


class LoggedMetric(Form, frozen=True):
    """A value of a metric of a logged model."""

    key: str
    value: float
    dataset_name: str = ""
    dataset_digest: str = ""
    timestamp: Moment = 0
    step: int = 0
    run_id: str = ""

    def row(self) -> Measurement:
        """What of it is used."""
        return Measurement(
            metric=self.key,
            value=self.value,
            dataset=self.dataset_name,
            digest=self.dataset_digest,
            logged=self.timestamp,
            step=self.step,
            run_id=self.run_id,
        )


class LoggedData(Form, frozen=True):
    """What was logged to a model."""

    metrics: tuple[LoggedMetric, ...] = ()
    params: tuple[Pair, ...] = ()


class Logged(Form, frozen=True):
    """A logged model."""

    info: LoggedInfo
    data: LoggedData = LoggedData()

    def row(self) -> LoggedRow:
        """What of it is used."""
        return LoggedRow(
            model_id=self.info.model_id,
            experiment=self.info.experiment_id,
            run_id=self.info.source_run_id or None,
            location=self.info.artifact_uri,
            measured=tuple(one.row() for one in self.data.metrics),
            params=mapping(self.data.params),
        )


class OneLogged(Form, frozen=True):
    """`logged-models/ID`."""

    model: Logged


class ManyLogged(Form, frozen=True):
    """`logged-models/search`."""

    models: tuple[Logged, ...] = ()
