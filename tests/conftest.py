"""Shared fixtures: a real registry for every test, made quickly by copying a migrated database."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.registry.both", "tests.registry.injected")

from tests.proxy import Proxy, proxy  # noqa: E402
from tests.team import Team  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlgitops.registry.embedded import Embedded


# machines are slow at times, and that says nothing of what is tested
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _PATIENT, max_examples=30)
settings.register_profile("thorough", _PATIENT)

# begun last, any of these would leave all workers but one without work for minutes
_LONGEST = (
    *("stack/test_loop.py", "stack/test_deploy.py", "stack/test_image.py"),
    *("stack/test_from_mlflow.py", "stack/test_company.py"),
    *("stack/test_database_faults.py", "stack/test_s3.py", "stack/test_data.py"),
    *("core/test_faults.py", "core/test_plan.py", "recipes/test_plain.py"),
    "recipes/test_dask.py",
    *("serve/test_smoke.py", "serve/test_server.py"),
)


# fixture → the group of its tests: a worker that ran one of them alone would make it once more
_GROUPS = {"server": "server", "trained": "farm"}


_LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What takes minutes, and whose essence a quicker test holds, is asked for."""
    parser.addoption("--thorough", action="store_true", help="run the tests that take minutes, too")


def pytest_configure(config: pytest.Config) -> None:
    """How many examples a property is tried with that does not say it itself."""
    settings.load_profile("thorough" if config.getoption("--thorough") else "quick")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest tests first; those that share what is made slowly, in one process."""
    if not config.getoption("--thorough"):
        long = [item for item in items if "thorough" in item.keywords]
        items[:] = [item for item in items if item not in long]
        config.stash[_LEFT_OUT] = len(long)
        config.hook.pytest_deselected(items=long)
    for item in items:
        used = [name for name in _GROUPS if name in getattr(item, "fixturenames", ())]
        if used and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_GROUPS[used[-1]]))

    def rank(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next(
            (n for n, name in enumerate(_LONGEST) if path.endswith(f"tests/{name}")), len(_LONGEST)
        )

    items.sort(key=rank)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of xdist tells the one that reports how many tests it left out."""
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told["left_out"] = session.config.stash.get(_LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every process has left out the same."""
    node.config.stash[_LEFT_OUT] = node.workeroutput.get("left_out", 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """A run that left tests out says so."""
    if count := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(f"thorough tests left out: {count}; -- --thorough runs them")


@pytest.fixture(autouse=True)
def _no_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the variables of the machine it runs on."""
    for name in (
        "MLFLOW_REGISTRY_URI",
        "MLFLOW_TRACKING_URI",
        "MLFLOW_TRACKING_USERNAME",
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_TOKEN",
        "MLFLOW_WORKSPACE",
        "MLGITOPS_ACTOR",
        "MLGITOPS_ARTIFACT_ROOT",
        "MLGITOPS_APPROVERS",
        "MLGITOPS_APPROVERS_TOKEN",
        "MLGITOPS_AUTHORS",
        "MLGITOPS_COMMIT",
        "MLGITOPS_CACHE_MB",
        "MLGITOPS_DASK",
        "MLGITOPS_DATA_ROOT",
        "MLGITOPS_OWNER",
        "MLGITOPS_PULL_REQUEST",
        "MLGITOPS_LABELS",
        "MLGITOPS_LOGIN",
        "MLGITOPS_ROLLBACK",
        "MLGITOPS_ROLLBACK_VERSION",
        "MLGITOPS_WEBHOOK_URL",
        "GITHUB_ACTIONS",
        "GITHUB_ACTOR",
        "GITHUB_ENV",
        "GITHUB_OUTPUT",
        "GITHUB_SHA",
        "NO_COLOR",
        "FORCE_COLOR",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLGITOPS_CACHE", "false")  # that of whoever runs the tests
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture(autouse=True)
def _nothing_of_mlflow_is_left() -> Iterator[None]:
    """What a test set for MLflow's own functions is not set for the next one."""
    yield
    if fluent := sys.modules.get("mlflow.tracking.fluent"):
        import mlflow

        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
        mlflow.set_registry_uri("")
        vars(fluent)["_active_experiment_id"] = None
        for name in ("EXPERIMENT_ID", "REGISTRY_URI", "TRACKING_URI"):
            os.environ.pop(f"MLFLOW_{name}", None)  # which MLflow sets for processes that it starts


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An apply that gives no sign of life for a tenth of a second is gone."""
    from mlgitops.core import turn

    monkeypatch.setattr(turn, "PACE", turn.Pace(ask=0.01, silent=10))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty registry's database; migrating one takes seconds, copying it does not."""
    from mlgitops.registry.connect import connect
    from mlgitops.registry.embedded import Embedded

    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # by all workers
    embedded = Embedded(folder=shared / "migrated")
    with (shared / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # those who come later find it made
        if not embedded.folder.exists():
            embedded.folder.mkdir()
            connect(embedded.uri).held()
    return embedded.folder / "mlflow.db"


def _team(database: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> Team:
    """A team in a folder, with a copy of a database as its embedded registry."""
    state = folder / ".mlgitops"
    state.mkdir()
    shutil.copy(database, state / "mlflow.db")
    return Team(folder=folder, uri=f"sqlite:///{state / 'mlflow.db'}", capsys=capsys)


@pytest.fixture
def team(
    migrated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Team:
    """A folder with a models.yaml and a registry of its own, and the commands of a team."""
    monkeypatch.chdir(tmp_path)
    return _team(migrated, tmp_path, capsys)


@pytest.fixture(scope="session")
def server(
    migrated: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Embedded]]:
    """MLflow's own tracking server and its folder; one for all tests, each with its own models."""
    from mlgitops.registry.embedded import Embedded
    from mlgitops.registry.embedded import server as run

    embedded = Embedded(folder=tmp_path_factory.mktemp("served"))
    shutil.copy(migrated, embedded.folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        # of experiments whose artifacts go through the server: mlflow-artifacts:/
        patch.setenv("MLFLOW_ARTIFACTS_DESTINATION", (embedded.folder / "proxied").as_uri())
        # webhooks go to this machine, and to those that are registered now
        patch.setenv("MLFLOW_WEBHOOK_ALLOWED_SCHEMES", "http,https")
        patch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
        patch.setenv("MLFLOW_WEBHOOK_CACHE_TTL", "0")
        with run(embedded) as url:
            yield url, embedded


@pytest.fixture
def proxied(server: tuple[str, Embedded]) -> Iterator[Proxy]:
    """A proxy before the server."""
    with proxy(server[0]) as made:
        yield made


def cloned(folder: Path, origin: str = "https://git.example.org/wind/models.git") -> None:
    """Make a folder a clone of a repository: whose origin says who manages the stages."""
    for command in (["init", "--quiet"], ["remote", "add", "origin", origin]):
        subprocess.run(["git", "-C", folder, *command], check=True)


@pytest.fixture
def remote(
    proxied: Proxy,
    server: tuple[str, Embedded],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Team]:
    """A team whose registry is the server, through the proxy; set-up goes to its database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxied.url)
    # with the folders of tests that asked the database itself
    monkeypatch.setenv("MLGITOPS_ARTIFACT_ROOT", str(server[1].folder.parent))
    cloned(tmp_path)
    team = Team(folder=tmp_path, uri=server[1].uri, capsys=capsys)
    yield team
    for model in team.client.search_registered_models():
        team.client.delete_registered_model(model.name)  # the next test shares the server
    for prompt in team.client.search_prompts():
        team.client.delete_prompt(prompt.name)


RECIPES = """
models:
  power-forecasting-model:
    versions:
      1: {train: power_forecasting, params: {estimator: linear}}
      2: {train: power_forecasting, params: {estimator: gradient_boosting, max_iter: 60}}
      3:
        train: power_forecasting
        params:
          estimator: linear
          features: [temperature_00, wind_direction_00, wind_speed_00, wind_speed_08]
    stages: {}
  tumour-diagnosis-model:
    versions:
      1: {train: tumour_diagnosis, params: {estimator: logistic_regression}}
    stages: {}
"""


@pytest.fixture(scope="session")
def trained(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with four real versions, trained on the synthetic sample and registered."""
    from mlgitops.cli import run
    from mlgitops.system.modules import forget

    forget("training")  # a test may have imported that of another folder
    folder = tmp_path_factory.mktemp("trained")
    shutil.copy(migrated, folder / "mlflow.db")
    (folder / "models.yaml").write_text(RECIPES, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("WINDFARM_DATA", raising=False)
        patch.setenv("MLFLOW_TRACKING_URI", "")
        assert run(["train", "--state", ".", "--jobs", "1"]) == 0
    return folder / "mlflow.db"


@pytest.fixture
def farm(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Team:
    """A team that has real versions; their artifacts are shared by all tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WINDFARM_DATA", raising=False)  # they were trained on the sample
    return _team(trained, tmp_path, capsys)


@pytest.fixture(scope="session")
def database(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of a database for tests that track runs, each in an experiment of its own."""
    folder = tmp_path_factory.mktemp("mlflow")
    shutil.copy(migrated, folder)
    return f"sqlite:///{folder / migrated.name}"


@pytest.fixture
def experiment(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Track in the database; the name of a new experiment with its artifacts in a folder."""
    import mlflow

    monkeypatch.delenv("WINDFARM_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(database)
    mlflow.set_registry_uri("")
    mlflow.create_experiment(tmp_path.name, artifact_location=(tmp_path / "artifacts").as_uri())
    yield tmp_path.name
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
