"""Payloads as others log them: what can be known of them is shown, the rest is unknown."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlgitops.errors import PayloadError
from mlgitops.file.load import load_or_empty
from mlgitops.proposal.card import make_card
from mlgitops.recipes.package import package_of
from mlgitops.registry.connect import connect
from mlgitops.report import card as cards
from mlgitops.report import comparison
from mlgitops.review.artifacts import Cabinet, describe
from mlgitops.review.compare import Scope, compare, side
from mlgitops.review.tools import tools

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.core.registry import RegistryReader
    from tests.team import Team

_COLUMNS = '[{"name": "wind", "type": "double"}]'
_FIRST: dict[str, Any] = {  # as MLflow 1.2 wrote it
    "artifact_path": "model",
    "flavors": {
        "python_function": {
            "data": "model.pkl",
            "env": "conda.yaml",
            "loader_module": "mlflow.sklearn",
            "python_version": "3.7.4",
        },
        "sklearn": {
            "pickled_model": "model.pkl",
            "serialization_format": "cloudpickle",
            "sklearn_version": "0.21.3",
        },
    },
    "run_id": "5b1d8b3a3a1d4f8e9f5e3a4d5c6b7a89",
    "utc_time_created": "2019-09-12 08:07:06.123456",
}
_SECOND = _FIRST | {
    "mlflow_version": "2.9.2",
    "model_uuid": "0f8a1c2e4b6d48f09a1b2c3d4e5f6071",
    "saved_input_example_info": {
        "artifact_path": "input_example.json",
        "pandas_orient": "split",
        "type": "dataframe",
    },
    "signature": {"inputs": _COLUMNS, "outputs": _COLUMNS, "params": None},
}
_ODD: tuple[Any, ...] = (
    *(None, "", "x", 0, -1, 1.5, True, float("nan"), [], [None], {}, {"a": None}, {1: 2}),
    *(date(2020, 1, 1), "[{}]", '[{"type": "quaternion"}]', '{"type": "double"}', "[" * 50),
    '[{"type": "tensor", "tensor-spec": {"dtype": "float99", "shape": [-1]}}]',
)


def artifact(folder: Path, mlmodel: object) -> Any:
    """What is said of a payload with an MLmodel file."""
    (folder / "MLmodel").write_text(yaml.safe_dump(mlmodel), encoding="utf-8")
    return describe(folder)


def test_an_mlmodel_of_mlflow_1_is_read(tmp_path: Path) -> None:
    """It has no signature, no version of MLflow and no id of its model."""
    found = artifact(tmp_path, _FIRST)

    said = (found.flavour, found.serialization, found.python)
    assert said == ("sklearn", "cloudpickle", "3.7.4")
    assert (found.signature, found.unknown, found.requirements) == (None, (), ())


def test_an_mlmodel_of_mlflow_2_is_read(tmp_path: Path) -> None:
    """Its signature is JSON within YAML, and columns are required without saying so."""
    found = artifact(tmp_path, _SECOND)

    (column,) = found.signature.inputs
    assert (column.name, column.type, column.required) == ("wind", "double", True)


@pytest.mark.parametrize(
    ("flavours", "named"),
    [
        ({}, "unknown"),
        (None, "unknown"),
        ([], "unknown"),
        ({"quantum": None}, "quantum"),
        ({"quantum": "yes", "python_function": {}}, "quantum"),
        ({"python_function": None}, "python_function"),
        ({1: {"serialization_format": {"a": [1]}}}, "1"),
    ],
)
def test_a_flavour_that_nobody_knows_is_named_or_unknown(
    tmp_path: Path, flavours: object, named: str
) -> None:
    """Whatever it says of itself."""
    assert artifact(tmp_path, _FIRST | {"flavors": flavours}).flavour == named


@pytest.mark.parametrize("written", ["x", "- a", "flavors: x", "a: b"])
def test_a_file_that_describes_no_model_is_told_as_that(tmp_path: Path, written: str) -> None:
    """In words, not in those of an exception of Python's."""
    (tmp_path / "MLmodel").write_text(written)
    with pytest.raises(PayloadError, match="cannot be read: it has no mapping 'flavors'"):
        describe(tmp_path)


