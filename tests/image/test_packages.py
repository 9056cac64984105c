"""Which packages an image gets, resolved by uv from an index of wheels that hold nothing."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlgitops.core.requirements import parse
from mlgitops.errors import ImageError
from mlgitops.image import packages, resolve
from mlgitops.image.spec import BuildOptions, Source, specify
from mlgitops.serve import server

if TYPE_CHECKING:
    from collections.abc import Callable

    Lock = Callable[..., dict[str, str]]

SERVER = (Path(server.__file__).parent / "requirements.txt").read_text("utf-8").splitlines()
INDEX: dict[str, tuple[str, ...]] = {
    "mlflow_skinny-2.9.2": (),
    "mlflow_skinny-3.9.0": (),
    "mlflow_skinny-3.17.2": (),
    "mlflow-2.9.2": ("flask<4", "numpy<2", "pandas<3", "pyarrow<15"),
    "numpy-1.26.4": (),
    "numpy-2.4.6": (),
    "pandas-2.3.3": ("numpy",),
    "pandas-3.1.1": ("numpy",),
    "pyarrow-14.0.2": ("nothing<2",),
    "pyarrow-25.0.1": ("nothing<2",),
    "pyarrow-26.0.1": ("nothing<2",),
    "nothing-1.0": (),
    "nothing-2.0": (),
    "flask-3.1.3": (),
    "flask-4.0": (),
    "setuptools-80.10": (),
    "setuptools-82.0": (),
    "httptools-0.9.0": (),
    "prometheus_client-0.26.0": (),
    "msgspec-0.21.1": (),
    "uvicorn-0.20.0": (),
    "uvicorn-0.54.0": ("click>=7",),
    "uvloop-0.23.0": (),
    "click-6.7": (),
    "click-8.0": (),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of an index with the wheels of INDEX and nothing else."""
    folder = tmp_path_factory.mktemp("index")
    for name, needs in INDEX.items():
        package, version = name.split("-")
        about = [f"Name: {package}", f"Version: {version}", *(f"Requires-Dist: {n}" for n in needs)]
        with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
            for file, text in {
                "METADATA": "\n".join(["Metadata-Version: 2.1", *about, ""]),
                "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                "RECORD": "",
            }.items():
                wheel.writestr(f"{name}.dist-info/{file}", text)
    configuration = folder / "uv.toml"
    configuration.write_text(f'no-index = true\nfind-links = ["{folder}"]\n')
    return configuration


@pytest.fixture
def locked(index: Path) -> Lock:
    """Lock the packages of an image of a model; the version of each that is of interest."""

    def lock(*requirements: str, python: str = "3.11.7") -> dict[str, str]:
        source = Source(
            model="wind",
            version=1,
            run_id="abc",
            digest="sha256:00",
            stage=None,
            python=python,
            requirements=parse("\n".join(requirements)),
            created=None,
        )
        solve = partial(resolve.locked, "3.11", "linux/amd64", configuration=index)
        text = packages.locked(specify(source, BuildOptions()), SERVER, solve)
        return {name: str(version) for name, version in packages.versions(text).items()}

    return lock


def test_the_newest_that_fit_beside_what_the_model_asks_for(locked: Lock) -> None:
    """A model of today gets all that the server needs, each at its newest version."""
    found = locked("mlflow==3.17.2")
    assert found["pyarrow"] == "26.0.1"
    assert found["uvicorn"] == "0.54.0"
    assert (found["numpy"], found["pandas"]) == ("2.4.6", "3.1.1")
    assert not found.keys() & {"flask", "setuptools"}


def test_a_pyarrow_for_numpy_1(locked: Lock) -> None:
    """A model pinned to NumPy 1 gets a pyarrow that runs with it, unless it asks for another."""
    assert locked("mlflow==3.17.2", "numpy==1.26.4")["pyarrow"] == "25.0.1"
    assert locked("mlflow==3.17.2", "numpy==1.26.4", "pyarrow==14.0.2")["pyarrow"] == "14.0.2"


def test_no_pyarrow_where_none_fits_or_nothing_reads_parquet(locked: Lock) -> None:
    """The request format that needs it is left out; the image is built."""
    assert "pyarrow" not in locked("mlflow==3.17.2", "nothing==2")
    assert "pyarrow" not in locked("mlflow==3.9.0")
    assert locked("mlflow==3.9.0", "pyarrow==14.0.2")["pyarrow"] == "14.0.2"


def test_an_early_mlflow_gets_what_it_was_made_for(locked: Lock) -> None:
    """Flask to answer with, pkg_resources, and pandas and NumPy as its whole package wants them."""
    found = locked("mlflow==2.9.2")
    assert found["mlflow-skinny"] == "2.9.2"
    assert (found["flask"], found["setuptools"]) == ("3.1.3", "80.10")
    assert (found["numpy"], found["pandas"]) == ("1.26.4", "2.3.3")
    assert not found.keys() & {"mlflow", "pyarrow"}
    assert locked("mlflow==2.9.2", "setuptools==82.0")["setuptools"] == "82.0"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            ("mlflow==3.17.2", "uvicorn==0.20.0"),
            r"the server's packages do not fit the model's:\n"
            r"  uvicorn: the model asks for 0\.20\.0, the server for <0\.55,>=0\.23\.2\n"
            r"log the version again with pip_requirements that leave room for the server's",
        ),
        (
            ("mlflow==3.17.2", "click==6.7"),
            r"the server's packages do not fit the model's:\n"
            r"  uvicorn>=0\.23\.2,<0\.55: Because .*click.*\n"
            r"log the version again",
        ),
        (
            ("mlflow==2.9.2", "pandas==2.3.3", "numpy==1.99"),
            r"the model's requirements cannot be installed:\n"
            r"  Because .*numpy==1\.99.*\n"
            r"log the version again with pip_requirements that can be",
        ),
    ],
)
def test_where_nothing_fits_one_message_says_why(
    locked: Lock, asked: tuple[str, ...], said: str
) -> None:
    """It names the packages, what the model and the server want, and what to do."""
    with pytest.raises(ImageError, match=rf"^{said}"):
        locked(*asked)


def test_a_python_that_the_server_does_not_run_with(locked: Lock) -> None:
    """It is told before anything is resolved or built."""
    with pytest.raises(ImageError, match=r"asks for Python 3\.8, and the server for 3\.9 or later"):
        locked("mlflow==2.9.2", python="3.8.18")
