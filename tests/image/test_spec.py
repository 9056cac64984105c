"""What an image is to be: its requirements, names and labels."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mlgitops.core.requirements import parse
from mlgitops.errors import ImageError
from mlgitops.image.spec import BuildOptions, Source, choices, image_name, specify

SOURCE = Source(
    model="Wind-Model",
    version=3,
    run_id="abc",
    digest="sha256:0123456789abcdef0123456789abcdef",
    stage="Production",
    python="3.11.7",
    requirements=parse("mlflow==3.17.2\nscikit-learn==1.9.1\n\n# a comment\n"),
    created="2026-11-24T02:13:33Z",
)


def test_names_say_version_digest_and_stage() -> None:
    """NAME:VERSION-SHORTDIGEST and NAME:stage, in lower case as Docker wants it."""
    tags = ("wind-model:3-0123456789ab", "wind-model:production")
    assert specify(SOURCE, BuildOptions()).tags == tags
    by_number = replace(SOURCE, stage=None)
    assert specify(by_number, BuildOptions()).tags == tags[:1]
    assert specify(by_number, BuildOptions(stage="Production")).tags == tags
    pushed = specify(SOURCE, BuildOptions(repository="registry.example.org/wind/"))
    assert pushed.tags == tuple(f"registry.example.org/wind/{tag}" for tag in tags)


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        (("mlflow==3.17.2", "pandas"), ("mlflow-skinny==3.17.2", "pandas")),
        (("mlflow[extras]>=3,<4",), ("mlflow-skinny[extras]<4,>=3",)),
        (("mlflow-skinny==3.17.2",), ("mlflow-skinny==3.17.2",)),
        (("pandas",), ("pandas", "mlflow-skinny")),
        (("mlflow ; python_version > '3'",), ('mlflow-skinny; python_version > "3"',)),
        (("wheels/mlflow-3.17.2-py3-none-any.whl",), ()),
        (
            ("MLflow==3.17.2", "mlflow-export-import"),
            ("mlflow-skinny==3.17.2", "mlflow-export-import"),
        ),
    ],
)
def test_mlflow_becomes_its_small_package(
    requirements: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """The server needs MLflow's code and not its tracking server; other packages stay."""
    source = replace(SOURCE, requirements=parse("\n".join(requirements)))
    assert specify(source, BuildOptions()).requirements == expected


def test_base_and_labels() -> None:
    """The base is of the model's own Python; labels tell where the image comes from."""
    options = BuildOptions(packages=("xgboost>=3",), commit="c0ffee", url="https://x.test/a/b")
    wish = specify(SOURCE, options)
    assert wish.base == "python:3.11-slim"
    assert wish.requirements[-1] == "xgboost>=3"
    assert set(wish.required) == {"mlflow", "scikit-learn", "xgboost"}
    assert wish.labels == {
        "org.opencontainers.image.title": "Wind-Model",
        "org.opencontainers.image.version": "3",
        "org.opencontainers.image.created": "2026-11-24T02:13:33Z",
        "org.opencontainers.image.revision": "c0ffee",
        "org.opencontainers.image.source": "https://x.test/a/b",
        "org.opencontainers.image.base.name": "python:3.11-slim",
        "mlgitops.model": "Wind-Model",
        "mlgitops.version": "3",
        "mlgitops.run": "abc",
        "mlgitops.digest": SOURCE.digest,
        "mlgitops.stage": "Production",
        "mlgitops.choices": choices(options),
    }
    assert specify(SOURCE, BuildOptions(base="cuda:12")).base == "cuda:12"


def test_what_was_chosen_tells_images_of_one_version_apart() -> None:
    """What changes an image counts; where it is pushed and who asked for it does not."""
    assert choices(BuildOptions(repository="a", push=True, stage="b", commit="c")) == ""
    assert "mlgitops.choices" not in specify(SOURCE, BuildOptions()).labels
    chosen = [
        BuildOptions(base="cuda:12"),
        BuildOptions(platform="linux/arm64"),
        BuildOptions(packages=("libgomp1",)),
        BuildOptions(debian=("libgomp1",)),
        BuildOptions(compile=True),
    ]
    assert len({choices(options) for options in chosen}) == len(chosen)


def test_only_packages_can_be_added() -> None:
    """What is asked for on the command line is read like what a version asks for."""
    for package in ("--index-url=http://127.0.0.1", "x @ http://127.0.0.1/x.whl", "x; y", ""):
        with pytest.raises(ImageError, match=r"^--package "):
            specify(SOURCE, BuildOptions(packages=(package,)))


@pytest.mark.parametrize("python", ["", "three", "3", "3.11-slim AS x", "3.11\n", "\uff13.11"])
def test_a_version_that_does_not_say_its_python(python: str) -> None:
    """It is an error that says what to do."""
    with pytest.raises(ImageError, match=r"Wind-Model version 3 does not say its Python.*--base"):
        specify(replace(SOURCE, python=python), BuildOptions())


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("power-forecasting-model", "power-forecasting-model"),
        ("Wind.v2_eu", "wind.v2_eu"),
        ("Sales Forecast", "sales-forecast-"),
        ("sales-forecast", "sales-forecast"),
        ("Prévision ventes", "prevision-ventes-"),
        ("模型", "model-"),
        ("it's; rm -rf $HOME", "it-s-rm-rf-home-"),
        ("a..b", "a-b-"),
        ("x" * 256, "x" * 100 + "-"),
    ],
)
def test_images_have_names_that_docker_allows(model: str, name: str) -> None:
    """The model's own where that is possible, else one that no other model has."""
    made = image_name(model)
    assert re.fullmatch(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*", made)
    assert made == name or re.fullmatch(rf"{re.escape(name)}[0-9a-f]{{8}}", made)
    assert image_name(model + " ") != made
