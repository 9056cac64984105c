"""Serving images, built and run for real."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.errors import ImageError, UsageError
from mlgitops.image import layer
from mlgitops.image.build import build
from mlgitops.image.container import running
from mlgitops.image.smoke import smoke
from mlgitops.image.spec import BuildOptions
from mlgitops.registry.connect import connect
from mlgitops.system import docker
from tests import wheels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlgitops.image.build import Built
    from tests.team import Team

pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(600)]

WIND = "power-forecasting-model"
SECRET = "s3cr3t-of-the-index"
LIGHTGBM = ("mlflow", "lightgbm", "scikit-learn", "skops")
MODULE = """
class Doubler:
    def double(self, frame):
        return frame["x"] * 2.0
"""
MODEL = """
import mlflow
from doubling import Doubler

class Doubling(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return Doubler().double(model_input)

mlflow.models.set_model(Doubling())
"""


@pytest.fixture
def made(farm: Team, repository: str) -> Callable[..., Built]:
    """Build the image of a version of the farm."""

    def one(wanted: str, model: str = WIND, **options: Any) -> Built:
        chosen = BuildOptions(repository=repository, **options)
        return build(connect(farm.uri), model, wanted, chosen)

    return one


def inspected(image: str) -> dict[str, Any]:
    """What Docker says of an image."""
    found: dict[str, Any] = json.loads(docker.run(["image", "inspect", image]))[0]
    return found


def left_by(image: str) -> str:
    """The containers and networks that a smoke test of an image has left; others may run theirs."""
    mine = ("--quiet", "--filter", f"label=mlgitops.smoke={image}")
    return docker.run(["ps", "--all", *mine]) + docker.run(["network", "ls", *mine])


def test_an_image_serves_as_promised(farm: Team, made: Callable[..., Built]) -> None:
    """Read-only, without privileges or a way out: every check passes; it tells what it is."""
    farm.stages(WIND, Production=2)
    farm.ok("apply")
    built = made("Production", commit="c0ffee")
    report = smoke(built.tags[0], requests_sent=6_000)
    assert [(c.request, c.actual) for c in report.failed] == []
    found = inspected(built.identity)["Config"]
    assert found["User"] == "10001:10001"
    assert found["Labels"]["mlgitops.digest"] == built.source.digest
    assert f"SERVING_DIGEST={built.source.digest}" in found["Env"]
    assert found["Labels"]["mlgitops.stage"] == "Production"
    assert found["Labels"]["org.opencontainers.image.revision"] == "c0ffee"
    assert built.tags[0].endswith(f":2-{built.source.digest[7:19]}")
    assert built.tags[1].endswith(":production")


def test_no_package_lacks_what_it_requires(made: Callable[..., Built]) -> None:
    """`pip check` of the packages in an image finds nothing: none was left out of their lock."""
    pip = ("--entrypoint", "pip", made("1").tags[0], "--python", "/venv/bin/python", "check")
    assert "No broken requirements found" in docker.run(["run", "--rm", "--network", "none", *pip])


def test_the_next_version_is_one_layer(
    made: Callable[..., Built], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is resolved, fetched or built for it, and all layers but the model's are shared."""
    one = inspected(made("1").identity)["RootFS"]["Layers"]
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path))
    two = inspected(made("2").identity)["RootFS"]["Layers"]
    assert one[:-1] == two[:-1]
    assert one[-1] != two[-1]
    with pytest.raises(ImageError, match="cannot be installed"):
        made("2", packages=("six",))


@pytest.mark.thorough
def test_images_are_reproducible(made: Callable[..., Built]) -> None:
    """A build without any cache makes the same image."""
    assert made("2").identity == made("2", cached=False).identity


