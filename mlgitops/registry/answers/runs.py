"""Runs and experiments."""

from __future__ import annotations

from mlgitops.core.version import DatasetUse
from mlgitops.registry.answers.form import Form, Moment, Paged, Pair, mapping
from mlgitops.registry.api import CONTEXT, Page, RunRow


class Metric(Form, frozen=True):
    """The last value of a metric of a run."""

    key: str
    value: float


class Dataset(Form, frozen=True):
    """A data set."""

    name: str
    digest: str
    source: str = ""
    schema: str = ""


class DatasetInput(Form, frozen=True):
    """What a run used a data set for."""

    dataset: Dataset
    tags: tuple[Pair, ...] = ()

    def row(self) -> DatasetUse:
        """What of it is used."""
        return DatasetUse(
            name=self.dataset.name,
            digest=self.dataset.digest,
            context=mapping(self.tags).get(CONTEXT, ""),
            source=self.dataset.source,
            schema=self.dataset.schema,
        )


class RunInfo(Form, frozen=True):
    """What MLflow itself keeps of a run."""

    run_id: str
    experiment_id: str
    status: str = "RUNNING"
    artifact_uri: str = ""
    start_time: Moment | None = None
    end_time: Moment | None = None


class RunData(Form, frozen=True):
    """What was logged to a run."""

    metrics: tuple[Metric, ...] = ()
    params: tuple[Pair, ...] = ()
    tags: tuple[Pair, ...] = ()


class RunInputs(Form, frozen=True):
    """What a run read."""

    dataset_inputs: tuple[DatasetInput, ...] = ()


class ModelOutput(Form, frozen=True):
    """A model that a run logged."""

    model_id: str


class RunOutputs(Form, frozen=True):
    """What a run made."""

    model_outputs: tuple[ModelOutput, ...] = ()


class Run(Form, frozen=True):
    """A run."""

    info: RunInfo
    data: RunData = RunData()
    inputs: RunInputs = RunInputs()
    outputs: RunOutputs = RunOutputs()

    def row(self) -> RunRow:
        """What of it is used."""
        return RunRow(
            run_id=self.info.run_id,
            experiment=self.info.experiment_id,
            begun=self.info.start_time or None,
            ended=self.info.end_time or None,
            status=self.info.status,
            artifacts=self.info.artifact_uri,
            metrics={one.key: one.value for one in self.data.metrics},
            params=mapping(self.data.params),
            tags=mapping(self.data.tags),
            datasets=tuple(one.row() for one in self.inputs.dataset_inputs),
            models=tuple(one.model_id for one in self.outputs.model_outputs),
        )


class OneRun(Form, frozen=True):
    """`runs/get` and `runs/create`."""

    run: Run


class Runs(Paged, frozen=True):
    """`runs/search`."""

    runs: tuple[Run, ...] = ()

    def page(self) -> Page[RunRow]:
        """Its rows."""
        return self.holding([one.row() for one in self.runs])


class Experiment(Form, frozen=True):
    """An experiment; what `experiments/create` answers too."""

    experiment_id: str


class OneExperiment(Form, frozen=True):
    """`experiments/get-by-name`."""

    experiment: Experiment


class Experiments(Paged, frozen=True):
    """`experiments/search`."""

    experiments: tuple[Experiment, ...] = ()

    def page(self) -> Page[str]:
        """Their ids."""
        return self.holding([one.experiment_id for one in self.experiments])
