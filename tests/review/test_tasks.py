"""What two versions answer, in the language of their task; models are small, real, and loaded."""

from __future__ import annotations

from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.datasets import load_iris
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from mlgitops.review import predictions, rows, scoring
from mlgitops.review.rows import Rows

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.core.evidence import Predictions
    from mlgitops.review.answers import Scored

pytestmark = pytest.mark.xdist_group("hostile-models")  # MLflow is imported once for them

MODEL = "class Model:\n    def predict(self, asked, params=None):\n"
LOADER = "\ndef _load_pyfunc(path):\n    return Model()\n"
FRAME = pd.DataFrame({"x": np.arange(40.0)})


def pyfunc(folder: Path, body: str, example: Any = None) -> Path:
    """A model whose `predict(self, asked)` is `body`, with an input example."""
    name = f"task_{abs(hash((body, str(folder))))}"
    code = folder.parent / f"{name}.py"
    code.parent.mkdir(parents=True, exist_ok=True)
    start = "import numpy as np, pandas as pd\n"
    code.write_text(start + MODEL + indent(dedent(body), " " * 8) + LOADER, encoding="utf-8")
    mlflow.pyfunc.save_model(
        folder,
        loader_module=name,
        code_paths=[str(code)],
        input_example=example,
        pip_requirements=["mlflow"],
    )
    return folder


def given(frame: pd.DataFrame = FRAME, actual: Any = None, labels: Any = None) -> Rows:
    """Held-out rows."""
    return Rows(
        frame=frame,
        actual=None if actual is None else np.asarray(actual),
        labels=tuple(labels if labels is not None else map(str, range(len(frame)))),
        source="held-out rows",
    )


def contrasted(asked: Rows, *folders: Path) -> Predictions:
    """What the models in folders answer, the old one first."""
    found = [scored(asked, folder) for folder in folders]
    return predictions.contrast(asked, found[-1], found[0] if len(found) > 1 else None)


def scored(asked: Rows, folder: Path) -> Scored:
    """What one model answers."""
    return scoring.score(folder, asked.given, timeout=60)


def saved(*folders: Path) -> Rows:
    """The rows that the saved input examples give."""
    found = rows._examples(list(reversed(folders)), ())  # noqa: SLF001 - what `choose` falls back to
    assert found is not None
    return found


def test_a_classifier_is_compared_by_its_probabilities(tmp_path: Path) -> None:
    """As scikit-learn computes it; which rows broke, which class is found, who is calibrated."""
    frame, actual = load_iris(return_X_y=True, as_frame=True)
    names = np.array(["setosa", "versicolor", "virginica"])[actual]
    made = [LogisticRegression(C=c, max_iter=500).fit(frame[::3], names[::3]) for c in (1e-3, 1.0)]
    for number, model in enumerate(made):
        mlflow.sklearn.save_model(
            model,
            tmp_path / str(number),
            input_example=frame.head(2),
            pip_requirements=["mlflow"],
            serialization_format="skops",
        )
    found = contrasted(given(frame, names), tmp_path / "0", tmp_path / "1")
    assert found.kind == "classification"
    said = {one.metric: (one.old, one.new, one.verdict) for one in found.scores}
    for index, model in enumerate(made):
        loss = metrics.log_loss(names, model.predict_proba(frame))
        assert said["log_loss"][index] == pytest.approx(loss)
    assert said["log_loss"][2] == said["brier_score"][2] == "better"
    classes = found.classes
    assert classes is not None
    before, after = (model.predict(frame) == names for model in made)
    assert (classes.broken, classes.mended) == ((before & ~after).sum(), (after & ~before).sum())
    assert [one.name for one in classes.recalls] == sorted(set(names))
    probabilities = classes.probabilities
    assert probabilities is not None
    assert probabilities.classes == ("setosa", "versicolor", "virginica")
    assert sum(one.rows for one in probabilities.new_bins) == len(frame)
    assert probabilities.moved[1.0] <= 1


def test_answers_that_are_probabilities_become_classes(tmp_path: Path) -> None:
    """Of a booster that answers one for each class, and of one that answers with one of two."""
    three = "return np.stack([asked.x < 9, (asked.x >= 9) & (asked.x < 30), asked.x >= 30], 1) * 1."
    two = "return 1 / (1 + np.exp(20 - asked.x.to_numpy()))"
    actual = (FRAME["x"] > 18).astype(int)
    found = contrasted(given(), pyfunc(tmp_path / "a", three))
    assert found.kind == "classification"
    assert sorted(set(found.series.new.tolist())) == [0, 1, 2]
    found = contrasted(given(actual=actual), pyfunc(tmp_path / "b", two))
    assert found.kind == "classification"
    assert {one.metric: one.new for one in found.scores}["roc_auc"] == 1


