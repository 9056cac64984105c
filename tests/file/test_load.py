"""A wrong models.yaml gives one clear error a problem, each with file, line, column and subject."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlgitops.errors import DesiredStateError
from mlgitops.file.document import MAX_BYTES
from mlgitops.file.load import load, loads

if TYPE_CHECKING:
    from pathlib import Path


def problems(text: str) -> list[str]:
    """What is wrong with a models.yaml."""
    with pytest.raises(DesiredStateError) as caught:
        loads(dedent(text), "models.yaml")
    return [str(problem) for problem in caught.value.problems]


def one_model(lines: str) -> str:
    """A models.yaml with one model of these lines."""
    indented = "\n".join(f"    {line}" for line in dedent(lines).strip().splitlines())
    return f"models:\n  wind:\n{indented}\n"


def test_everything_that_the_format_has() -> None:
    """A full file is read as it is written, in its order."""
    desired = loads(
        dedent(
            """
            models:
              wind:
                description: Power of the wind farm
                owners: ["@wind-team"]
                versions:
                  2: {train: power_forecasting, params: {estimator: gradient_boosting}}
                  1: {train: power_forecasting, params: {since: 2014-01-01}}
                gates:
                  Production:
                    - {metric: test_r2, min: 0.9}
                    - {metric: test_mae, max_regression: 2%}
                    - {metric: yield, max_regression: 5, better: higher}
                    - {signature: compatible}
                    - {promoted_from: Staging}
                stages:
                  Staging: {version: 2, digest: "sha256:DIGEST"}
                  Production: 1
                  Shadow: null
            stages: [Staging, {name: Shadow, production: true}, Production]
            version: 2
            """
        ).replace("DIGEST", "a" * 64),
        "models.yaml",
    )
    model = desired.models["wind"]
    assert (model.description, model.owners) == ("Power of the wind farm", ("@wind-team",))
    assert list(model.versions) == [1, 2]
    assert model.versions[1].params == {"since": "2014-01-01"}
    assert [(stage.name, stage.version) for stage in model.stages] == [
        ("Staging", 2),
        ("Production", 1),
        ("Shadow", None),
    ]
    assert model.stages[0].digest == "sha256:" + "a" * 64
    assert len(model.gates["Production"]) == 5
    assert str(model.stages[0].where) == "models.yaml:17:7"
    assert desired.version == 2
    assert desired.stages.names == ("Staging", "Shadow", "Production")
    assert desired.stages.production == ("shadow", "production")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("stages: {Production: 0}", "3:14: wind Production: must be at least 1, got 0"),
        ("stages: {Production: -2}", "3:14: wind Production: must be at least 1, got -2"),
        (
            "stages: {Production: true}",
            "3:14: wind Production: must be a whole number, got true (a boolean)",
        ),
        ("stages: {Production: '2'}", "3:14: wind Production: must be a whole number, got '2'"),
        ("stages: {Production: 1.5}", "3:14: wind Production: must be a whole number, got 1.5"),
        (
            "stages: {Production: 010}",
            "3:26: wind Production: write '010' in plain decimal digits, or in quotes",
        ),
        (
            "stages: {Production: 99999999999}",
            "3:14: wind Production: must be at most 2147483647, got 99999999999",
        ),
        ("stages: {Production: [1]}", "3:14: wind Production: must be a whole number, got a list"),
        ("stages: [1]", "3:5: wind: 'stages' must be a mapping, got a list"),
        ("stages:", "3:5: wind: 'stages' must be a mapping, got nothing (null)"),
        ("description: x", "2:3: wind: missing key 'stages'; add it"),
        (
            "stages: {Prod uction: 1}",
            "3:14: wind Prod uction: stage name 'Prod uction' cannot be an MLflow alias; "
            "use 1 to 255 letters, digits, '_' or '-'",
        ),
        (
            "stages: {Latest: 1}",
            "3:14: wind Latest: stage name 'Latest' is reserved by MLflow; "
            "choose another name",
        ),
        (
            "stages: {v2: 1}",
            "3:14: wind v2: stage name 'v2' is reserved by MLflow; "
            "choose another name",
        ),
        (
            "stages: {Production: 1, production: 2}",
            "3:29: wind production: stages 'Production' and 'production' have the same alias; "
            "keep one",
        ),
        (
            "stages: {Production: 1}\nstagse: {}",
            "4:5: wind: unknown key 'stagse'; did you mean 'stages'?",
        ),
        (
            "stages: {Production: 1}\nstages: {Production: 2}",
            "4:5: wind: duplicate key 'stages'; it is already in line 3",
        ),
        (
            "stages: {Production: {version: 1, digest: abc}}",
            "3:39: wind Production: 'digest' must be 'sha256:' followed by 64 lower-case "
            "hexadecimal digits; got 'abc'",
        ),
        (
            "stages: {}\nversions: {1: {train: Not-a-name}}",
            "4:20: wind: 'train' must be the name of a recipe, such as power_forecasting; "
            "got 'Not-a-name'",
        ),
        (
            "stages: {}\nversions: {true: {train: power_forecasting}}",
            "4:16: wind: must be a whole number, got 'true'",
        ),
        (
            "stages: {}\ngates: {Production: [{metric: test_r2}]}",
            "4:26: wind Production: gate on 'test_r2' has no bound; "
            "add min, max or max_regression",
        ),
        (
            "stages: {}\ngates: {Production: [{metric: profit, max_regression: 1}]}",
            "4:26: wind Production: no standard says which way 'profit' is better; "
            "add 'metrics: {profit: lower}' or 'metrics: {profit: higher}' to the model, "
            "or 'better: lower' or 'better: higher' here",
        ),
        (
            "stages: {}\ngates: {Production: [{metric: test_r2, max_regression: 2 %}]}",
            "4:44: wind Production: 'max_regression' must be a number, or a percentage such as "
            "2%; got '2 %'",
        ),
        (
            "stages: {}\ngates: {Production: [{metric: r2, min: .nan}]}",
            "4:39: wind Production: 'min' must be a finite number, got nan",
        ),
        (
            "stages: {}\ngates: {Production: [{metric: r2, min: 2, max: 1}]}",
            "4:26: wind Production: gate on 'r2' can never pass: min is greater than max",
        ),
        (
            "stages: {}\ngates: {Production: [{promoted_from: production}]}",
            "4:26: wind Production: a version cannot enter Production from Production itself; "
            "name another stage",
        ),
        (
            "stages: {}\ngates: {Production: [{colour: red}]}",
            "4:26: wind Production: a gate must be a mapping with one of the keys "
            "metric, worst_slice, signature, promoted_from, same_dataset, max_artifact_size, "
            "max_latency, requires_tag, python",
        ),
        (
            "stages: {}\ndescription: !!python/object:os.system x",
            "4:18: wind: YAML tag tag:yaml.org,2002:python/object:os.system "
            "is not supported; write a plain value",
        ),
        (
            "<<: {}\nstages: {}",
            "3:5: wind: merge keys (<<) are not supported; repeat the keys, or use an alias",
        ),
    ],
)  # fmt: skip
def test_a_problem_names_place_subject_and_remedy(lines: str, expected: str) -> None:
    """Each mistake in a model gives the very message that says where it is and what to do."""
    assert [f"models.yaml:{expected}"] == [
        p for p in problems(one_model(lines)) if p.startswith(f"models.yaml:{expected[:4]}")
    ]


@pytest.mark.parametrize(
    "name", ["wind/farm", "a:b", "what?", " a", "a ", "", "a\u202eb", "x" * 257, ".."]
)
def test_a_model_name_that_cannot_be_addressed(name: str) -> None:
    """MLflow refuses it, or nobody could read it or find it by its address."""
    (problem,) = problems(f"models:\n  {json.dumps(name)}: {{stages: {{Production: 1}}}}\n")
    assert "models.yaml:2:3:" in problem
    assert "must be 1 to 256 printable characters" in problem


def test_recipes_are_modules_of_the_package_that_the_file_names() -> None:
    """Or of `training`."""
    assert loads("models: {}", "models.yaml").recipes == "training"
    assert loads("recipes: acme.ml\nmodels: {}", "models.yaml").recipes == "acme.ml"


def test_models_that_differ_by_case_only() -> None:
    """MySQL would take them for one model."""
    (problem,) = problems("models:\n  wind: {stages: {}}\n  Wind: {stages: {}}\n")
    assert "models.yaml:3:3: Wind: model 'Wind' differs from 'wind' only in case" in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: is empty"),
        ("# nothing but a comment\n", "1:1: is empty"),
        ("[]", "1:1: must be a mapping, got a list"),
        ("models: []", "1:1: must be a mapping, got a list"),
        ("models:\n\t- x", "2:1: not valid YAML"),
        ("models: {a: 1", "not valid YAML"),
        ("models:\n<<<<<<< HEAD\n  a: {}\n=======\n>>>>>>> b\n", "2:1: a merge left a conflict"),
        ("models: \0", "not valid YAML"),
        ("a: 1\n---\nb: 2", "2:1: not valid YAML: expected a single document"),
        ("model: {}", "did you mean 'models'?"),
        ("recipes: acme/ml\nmodels: {}", "must be the name of a package, such as training"),
        ("models: {1: {stages: {}}}", "must be text, got 1"),
        ("[" * 100_000, "is nested more than 40 levels deep"),
        ("a: &a [*a]", "use fewer aliases"),
    ],
)
def test_what_is_no_models_yaml_at_all(text: str, expected: str) -> None:
    """Not YAML, not a mapping, too deep or too large: one error that says which."""
    assert any(expected in problem for problem in problems(text))


def test_a_yaml_bomb_is_refused_quickly() -> None:
    """Nine levels of nine aliases would expand to a billion values."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for one, two in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{two}: &{two} [{', '.join([f'*{one}'] * 9)}]")
    (problem,) = problems("\n".join(lines))
    assert "expands to more than 1,000,000 values" in problem


