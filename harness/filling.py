"""A registry with everything that people put into one, written by MLflow's own client."""

from __future__ import annotations

import math
import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import sqlalchemy
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlflow import MlflowClient
    from mlflow.entities import Run

ODD_NAMES = (
    *("Sales Forecast", "Prévision ventes", "it's", 'say "hi"', "100%", "a&b", "a+b", "a#b"),
    *("a?b=c", "a\\b", "<b>", "{x}", "日本語", "😀 model", "-", "name with  two spaces"),
)
CROWD = 25  # versions of "crowded": more than a page of the tests
_MLMODEL = """\
flavors: {}
signature:
  inputs: '[{"type": "double", "name": "wind", "required": true}]'
  outputs: '[{"type": "double", "required": true}]'
"""


@dataclass(kw_only=True)
class Filling:
    """Fills one registry, always with the same.

    Attributes:
        client: MLflow's own client of it.
        database: the address of the server's database, for what no client can make.
        outputs: whether the server knows models that runs log (MLflow 3).
        experiment: the id of the experiment that its runs are in.
        runs: their names → ids.
    """

    client: MlflowClient
    database: str
    outputs: bool
    experiment: str = "0"
    runs: dict[str, str] = field(default_factory=dict)

    def everything(self) -> None:
        """All that there is below."""
        for make in (
            *(self._odd_names, self._crowded, self._classic, self._tagged, self._trained),
            *(self._statuses, self._deleted, self._prompts, self._stamped),
        ):
            make()

    def version(
        self, model: str, *, run: str | None = None, tags: Mapping[str, str] | None = None
    ) -> int:
        """Register a version, of a run or of none."""
        run_id = self.runs[run] if run else None
        made = self.client.create_model_version(
            model,
            f"{self._artifacts(run)}/model" if run else "s3://bucket/model",
            run_id=run_id,
            tags=dict(tags or {}),
            await_creation_for=0,
        )
        return int(made.version)

    def model(self, name: str, versions: int = 0, **options: Any) -> None:
        """Register a model with versions of no run."""
        self.client.create_registered_model(name, **options)
        for _ in range(versions):
            self.version(name)

    def stage(self, model: str, number: int, stage: str) -> None:
        """Move a version to a classic stage."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            self.client.transition_model_version_stage(model, str(number), stage)

    def run(
        self,
        name: str,
        *,
        metrics: Mapping[str, Sequence[float]],
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        datasets: Sequence[tuple[str, str]] = (),
    ) -> Run:
        """A run that ended, with each metric's values in the order of their steps."""
        run = self.client.create_run(self.experiment, start_time=1_700_000_000_000, run_name=name)
        self.runs[name] = run_id = run.info.run_id
        measured = [
            Metric(key, value, 1_700_000_000_000 + step, step)
            for key, values in metrics.items()
            for step, value in enumerate(values)
        ]
        self.client.log_batch(run_id, metrics=measured)
        for key, text in (params or {}).items():
            self.client.log_param(run_id, key, text)
        for key, text in (tags or {}).items():
            self.client.set_tag(run_id, key, text)
        inputs = [
            DatasetInput(
                Dataset(name=context, digest=digest, source_type="local", source="{}"),
                [InputTag("mlflow.data.context", context)],
            )
            for context, digest in datasets
        ]
        if inputs:
            self.client.log_inputs(run_id, datasets=inputs)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "MLmodel").write_text(_MLMODEL)
            self.client.log_artifacts(run_id, folder, "model")
        self.client.set_terminated(run_id, end_time=1_700_000_012_345)
        return run

    def _artifacts(self, run: str) -> str:
        return str(self.client.get_run(self.runs[run]).info.artifact_uri)

    def _odd_names(self) -> None:
        for name in ODD_NAMES:
            self.model(name, 2, description=f"of {name}\nin two lines", tags={"name": name})
            self.client.set_registered_model_alias(name, "champion", "1")
            self.client.set_registered_model_alias(name, "production", "2")
        self.model("empty")

    def _crowded(self) -> None:
        self.model("crowded", CROWD)
        for number in range(1, CROWD + 1):
            self.client.set_registered_model_alias("crowded", f"A-{number}_b", str(number))

    def _classic(self) -> None:
        self.model("classic", 6)
        stages = ("Production", "Staging", "Production", "Archived", "Staging")
        for number, stage in enumerate(stages, start=1):
            self.stage("classic", number, stage)
        self.client.set_registered_model_alias("classic", "production", "1")
        self.model("classic-only", 2)
        self.stage("classic-only", 1, "Production")

    def _tagged(self) -> None:
        long = {"plain": "x", "a/b c:d.e": "lines\nand\ttabs 😀", "long": "é" * 2400, "empty": ""}
        self.model("tagged", tags=long)
        self.version("tagged", tags=long)
        self.client.update_model_version("tagged", "1", description="of a version")

    def _trained(self) -> None:
        """Runs with everything that a run can have, and several that register one model."""
        self.run(
            "good",
            metrics={"rmse": [3.0, 2.0, 1.5], "nan": [math.nan], "big": [1e300], "one": [1]},
            params={"alpha": "0.1", "na me": "ä\nb"},
            tags={"mlflow.source.git.commit": "c" * 40, "team": "ünï"},
            datasets=[("train", "aaa"), ("test", "bbb")],
        )
        self.run("infinite", metrics={"up": [math.inf], "down": [-math.inf]})
        self.run("bare", metrics={})
        self.run("removed", metrics={"rmse": [9.0]})
        self.model("trained")
        for run in ("good", "infinite", "bare", "removed", "good"):
            self.version("trained", run=run, tags={"mlgitops.recipe": f"recipe of {run}"})
        self.client.delete_run(self.runs["removed"])
        if self.outputs:
            bare = self.runs["bare"]
            logged = self.client.create_logged_model(self.experiment, "m", source_run_id=bare)
            self.client.log_outputs(bare, models=[LoggedModelOutput(logged.model_id, step=0)])
            # whatever a client is told, it looks for logged models there
            mlflow.set_tracking_uri(self.client.tracking_uri)
            self._checkpoints()
            mlflow.set_tracking_uri(None)  # type: ignore[arg-type]

    def _checkpoints(self) -> None:
        """Two models of one run, one of none, and a copy."""
        run = self.run("twice", metrics={"epochs": [2]}, datasets=[("test", "bbb")]).info.run_id
        self.model("checkpoints")
        for step, source_run in enumerate((run, run, None)):
            logged = self.client.create_logged_model(
                self.experiment, f"m{step}", source_run_id=source_run, params={"step": str(step)}
            )
            if source_run:
                output = LoggedModelOutput(logged.model_id, step=step)
                self.client.log_outputs(run, models=[output])
            measured = Metric("rmse", 3 - step, 1_700_000_000_000, step, logged.model_id)
            self.client.log_batch(run, metrics=[measured])
            self.client.create_model_version(
                "checkpoints",
                f"models:/{logged.model_id}",
                source_run,
                model_id=logged.model_id,
                await_creation_for=0,
            )
        self.client.copy_model_version("models:/checkpoints/1", "checkpoints")

    def _statuses(self) -> None:
        """Versions whose registration did not end: no client can make them."""
        self.model("pending", 3)
        engine = sqlalchemy.create_engine(self.database)
        with engine.begin() as connection:
            for number, status in ((2, "PENDING_REGISTRATION"), (3, "FAILED_REGISTRATION")):
                connection.execute(
                    sqlalchemy.text(
                        "UPDATE model_versions SET status = :status "
                        "WHERE name = 'pending' AND version = :number"
                    ),
                    {"status": status, "number": number},
                )
        engine.dispose()

    def _deleted(self) -> None:
        self.model("holes", 4)
        self.client.set_registered_model_alias("holes", "gone", "2")
        for number in ("2", "4"):
            self.client.delete_model_version("holes", number)
        self.model("deleted", 1)
        self.client.delete_registered_model("deleted")

    def _prompts(self) -> None:
        for _ in range(2):
            self.client.register_prompt("a-prompt", "Say {{word}}")

    def _stamped(self) -> None:
        """Tags that look like stamps but are none."""
        self.model("stamped", 2)
        for number, text in enumerate(("no JSON", '{"production": {"move": 0}}'), start=1):
            self.client.set_model_version_tag("stamped", str(number), "mlgitops.stages", text)