def test_an_engine_that_takes_no_layer_alone_builds_the_same(
    made: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole build gives the same environment, files and configuration."""
    added = inspected(made("1").identity)
    # engines that keep images in containerd say so
    monkeypatch.setattr(layer, "is_taken", lambda: False)
    built = inspected(made("1").identity)
    assert built["RootFS"]["Layers"][:-1] == added["RootFS"]["Layers"][:-1]
    assert built["Config"] == added["Config"]
    assert built["Created"] == added["Created"]
    listed = ("run", "--rm", "--network", "none", "--entrypoint", "ls")
    files = [docker.run([*listed, one["Id"], "-lnR", "/model"]) for one in (built, added)]
    assert files[0] == files[1]


@pytest.mark.thorough
def test_a_pyfunc_with_its_own_code(
    farm: Team, repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model from code, with a module of its own, is served by the same server."""
    import mlflow
    import pandas as pd

    source = tmp_path / "source"
    source.mkdir()
    (source / "doubling.py").write_text(MODULE)
    (source / "model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(source))
    mlflow.set_tracking_uri(farm.uri)
    experiment = farm.client.create_experiment("doubling", artifact_location=str(tmp_path / "a"))
    frame = pd.DataFrame({"x": [1.0, 2.5]})
    with mlflow.start_run(experiment_id=experiment):
        mlflow.pyfunc.log_model(
            name="model",
            python_model=str(source / "model.py"),
            code_paths=[str(source / "doubling.py")],
            input_example=frame,
            pip_requirements=["mlflow==3.17.2", "pandas", "numpy"],
            registered_model_name="doubling",
        )
    built = build(connect(farm.uri), "doubling", "1", BuildOptions(repository=repository))
    report = smoke(built.tags[0], requests_sent=2_000)
    assert [(c.request, c.actual) for c in report.failed] == []


@pytest.mark.thorough
def test_a_version_with_its_own_wheel_and_constraints(farm: Team, repository: str) -> None:
    """What MLflow's `add_libraries_to_model` and `-c` leave in an artifact is what is installed."""
    folder = farm.folder / "store" / "model"
    uri = farm.client.get_model_version_download_uri(WIND, "1")
    shutil.copytree(uri.removeprefix("file://"), folder)
    (folder / "wheels").mkdir()
    wheel = wheels.tiny(folder / "wheels", "own_library", "answer = 42\n")
    with (folder / "requirements.txt").open("a") as file:
        file.write(f"\nwheels/{wheel.name}\nsix\n-c constraints.txt")
    (folder / "constraints.txt").write_text("six<1.17")
    made = farm.client.create_model_version(WIND, str(folder), await_creation_for=0)
    chosen = BuildOptions(repository=repository)
    tag = build(connect(farm.uri), WIND, str(made.version), chosen).tags[0]
    code = "import own_library, six; print(own_library.answer, six.__version__)"
    command = ["run", "--rm", "--network", "none", "--entrypoint", "python3", tag, "-c", code]
    assert docker.run(command).split() == ["42", "1.16.0"]


@pytest.mark.thorough
def test_a_library_that_needs_a_debian_package(farm: Team, repository: str, tmp_path: Path) -> None:
    """LightGBM's gradient boosting with the OpenMP that it needs; a package that is none."""
    import mlflow
    import pandas as pd
    from lightgbm import LGBMRegressor

    mlflow.set_tracking_uri(farm.uri)
    experiment = farm.client.create_experiment("boosted", artifact_location=str(tmp_path / "a"))
    frame = pd.DataFrame({"x": [float(n % 17) for n in range(200)]})
    fitted = LGBMRegressor(n_estimators=5, verbose=-1).fit(frame, frame["x"] * 2)
    with mlflow.start_run(experiment_id=experiment):
        mlflow.lightgbm.log_model(
            fitted,
            name="model",
            input_example=frame.head(3),
            pip_requirements=[f"{name}=={version(name)}" for name in LIGHTGBM],
            registered_model_name="boosted",
        )
    registry = connect(farm.uri)
    options = BuildOptions(repository=repository, debian=("libgomp1",), compile=True)
    tag = build(registry, "boosted", "1", options).tags[0]
    assert "SERVING_COMPILE=1" in inspected(tag)["Config"]["Env"]
    report = smoke(tag, requests_sent=2_000)
    assert [(c.request, c.actual) for c in report.failed] == []
    with pytest.raises(ImageError, match="no-such-package"):
        build(
            registry,
            "boosted",
            "1",
            BuildOptions(repository=repository, debian=("no-such-package",)),
        )
    with pytest.raises(ImageError, match="is not the name of a Debian package"):
        build(registry, "boosted", "1", BuildOptions(debian=("libgomp1; true",)))


@pytest.mark.thorough
def test_a_plan_is_proven_and_leaves_nothing(farm: Team) -> None:
    """Each version that enters a stage is built and tested; no image or container stays."""
    farm.stages(WIND, Production=2, Staging=2)
    farm.ok("plan", "--out", "plan.json")
    options = ("--requests", "2000", "--report", "images.md")
    ran = farm.ok("image", "prove", "plan.json", *options)
    assert ran.out.count(" passed") == 1  # one version, in two stages
    assert (farm.folder / "images.md").read_text().startswith("<details><summary>")
    tags = docker.run(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"])
    assert ran.out.startswith("mlgitops-proving-")
    assert ran.out.split(" at ")[0] not in tags
    assert not left_by(ran.out.split(" at ")[0])
    farm.stages(WIND)
    farm.ok("plan", "--out", "plan.json")
    assert "nothing to test" in farm.ok("image", "prove", "plan.json").out


@pytest.mark.thorough
def test_an_image_that_cannot_be_built_stops_no_other(farm: Team) -> None:
    """It is a failure of that version; the others are tested, and the file says which passed."""
    empty = farm.version(WIND)  # it has no payload
    farm.stages(WIND, Staging=empty, Production=2)
    farm.ok("plan", "--quick", "--out", "plan.json")
    options = ("--requests", "2000", "--out", "proof.json")
    ran = farm.run("image", "prove", "plan.json", *options)
    assert ran.code == 5
    proofs = json.loads((farm.folder / "proof.json").read_text())["images"]
    assert [(proof["version"], proof["passed"]) for proof in proofs] == [(empty, False), (2, True)]
    assert f"{WIND} {empty} could not be tested" in ran.out
    assert " passed" in ran.out


def test_an_index_of_ones_own_is_a_secret(made: Callable[..., Built], tmp_path: Path) -> None:
    """What its configuration says is in no layer, label or history of the image."""
    configuration = tmp_path / "uv.toml"
    configuration.write_text(f"# {SECRET}\n")
    built = made("1", configuration=configuration)
    history = docker.run(["history", "--no-trunc", built.identity])
    assert SECRET not in history + json.dumps(inspected(built.identity))
    with running(built.tags[0]) as container:
        code = (
            "import pathlib; print([str(p) for r in ('/opt','/etc','/tmp','/root') for p in "
            f"pathlib.Path(r).rglob('*') if p.is_file() and b'{SECRET}' in p.read_bytes()])"
        )
        command = ["exec", "--user", "0", container.identity, "python3", "-c", code]
        assert docker.run(command).strip() == "[]"


def test_what_can_not_be_built(made: Callable[..., Built], farm: Team) -> None:
    """A package that does not exist, a version and a stage that do not: each says so."""
    with pytest.raises(ImageError, match="no-such-package-of-ours"):
        made("1", packages=("no-such-package-of-ours==1",))
    with pytest.raises(UsageError, match="has no version 99"):
        made("99")
    with pytest.raises(UsageError, match="has no stage 'Shadow'; known: Staging, Production"):
        made("Shadow")
    with pytest.raises(ImageError, match="cannot build for windows/amd64; choose linux/amd64 or"):
        made("1", platform="windows/amd64")
    assert farm.run("image", "smoke", "python:3.11-slim").code == 1


def test_an_image_that_does_not_start(made: Callable[..., Built], tmp_path: Path) -> None:
    """Its last lines are in the error, and nothing of it is left."""
    built = made("1")
    tag = f"{built.tags[0]}-broken"
    (tmp_path / "Dockerfile").write_text(
        f"FROM {built.tags[0]}\nENV SERVING_MODEL=/nowhere SERVING_WORKERS=1\n"
    )
    docker.run(["build", "--quiet", "--tag", tag, str(tmp_path)])
    with pytest.raises(ImageError, match=r"(?s)stopped.*nowhere"), running(tag):
        pytest.fail("it cannot be ready")
    assert not left_by(tag)
