"""What a team does in tests: edit models.yaml, run mlgitops, look into and meddle with MLflow."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlflow import MlflowClient


def declaring(stages: Iterable[str]) -> str:
    """The line of models.yaml that declares stages of a team's own, after MLflow's two."""
    return f"stages: {json.dumps(list(dict.fromkeys(('Staging', 'Production', *stages))))}\n"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed, as JSON; a report must have the form that is published."""
        from tests.report.published import check

        found = json.loads(self.out)
        if "kind" in found:
            check(found)
        return found


@dataclass(kw_only=True)
class Team:
    """One folder with models.yaml, one registry."""

    folder: Path
    uri: str
    capsys: pytest.CaptureFixture[str]
    _client: list[MlflowClient] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """models.yaml."""
        return self.folder / "models.yaml"

    def write(self, text: str) -> None:
        """Write models.yaml."""
        self.file.write_text(dedent(text), encoding="utf-8")

    def stages(self, model: str = "wind", **stages: int | None) -> None:
        """Write a models.yaml with one model and these stages."""
        lines = [f"      {name}: {'null' if v is None else v}" for name, v in stages.items()]
        body = "\n".join(lines) or "      {}"
        text = f"models:\n  {model}:\n    stages:\n{body}\n{declaring(stages)}"
        self.file.write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> Ran:
        """Run `mlgitops`, in this process."""
        from mlgitops.cli import run

        self.capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
                patch.setenv(name, os.environ.get(name, ""))  # a verb sets them for its children
            code = run(list(arguments))
        printed = self.capsys.readouterr()
        return Ran(code=code, out=printed.out, err=printed.err)

    def ok(self, *arguments: str) -> Ran:
        """Run `mlgitops`, which must succeed."""
        ran = self.run(*arguments)
        assert ran.code == 0, ran.out + ran.err
        return ran

    @property
    def client(self) -> MlflowClient:
        """MLflow's own client, as someone who goes around mlgitops would use it."""
        if not self._client:
            from mlflow import MlflowClient

            self._client.append(MlflowClient(tracking_uri=self.uri, registry_uri=self.uri))
        return self._client[0]

    def version(
        self,
        model: str = "wind",
        *,
        metrics: dict[str, float] | None = None,
        params: dict[str, str] | None = None,
    ) -> int:
        """Register a version with a run that has these metrics; returns its number."""
        run = self.client.create_run("0")
        run_id, source = run.info.run_id, f"{run.info.artifact_uri}/model"
        _payload(source).mkdir(parents=True)
        (_payload(source) / "MLmodel").write_text("flavors: {}\n", encoding="utf-8")
        for name, value in (metrics or {}).items():
            self.client.log_metric(run_id, name, value)
        for name, text in (params or {}).items():
            self.client.log_param(run_id, name, text)
        quote = '"' if "'" in model else "'"
        if not self.client.search_registered_models(f"name={quote}{model}{quote}"):
            self.client.create_registered_model(model)
        made = self.client.create_model_version(model, source, run_id=run_id, await_creation_for=0)
        return int(made.version)

    def payload(self, number: int, model: str = "wind") -> Path:
        """The folder that holds a version's payload."""
        return _payload(self.client.get_model_version_download_uri(model, str(number)))

    def versions(self, count: int, model: str = "wind") -> None:
        """Register several versions."""
        for _ in range(count):
            self.version(model)

    def aliases(self, model: str = "wind") -> dict[str, int]:
        """Alias → version, as MLflow says."""
        found = self.client.get_registered_model(model).aliases
        return {alias: int(version) for alias, version in found.items()}

    def classic(self, stage: str, model: str = "wind") -> int | None:
        """The version that `models:/MODEL/STAGE` resolves to."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            found = self.client.get_latest_versions(model, [stage])
        return int(found[0].version) if found else None

    def tag(self, number: int, stage: str, model: str = "wind") -> dict[str, Any] | None:
        """The stamp of a stage on a version."""
        tags = self.client.get_model_version(model, str(number)).tags
        stamps = json.loads(tags.get("mlgitops.stages", "{}"))
        return stamps.get(stage.lower())  # type: ignore[no-any-return]

    def set_tag(self, number: int, stage: str, stamp: object, model: str = "wind") -> None:
        """Write another stamp of a stage on a version."""
        tags = self.client.get_model_version(model, str(number)).tags
        stamps = {**json.loads(tags.get("mlgitops.stages", "{}")), stage.lower(): stamp}
        text = json.dumps(stamps)
        self.client.set_model_version_tag(model, str(number), "mlgitops.stages", text)

    def move_by_hand(self, number: int, stage: str, model: str = "wind") -> None:
        """Move a classic stage as someone in MLflow's UI would."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            self.client.transition_model_version_stage(model, str(number), stage)


def _payload(uri: str) -> Path:
    """The folder that an address of a folder names."""
    return Path(uri.removeprefix("file://"))