def test_a_file_over_the_limit_is_refused_without_parsing_it() -> None:
    """The limit is checked before the parser sees the text."""
    assert MAX_BYTES == 50 * 2**20
    (problem,) = problems("models: [\n" + "#" * 51 * 2**20)
    assert "is 51.0 MiB, over the limit of 50 MiB; split it" in problem


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    """One run tells everything, so that one edit can mend everything."""
    found = problems(
        """
        models:
          a/b:
            stages: {Production: true}
          c:
            owner: me
            stages: {v1: 1, Staging: 0}
        """
    )
    assert [problem.split(": ")[0].removeprefix("models.yaml:") for problem in found] == [
        "3:3",
        "4:14",
        "6:5",
        "7:14",
        "7:21",
    ]


def test_a_flaw_of_form_hides_no_flaw_of_meaning() -> None:
    """In the same model, and in others; what may come of what is wrong is not told."""
    found = problems(
        """
        version: 2
        models:
          wind:
            metrics: {ramp_error: lowr}
            gates:
              Production: [{metric: ramp_error, max_regression: 5%}]
            stages: {Production: 1}
          waves:
            gates:
              Production: [{metric: test_mae, max_regresion: 5%}]
              Prodution: [{metric: nobody_knows, max_regression: 5%}]
            stages: {Stagin: 2, Production: two}
          tides:
            gates: {Staging: [{promoted_from: Staging}]}
            stages: {Staging: 1}
        deployments:
          here: {kind: docker, stages: [Production], ports: {wind: 5001}}
        """
    )
    told = [
        ("4:", "lowr"),
        ("10:", "max_regresion"),
        ("11:", "Prodution"),
        ("12:", "Stagin"),
        ("12:", "two"),
        ("14:", "a version cannot enter Staging from Staging itself"),
    ]
    for problem, (line, word) in zip(found, told, strict=True):
        assert problem.startswith(f"models.yaml:{int(line[:-1]) + 1}:"), problem
        assert word in problem


