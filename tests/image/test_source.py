"""What a version says of itself before its image is built, whichever MLflow logged it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import ImageError, RequirementsError
from mlgitops.image import source
from mlgitops.image.spec import BuildOptions, specify
from mlgitops.registry import required
from mlgitops.registry.connect import connect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Team

_CONDA = """\
name: mlflow-env
channels: [defaults]
dependencies:
  - python=3.7.4
  - scikit-learn=0.21.3
  - numpy=1.17.2=py37h95a1406_0
  - pip
  - pip: [mlflow==1.2.0, cloudpickle>=1.2]
"""


def test_an_image_with_a_chosen_base_needs_no_python_env(team: Team, tmp_path: Path) -> None:
    """The base says which Python it has; without one, the error says to choose it."""
    number = team.version()
    (team.payload(number) / "conda.yaml").write_text(_CONDA)
    folder = tmp_path / "fetched"
    folder.mkdir()
    options = BuildOptions(base="python:3.11-slim")

    found = source.fetch(connect(team.uri), "wind", "1", folder, options)

    wish = specify(found, options)
    assert (wish.python, wish.base) == ("", "python:3.11-slim")
    with pytest.raises(ImageError, match=r"python_env\.yaml; choose a base image with --base"):
        specify(found, BuildOptions())


def test_mlflow_1_names_its_requirements_in_conda_yaml(tmp_path: Path) -> None:
    """Each is what pip calls it; neither Python nor pip is a package."""
    (tmp_path / "conda.yaml").write_text(_CONDA)

    found = required.of_folder(tmp_path, "wind 1")

    assert [str(one) for one in found.packages] == [
        *("scikit-learn==0.21.3", "numpy==1.17.2", "mlflow==1.2.0", "cloudpickle>=1.2")
    ]


@pytest.mark.parametrize(
    "line", ["conda-forge::numpy", "pip: ['-r x']", "pip: ['git+https://x']", "pip: ['${A}']"]
)
def test_conda_yaml_names_packages_alone(tmp_path: Path, line: str) -> None:
    """The rules are those of requirements.txt."""
    (tmp_path / "conda.yaml").write_text(f"dependencies:\n  - {line}\n")
    with pytest.raises(RequirementsError, match="wind 1"):
        required.of_folder(tmp_path, "wind 1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_requirements_are_read_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    """For what is written anew from them; a file that others read after us is UTF-8."""
    text = "# für später\r\nnumpy==2.0  # schön\r\npandas\r\n"
    (tmp_path / "requirements.txt").write_bytes(text.encode(encoding))
    (tmp_path / "MLmodel").write_text("flavors: {python_function: {}}")
    (tmp_path / "python_env.yaml").write_text("python: 3.11.7\n")

    found = required.of_folder(tmp_path, "wind 1")

    assert [str(one) for one in found.packages] == ["numpy==2.0", "pandas"]
    if encoding == "utf-8":
        required.check(tmp_path, "wind 1", "virtualenv")
    else:
        with pytest.raises(RequirementsError):
            required.check(tmp_path, "wind 1", "virtualenv")
