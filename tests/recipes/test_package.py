"""Tests of `mlgitops.recipes.package`: recipes are found by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import MissingPackageError, RecipeError
from mlgitops.recipes.package import RecipePackage

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = "def train():\n    return {value}\n"


def package(folder: Path, name: str, **modules: str) -> RecipePackage:
    """A package of these modules in a folder."""
    inside = folder.joinpath(*name.split("."))
    inside.mkdir(parents=True, exist_ok=True)
    for module, source in modules.items():
        (inside / f"{module}.py").write_text(source, encoding="utf-8")
    return RecipePackage(name=name, folders=(str(folder),))


def distribution(folder: Path, name: str, **recipes: str) -> None:
    """What pip leaves in a folder of a distribution that offers recipes."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = "".join(f"{recipe} = {module}\n" for recipe, module in recipes.items())
    (info / "entry_points.txt").write_text(f"[mlgitops.recipes]\n{lines}")


def value(found: RecipePackage, recipe: str = "churn") -> object:
    """What a recipe's `train` returns."""
    loaded = found.load(recipe)
    return loaded.call("train", loaded.parse({}), None)


@pytest.mark.parametrize("name", RecipePackage().names())
def test_every_recipe_of_this_repository_loads(name: str) -> None:
    """And is called what it was asked for by."""
    assert name == RecipePackage().load(name).name


@pytest.mark.parametrize("name", ["power_forcasting", "tumor_diagnosis"])
def test_a_near_miss_is_suggested(name: str) -> None:
    """A typing error costs one look at the message."""
    with pytest.raises(RecipeError, match=f"no recipe '{name}'; did you mean"):
        RecipePackage().load(name)


@pytest.mark.parametrize("name", ["churn", "features", "tracking", "os", "", "../evil"])
def test_an_unknown_recipe_lists_the_known_ones(name: str) -> None:
    """Other modules of the package, and anything else, are no recipes and are not imported."""
    with pytest.raises(RecipeError, match=r"\(known: power_forecasting, tumour_diagnosis\)"):
        RecipePackage().load(name)


def test_a_package_beside_the_file_comes_first(
    tmp_path: Path, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the current folder, and before what is installed."""
    found = RecipePackage(name=unique, folders=(str(tmp_path / "beside"), str(tmp_path / "here")))
    monkeypatch.syspath_prepend(tmp_path / "installed")
    for number, place in enumerate(("beside", "here", "installed")):
        package(tmp_path / place, unique, __init__="", churn=RECIPE.format(value=number))
    assert value(found) == 0


@pytest.mark.parametrize("dots", ["", ".recipes"])
def test_two_folders_have_packages_of_one_name(tmp_path: Path, unique: str, dots: str) -> None:
    """Each models.yaml gets its own, in one process and however often they take turns."""
    one, two = (
        package(tmp_path / folder, unique + dots, churn=RECIPE.format(value=repr(folder)))
        for folder in ("one", "two")
    )
    assert [value(found) for found in (one, two, one)] == ["one", "two", "one"]


def test_an_installed_package(tmp_path: Path, unique: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a dotted name, and without an `__init__.py`."""
    monkeypatch.syspath_prepend(tmp_path / "installed")
    package(tmp_path / "installed", f"{unique}.recipes", churn=RECIPE.format(value=3))
    found = RecipePackage(name=f"{unique}.recipes", folders=(str(tmp_path),))
    assert found.names() == ("churn",)
    assert value(found) == 3


def test_a_distribution_offers_recipes(
    tmp_path: Path, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an entry point; a module of the package that has the same name wins."""
    monkeypatch.syspath_prepend(tmp_path / "installed")
    package(tmp_path / "installed", unique, models=RECIPE.format(value=4))
    distribution(tmp_path / "installed", unique, churn=f"{unique}.models")
    elsewhere = RecipePackage(name=f"{unique}_own", folders=(str(tmp_path),))
    assert elsewhere.names() == ("churn",)
    assert value(elsewhere) == 4
    with pytest.raises(RecipeError, match=r"'chrun'; did you mean 'churn'\?"):
        elsewhere.load("chrun")
    assert value(package(tmp_path, f"{unique}.own", churn=RECIPE.format(value=5))) == 5


def test_no_package_at_all(tmp_path: Path) -> None:
    """It says where it was looked for."""
    with pytest.raises(RecipeError, match=r"no package 'nowhere' beside models\.yaml"):
        RecipePackage(name="nowhere", folders=(str(tmp_path),)).load("churn")


def test_a_dotted_package_beside_the_file(tmp_path: Path, unique: str) -> None:
    """No folder of it needs an `__init__.py`."""
    assert value(package(tmp_path, f"{unique}.ml.recipes", churn=RECIPE.format(value=6))) == 6


def test_a_package_without_recipes(tmp_path: Path, unique: str) -> None:
    """A module that does not say how to train is none, nor is a folder of data."""
    (tmp_path / unique / "churn").mkdir(parents=True)
    with pytest.raises(RecipeError, match=r"the package '\w+' has no recipe"):
        package(tmp_path, unique, features="COLUMNS = ()").load("churn")


def test_a_package_that_is_missing_is_named(tmp_path: Path, unique: str) -> None:
    """So that the reader knows what to install."""
    found = package(tmp_path, unique, churn="import nowhere.deep\ndef train(): ...")
    with pytest.raises(MissingPackageError, match="churn: it imports nowhere, which is not") as at:
        found.load("churn")
    assert at.value.package == "nowhere"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def train(:", "SyntaxError: invalid syntax"),
        ("raise SystemExit('bye')\ndef train(): ...", "SystemExit: bye"),
        ("from PACKAGE import nothing\ndef train(): ...", "ImportError: cannot import name"),
        ("import PACKAGE.nothing\ndef train(): ...", "No module named 'PACKAGE.nothing'"),
        ("import mlgitops.nothing\ndef train(): ...", "No module named 'mlgitops.nothing'"),
    ],
)
def test_a_module_that_cannot_be_imported(
    tmp_path: Path, unique: str, source: str, expected: str
) -> None:
    """It is an error of the recipe; modules of its own package are no packages to install."""
    found = package(tmp_path, unique, churn=source.replace("PACKAGE", unique))
    with pytest.raises(RecipeError, match=expected.replace("PACKAGE", unique)) as caught:
        found.load("churn")
    assert not isinstance(caught.value, MissingPackageError)


def test_another_package_of_that_name_that_python_prefers(
    tmp_path: Path, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder without `__init__.py` gives way to an installed package; the message says so."""
    monkeypatch.syspath_prepend(tmp_path / "installed")
    package(tmp_path / "installed", unique, __init__="", churn=RECIPE.format(value=1))
    beside = package(tmp_path, unique, churn=RECIPE.format(value=2))
    with pytest.raises(
        RecipeError, match=r"add an __init__\.py to the package .*, or give it another name"
    ):
        beside.load("churn")