SCALARS = st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["Staging", "two", "5%"])
KEYS = st.sampled_from(
    ["gates", "stages", "versions", "metrics", "Production", "Staging", "metric", "max", "train"]
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)
)


@given(st.dictionaries(st.sampled_from(["wind", "waves"]), ANYTHING, max_size=2), ANYTHING)
def test_models_of_any_shape_are_read_or_refused(models: object, prompts: object) -> None:
    """Each problem has a place, and those of a sound model stay beside any other."""
    sound = {"gates": {"Staging": [{"promoted_from": "Staging"}]}, "stages": {"Stagin": 1}}
    beside = {"models": {**dict(models), "tides": sound}, "prompts": prompts}  # type: ignore[call-overload]
    with pytest.raises(DesiredStateError) as caught:
        loads(json.dumps(beside), "models.yaml")
    assert all(problem.where is not None for problem in caught.value.problems)
    if isinstance(prompts, dict) and not prompts:
        assert {"tides"} <= {problem.model for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "does not exist; create it, or pass another file with --file"),
        (b"models: \xff", "is not UTF-8 text (byte 8)"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, expected: str) -> None:
    """A missing file and one that is not text are said to be so."""
    path = tmp_path / "models.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DesiredStateError, match=r"models\.yaml:1:1: ") as caught:
        load(path)
    assert expected in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The system's own reason is given."""
    with pytest.raises(DesiredStateError, match="cannot be read: Is a directory"):
        load(tmp_path)