def test_a_signature_of_odd_types_is_unknown(tmp_path: Path) -> None:
    """The rest of the payload is known; why is said."""
    odd = {"inputs": '[{"name": "a", "type": "quaternion"}]', "outputs": None}

    found = artifact(tmp_path, _SECOND | {"signature": odd})

    assert (found.signature, found.flavour) == (None, "sklearn")
    assert "signature in its MLmodel file cannot be read" in found.unknown[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_requirements_are_shown_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    """Editors write UTF-16 with its mark; Latin-1 is what is no UTF-8."""
    text = "# für später\r\nnumpy==2.0  # schön\r\npandas\r\n"
    (tmp_path / "requirements.txt").write_bytes(text.encode(encoding))

    assert artifact(tmp_path, _FIRST).requirements == ("numpy==2.0  # schön", "pandas")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("dependencies: [python=3.8, numpy=1.24, pip, {pip: [mlflow]}]", ("numpy==1.24", "mlflow")),
        ("dependencies: {", ()),
    ],
)
def test_requirements_of_mlflow_1_are_in_conda_yaml(
    tmp_path: Path, written: str, shown: tuple[str, ...]
) -> None:
    """They are shown where there is no requirements.txt; what nobody can read is left out."""
    (tmp_path / "conda.yaml").write_text(written)
    assert artifact(tmp_path, _FIRST).requirements == shown


@pytest.mark.parametrize(
    "mlmodel",
    [
        "flavors: {}",
        "flavors: null",
        'flavors: {a: b}\nsignature: {inputs: \'[{"type": "quaternion"}]\'}',
        "flavors: {python_function: {}}\nsaved_input_example_info: {type: x}",
        "flavors: [",
        "- a",
    ],
)
def test_no_odd_payload_ends_a_verb(team: Team, mlmodel: str) -> None:
    """Compared without predictions, and with what they need; and its card."""
    for number in (team.version(), team.version()):
        (team.payload(number) / "MLmodel").write_text(mlmodel)

    for verb in (("compare", "wind", "1", "2", "--quick"), ("compare", "wind", "1", "2")):
        ran = team.run(*verb)
        assert ran.code == 0, ran.err
    assert team.ok("card", "wind", "2").out.startswith("# wind, version 2")


def said(registry: RegistryReader, folder: Path) -> str:
    """All that is said of two versions and of one."""
    desired = load_or_empty(folder / "models.yaml")
    made = make_card(registry, "wind", 2, desired, ())
    text = cards.markdown(made, datetime.now(UTC), lambda _: None)
    with Cabinet(registry) as cabinet, tools(package_of(desired)) as shared:
        scope = Scope(predict=False, link=lambda *_: None, tools=shared)
        sides = [
            side("wind", f"version {number}", version, cabinet)
            for number in (1, 2)
            if (version := registry.version("wind", number))
        ]
        return f"{text}{comparison.report(compare('wind', sides[0], sides[1], scope))}"


@st.composite
def mlmodels(draw: st.DrawFn) -> dict[str, Any]:
    """An MLmodel file of which some values are others, and some are gone."""
    made: dict[str, Any] = yaml.safe_load(yaml.safe_dump(draw(st.sampled_from((_FIRST, _SECOND)))))
    for _ in range(draw(st.integers(1, 3))):
        within: Any = made
        for _ in range(draw(st.integers(0, 2))):
            inner = [one for one in within.values() if isinstance(one, dict) and one]
            within = draw(st.sampled_from(inner)) if inner else within
        if not within:
            continue
        name = draw(st.sampled_from(sorted(map(str, within))))
        if draw(st.booleans()):
            within.pop(name, None)
        else:
            within[name] = draw(st.sampled_from(_ODD))
    return made


def test_no_mutation_of_an_mlmodel_file_ends_a_card_or_a_comparison(team: Team) -> None:
    """Values of other types, values that are gone: what is said is a text all the same."""
    team.versions(2)
    team.write("models:\n  wind: {stages: {}}\n")
    registry = connect(team.uri)

    @settings(max_examples=12, derandomize=True)
    @given(mlmodels())
    def holds(mlmodel: dict[str, Any]) -> None:
        (team.payload(2) / "MLmodel").write_text(yaml.safe_dump(mlmodel))
        assert "version 2" in said(registry, team.folder)

    holds()