def test_errors_of_days_are_told_by_time(tmp_path: Path) -> None:
    """A version that is wrong in one month only shows in that month."""
    days = [str(day.date()) for day in pd.date_range("2024-01-01", periods=40)]
    actual = FRAME["x"]
    old = pyfunc(tmp_path / "old", "return asked.x + 1.0")
    new = pyfunc(tmp_path / "new", "return asked.x + (asked.x > 30) * 5.0")
    found = contrasted(given(actual=actual, labels=days), old, new)
    assert found.kind == "regression"
    assert [one.rows for one in found.periods] == [7, 7, 7, 7, 7, 5]
    assert {one.old_mae for one in found.periods} == {1.0}
    assert found.periods[0].new_mae == 0
    assert found.periods[-1].new_mean == 5


def test_a_forecast_is_compared_for_the_days_that_both_name(tmp_path: Path) -> None:
    """Forecasters answer for days of their own, in a column or an index, more than were asked."""
    body = """
    days = pd.date_range("2024-03-{:02}", periods=30)
    return pd.DataFrame({{"ds": days, "trend": 0.0, "yhat": np.arange(30.0)}})
    """
    old = pyfunc(tmp_path / "old", body.format(1))
    new = pyfunc(tmp_path / "new", body.format(11))
    found = contrasted(given(pd.DataFrame({"steps": [30]})), old, new)
    assert found.series.labels == tuple(f"2024-03-{day}" for day in range(11, 31))
    assert found.series.old is not None
    assert set((found.series.old - found.series.new).tolist()) == {10.0}
    later = pyfunc(tmp_path / "later", body.format(11).replace("2024", "2025"))
    found = contrasted(given(pd.DataFrame({"steps": [30]})), old, later)
    assert found.trouble.startswith("they answer for other rows: 2024-03-01 to 2024-03-30, and")


def test_embeddings_are_compared_by_cosine(tmp_path: Path) -> None:
    """Their directions, lengths and neighbours; of other sizes, their neighbours only."""
    body = "return np.random.default_rng(1).normal(size=(len(asked), {}))"
    old = pyfunc(tmp_path / "old", body.format(32))
    new = pyfunc(tmp_path / "new", body.format(32) + " * 3 * [[-1.0]] ")
    wide = pyfunc(tmp_path / "wide", "return {'embedding': np.eye(40, 64) - 0.1}")
    found = contrasted(given(), old, new)
    assert found.kind == "vectors"
    vectors = found.vectors
    assert vectors is not None
    assert list(vectors.cosine.values()) == pytest.approx([-1.0] * len(vectors.cosine))
    assert vectors.old_norm is not None
    assert vectors.new_norm == pytest.approx(3 * vectors.old_norm)
    assert (vectors.neighbours, found.changed) == (1, 1)
    vectors = contrasted(given(), old, wide).vectors
    assert vectors is not None
    assert (vectors.old_size, vectors.new_size, vectors.cosine) == (32, 64, {})
    assert vectors.neighbours is not None


def test_outputs_of_their_own_meaning_are_compared_one_by_one(tmp_path: Path) -> None:
    """By the names that the model gives them; another number of them cannot be compared."""
    old = pyfunc(tmp_path / "old", "return pd.DataFrame({'low': asked.x, 'high': asked.x + 9})")
    new = pyfunc(tmp_path / "new", "return pd.DataFrame({'low': asked.x, 'high': asked.x + 10})")
    found = contrasted(given(), old, new)
    assert found.kind == "outputs"
    assert [(one.name, one.changed) for one in found.outputs] == [("low", 0), ("high", 1)]
    assert found.outputs[1].quantiles[0.5] == 1
    more = pyfunc(tmp_path / "more", "return np.zeros((len(asked), 3)) - 1")
    found = contrasted(given(), old, more)
    assert found.trouble == "the old version answers 2 numbers per row, the new one 3"


def test_chats_and_agents_answer_their_saved_example(tmp_path: Path) -> None:
    """What they say and which tools they call is compared, not ids and times of the answer."""
    example = {"messages": [{"role": "user", "content": "What is the wind tomorrow?"}]}
    chat = """
    import uuid
    asked = asked if isinstance(asked, dict) else asked.to_dict("records")[0]
    said = asked["messages"][-1]["content"].upper() + "{}"
    return {{"id": str(uuid.uuid4()), "choices": [{{"message": {{"content": said}}}}]}}
    """
    agent = """
    import uuid
    call = {"type": "function_call", "name": "wind", "arguments": "{}", "id": str(uuid.uuid4())}
    part = {"type": "output_text", "text": "It is calm."}
    return {"output": [call, {"type": "message", "content": [part]}]}
    """
    same = pyfunc(tmp_path / "same", chat.format(""), example)
    other = pyfunc(tmp_path / "other", chat.format("!"), example)
    asked = saved(same, other)
    assert asked.labels == ("What is the wind tomorrow?",)
    found = contrasted(asked, same, same)
    assert (found.kind, found.changed, found.reworded) == ("text", None, ())
    (changed,) = contrasted(asked, same, other).reworded
    assert changed.old == "WHAT IS THE WIND TOMORROW?"
    assert changed.new == "WHAT IS THE WIND TOMORROW?!"
    (changed,) = contrasted(asked, same, pyfunc(tmp_path / "agent", agent, example)).reworded
    assert changed.new == "calls wind({})\nIt is calm."