WORDS = st.sampled_from(
    ["models", "stages", "versions", "gates", "train", "metric", "wind", "Production", "1", "true",
     "null", "0x1F", "&a", "*a", "<<", "!!set", "'", '"', ":", "-", "?", "{", "}", "[", "]", ",",
     "\n", "\n  ", "\n    ", " ", "#", "%", "|", ">", "é", "\t", "\r\n", "1e999", "2020-01-01"]
)  # fmt: skip


@example("?\n  <<models")  # a key that begins as the names of forms do
@given(st.lists(WORDS, max_size=40).map("".join) | st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever a file holds, it is either valid or refused with problems that have a place."""
    try:
        loads(text, "models.yaml")
    except DesiredStateError as error:
        assert error.problems
        assert all(problem.where is not None for problem in error.problems)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(("!!float abc", "write 'abc'"), ("!!float ''", "write ''"), ("!!float 1:30.5", "write")),
        *(("!!bool maybe", "without the tag !!bool"), ("!!null x", "without the tag !!null")),
        *(("!!int x", "write 'x'"), ("!!int ''", "write ''"), ("!!int \uff11", "plain decimal")),
        *(("!!float \uff11", "plain decimal"), ("!!binary zz", "not supported")),
        *(("!!set {a}", "not supported"), ("!!omap [a: 1]", "not supported")),
        *(("!!python/name:os.system x", "not supported"), ("<<", "not supported")),
        *(("!!timestamp x", "must be a whole number"), ("\uff11", "must be a whole number")),
        *(("1:" * 400 + "1.5", "plain decimal"), ("9" * 5000, "plain decimal digits")),
        *(("0x10", "plain decimal"), ("1_000", "plain decimal"), ("1e400", "must be a whole")),
        *((".nan", "must be a whole number"), ("[" * 100, "nested more than 40 levels")),
    ],
)
@pytest.mark.parametrize("place", ["stages: {Production: %s}", "stages: {Production: 1, %s: 1}"])
def test_a_word_that_means_nothing(place: str, value: str, expected: str) -> None:
    """A tag that does not fit, other digits, numbers without end: one error with file and line."""
    with pytest.raises(DesiredStateError, match=r"^models\.yaml:3:") as caught:
        loads(one_model(place % value), "models.yaml")
    if not place.endswith("%s: 1}"):
        assert expected in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "content",
    [
        *("models: {}".encode("utf-16"), b"models: {a\x00: {stages: {}}}", b"\xed\xa0\x80: 1"),
        *(b"\xff\xfe", b"models: {}\n\x1b[31m", '"\ud800": 1'.encode("unicode-escape")),
    ],
)
def test_an_encoding_that_is_none(tmp_path: Path, content: bytes) -> None:
    """UTF-16, halves of characters and control characters are one error that names the file."""
    file = tmp_path / "models.yaml"
    file.write_bytes(content)
    with pytest.raises(DesiredStateError, match=r"models\.yaml:1:"):
        load(file)


def test_the_first_fifty_problems_are_told() -> None:
    """They are the first of the file, whatever kind they are of, and the others are counted."""
    lines = [f"  m{n}: {{stages: {{S{n}: {'x' if n % 2 else n}}}}}" for n in range(1, 4001)]
    with pytest.raises(DesiredStateError) as caught:
        loads("models:\n" + "\n".join(lines[1::2]), "models.yaml")
    error = caught.value
    assert [p.where.line for p in error.problems if p.where] == [*range(2, 52)]
    assert error.more == 2000 - 50
    assert str(error).endswith("\nand 1,950 more problems; fix these first")
    assert len(str(error)) < 100_000


@pytest.mark.parametrize(
    "model",
    [
        *("m{n}: {{stages: {{Production: 1}}}}", "m{n}: {{stages: {{S{n}: 1}}}}", "m{n}: {{x: 1}}"),
        *("m{n}:", "m/{n}: {{stages: {{}}}}", "m: {{stages: {{}}}}", "m{n}: {{owners: [1]}}"),
    ],
)
def test_thousands_of_models(model: str) -> None:
    """Right or wrong, they take a second or two, and not minutes because each is held to all."""
    text = "models:\n" + "".join(f"  {model.format(n=n)}\n" for n in range(3000))
    stages = ", ".join(f"T{n}" for n in range(1000))
    begun = time.process_time()
    with suppress(DesiredStateError):
        loads(f"stages: [Production, {stages}]\n{text}", "models.yaml")
    assert time.process_time() - begun < 12