def test_an_example_of_few_rows_has_no_shares(tmp_path: Path) -> None:
    """Whatever is answered; vectors and outputs are still told apart."""
    example = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    vectors = pyfunc(tmp_path / "vectors", "return np.outer(asked.x, np.arange(20.0))", example)
    outputs = pyfunc(tmp_path / "outputs", "return np.outer(asked.x, np.arange(3.0))", example)
    asked = saved(vectors)
    found = contrasted(asked, vectors, vectors)
    assert found.vectors is not None
    assert (found.changed, found.vectors.cosine, found.vectors.neighbours) == (None, {}, None)
    assert [round(alike, 6) for _, alike in found.vectors.unlike] == [1, 1, 1]
    found = contrasted(asked, outputs, outputs)
    assert [(one.changed, one.quantiles) for one in found.outputs] == [(None, {})] * 3


def test_a_forecast_of_one_row_has_an_answer_for_each_step(tmp_path: Path) -> None:
    """As statsmodels answers for a start and an end."""
    example = pd.DataFrame({"start": [3], "end": [5]})
    body = "return np.arange(asked.start[0], asked.end[0] + 1) * {}"
    old = pyfunc(tmp_path / "old", body.format(1.0), example)
    new = pyfunc(tmp_path / "new", body.format(2.0), example)
    found = contrasted(saved(new), old, new)
    assert [(one.row, one.old, one.new) for one in found.answers] == [
        ("step 1", 3, 6),
        ("step 2", 4, 8),
        ("step 3", 5, 10),
    ]


def test_traces_of_answers_go_nowhere(tmp_path: Path) -> None:
    """An agent logs one for each answer, and MLflow tries for minutes where there is no server."""
    body = """
    import mlflow
    with mlflow.start_span("answer") as span:
        return [type(span).__name__ for _ in range(len(asked))]
    """
    (name,) = set(scored(given(), pyfunc(tmp_path / "agent", body)).predictions.tolist())
    assert name == "NoOpSpan"


def test_sentences_are_texts_and_names_are_classes(tmp_path: Path) -> None:
    """Both come as text; a list of texts is asked as it was saved."""
    example = ["good", "bad"]
    body = "asked = np.asarray(asked).ravel()\nreturn [{} for one in asked]"
    classes = pyfunc(tmp_path / "classes", body.format("'positive'"), example)
    long = pyfunc(tmp_path / "long", body.format("'word ' * 9 + str(one)"), example)
    asked = saved(classes)
    assert contrasted(asked, classes, classes).kind == "classification"
    found = contrasted(asked, classes, long)
    assert found.kind == "text"
    assert [one.new for one in found.reworded] == ["word " * 9 + one for one in example]


def test_a_classifier_of_texts_gives_its_probabilities(tmp_path: Path) -> None:
    """Its saved example is a list of texts; the new version is surer of the same classes."""
    texts, names = ["good wind", "bad wind", "calm good", "storm bad"], ["pos", "neg"] * 2
    for name, strength in (("old", 0.01), ("new", 100.0)):
        model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=strength)).fit(texts, names)
        mlflow.sklearn.save_model(
            model,
            tmp_path / name,
            input_example=texts,
            pip_requirements=["mlflow"],
            serialization_format="cloudpickle",
        )
    asked = saved(tmp_path / "new")
    found = contrasted(asked, tmp_path / "old", tmp_path / "new")
    assert asked.labels == tuple(texts)
    assert found.kind == "classification"
    for one, name in zip(found.answers, names, strict=True):
        assert one.old == one.new == name
        assert one.old_sure is not None
        assert one.new_sure is not None
        assert one.new_sure - one.old_sure > 0.2


@pytest.mark.parametrize(
    "example",
    [
        np.arange(12, dtype="float32").reshape(3, 4),
        {"a": np.arange(6.0).reshape(3, 2), "b": np.arange(6.0).reshape(3, 2)},
    ],
    ids=["a tensor", "tensors by name"],
)
def test_tensors_are_asked_as_they_were_saved(example: Any, tmp_path: Path) -> None:
    """Of any shape and type: the model sees arrays, not a table."""
    body = """
    values = list(asked.values()) if isinstance(asked, dict) else [asked]
    assert all(isinstance(one, np.ndarray) for one in values)
    return sum(one.sum(axis=1) for one in values) * {}
    """
    old = pyfunc(tmp_path / "old", body.format(1.0), example)
    new = pyfunc(tmp_path / "new", body.format(2.0), example)
    found = contrasted(saved(old, new), old, new)
    assert found.series.labels == ("row 1", "row 2", "row 3")
    assert found.series.old is not None
    assert found.series.new.tolist() == (2 * found.series.old).tolist()


def test_answers_of_two_tasks_say_why_they_cannot_be_compared(tmp_path: Path) -> None:
    """What is known of the new one is told all the same."""
    number = pyfunc(tmp_path / "number", "return asked.x")
    vector = pyfunc(tmp_path / "vector", "return np.ones((len(asked), 16))")
    found = contrasted(given(), number, vector)
    assert found.trouble == "the old version answers one value per row, the new one several numbers"
    assert (found.changed, found.series.old) == (None, None)
    assert found.old_cost is not None
