"""Which way is better for a metric: by its exact name, or as models.yaml says."""

# ruff: noqa: SLF001 - what scikit-learn and MLflow know of their metrics is not public

from __future__ import annotations

import lightgbm
import mlflow.metrics
import numpy as np
import pytest
import sklearn.metrics
from mlflow.metrics import genai
from mlflow.models.evaluation.evaluators import classifier, regressor

from mlgitops.core.metrics import direction
from mlgitops.errors import DesiredStateError
from mlgitops.file.load import loads

# what MLflow's evaluators count and sum says nothing of a model
_COUNTS = {
    "example_count",
    "sum_on_target",
    "mean_on_target",
    "true_positives",
    "true_negatives",
    "false_positives",
    "false_negatives",
    "token_count",
}


@pytest.mark.parametrize(
    "metric",
    [
        "neg_mean_absolute_error",
        "d2_absolute_error_score",
        "neg_log_loss",
        "test_neg_root_mean_squared_error",
    ],
)
def test_a_score_that_names_an_error_is_a_score(metric: str) -> None:
    """Scikit-learn negates errors, so that higher is better."""
    assert direction(metric) == "higher"


@pytest.mark.parametrize(
    "metric",
    [
        *("explained_deviance", "fid_score", "psi_score", "score_time", "price_gap", "r2_drop"),
        *("accuracy_gap", "mapping", "revenue", "my_loss", "training_time", "mae_ratio", "a_score"),
        *("toxicity/v1/variance", "test_", "neg_", "/mean", "error_count"),
    ],
)
def test_no_direction_is_guessed_from_parts_of_a_name(metric: str) -> None:
    """An unknown name has no direction, whatever words it has."""
    assert direction(metric) is None


@pytest.mark.parametrize("name", sklearn.metrics.get_scorer_names())
def test_the_table_says_what_the_scorers_of_scikit_learn_say(name: str) -> None:
    """A scorer is better if higher, and its function if its sign says so."""
    scorer = sklearn.metrics.get_scorer(name)
    assert direction(name) == "higher"
    way = "higher" if scorer._sign > 0 else "lower"
    assert direction(scorer._score_func.__name__) == way


def test_the_table_has_all_scores_and_losses_of_scikit_learn() -> None:
    """`_score` is to maximize and `_error`, `_loss`, `_deviance` to minimize, but for one name."""
    found = {}
    for name in sklearn.metrics.__all__:
        if name.endswith("_score"):
            found[name] = "higher"
        if name.endswith(("_error", "_loss", "_deviance")):
            found[name] = "lower"
    assert {name: direction(name) for name in found} == {**found, "davies_bouldin_score": "lower"}


def test_the_table_has_all_metrics_of_mlflows_evaluators() -> None:
    """Those of regressors and classifiers; counts and sums have no direction."""
    truth, said = np.array([0, 1, 1]), np.array([0, 1, 0])
    proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    found = {
        *regressor._get_regressor_metrics(truth, said, None),
        *classifier._get_binary_classifier_metrics(y_true=truth, y_pred=said, y_proba=proba),
        *classifier._get_multiclass_classifier_metrics(y_true=truth, y_pred=said, y_proba=None),
        *("score", "roc_auc", "precision_recall_auc"),
    }
    assert {name for name in found if direction(name) is None} == found & _COUNTS
    assert direction("f1_score") == "higher"
    assert direction("mean_absolute_error") == direction("log_loss") == "lower"


@pytest.mark.filterwarnings("ignore:.*is deprecated since 3.4.0")
def test_the_table_says_what_mlflows_own_metrics_say() -> None:
    """Also under the names that its evaluators record: with version and aggregation."""
    others = {"EvaluationMetric", "MetricValue", "make_metric", "genai"}
    names = sorted(set(mlflow.metrics.__all__) - others)
    made = [getattr(mlflow.metrics, name)() for name in names]
    made += [
        getattr(genai, name)()
        for name in ("answer_similarity", "answer_correctness", "faithfulness", "relevance")
    ]
    for metric in made:
        expected = "higher" if metric.greater_is_better else "lower"
        for name in (metric.name, f"{metric.name}/v1/mean", f"{metric.name}/p90"):
            assert direction(name) == (None if metric.name in _COUNTS else expected), name


def test_the_table_says_what_lightgbm_says() -> None:
    """Of each metric that it evaluates, with the name that MLflow's autolog records."""
    features, target = np.arange(80.0).reshape(-1, 1), np.arange(80) % 2
    names = "l1 l2 rmse mape huber fair quantile auc average_precision binary_logloss binary_error"
    data = lightgbm.Dataset(features, target)
    said: dict[str, str] = {}

    def note(env: lightgbm.callback.CallbackEnv) -> None:
        for one in env.evaluation_result_list or ():
            said[f"{one[0]}-{one[1]}"] = "higher" if one[3] else "lower"

    lightgbm.train(
        {"objective": "binary", "metric": names.split(), "verbose": -1, "num_threads": 1},
        data,
        num_boost_round=1,
        valid_sets=[data],
        valid_names=["valid_0"],
        callbacks=[note],
    )
    assert len(said) == len(names.split())
    assert {name: direction(name) for name in said} == said


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("validation_0-logloss", "lower"),
        ("eval_loss", "lower"),
        ("val/loss", "lower"),
        ("training_r2_score", "higher"),
        ("training_score", "higher"),
        ("ndcg_at_5", "higher"),
        ("error@0.7", "lower"),
        ("val_AUC", "higher"),
        ("test_mae", "lower"),
        ("test_log_loss", "lower"),
        ("test_roc_auc", "higher"),
        ("accuracy_score", "higher"),
    ],
)
def test_the_set_that_a_metric_was_measured_on_is_no_part_of_its_name(
    metric: str, expected: str
) -> None:
    """As MLflow's autolog and the libraries that train write it before or after the name."""
    assert direction(metric) == expected


def test_what_a_model_declares_counts_first() -> None:
    """By the recorded name, or by that without the set of rows."""
    said = {"ramp_error": "lower", "test_mae": "higher"}
    text = f"version: 2\nmodels: {{wind: {{metrics: {said}, stages: {{}}}}}}"
    directions = loads(text, "models.yaml").models["wind"].directions
    for name in ("ramp_error", "test_ramp_error"):
        assert direction(name, directions) == "lower"
    assert (direction("test_mae", directions), direction("mae", directions)) == ("higher", "lower")


@pytest.mark.parametrize(
    "judging",
    [
        "gates: {Production: [{metric: test_ramp, min: 0, better: higher}]}",
        "promote: {Production: {metric: ramp, better: higher}}",
    ],
)
def test_a_direction_that_contradicts_the_models_is_an_error(judging: str) -> None:
    """One metric of a model is better one way, wherever that is written."""
    text = f"version: 2\nmodels: {{wind: {{metrics: {{ramp: lower}}, {judging}, stages: {{}}}}}}"
    with pytest.raises(DesiredStateError, match="is declared as better lower; keep one"):
        loads(text, "models.yaml")


def test_gates_of_a_model_agree() -> None:
    """Two stages cannot say the opposite of one metric."""
    gates = "Staging: [{metric: a, min: 0, better: lower}]"
    gates += ", Production: [{metric: a, min: 0, better: higher}]"
    with pytest.raises(DesiredStateError, match="'a' is declared as better lower; keep one"):
        loads(f"models: {{wind: {{gates: {{{gates}}}, stages: {{}}}}}}", "models.yaml")


@pytest.mark.parametrize(
    "metrics",
    [
        *("{ramp: up}", "{ramp: null}", "{'': lower}", "[ramp]", "{ramp: true}"),
        *("{ramp: {better: up}}", "{ramp: {unit: ''}}", "{ramp: {units: kW}}", "{ramp: [kW]}"),
    ],
)
def test_metrics_are_names_with_a_meaning(metrics: str) -> None:
    """`higher` or `lower`, or a mapping of that and a unit, and nothing else."""
    with pytest.raises(DesiredStateError):
        loads(f"version: 2\nmodels: {{wind: {{metrics: {metrics}, stages: {{}}}}}}", "models.yaml")


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ("{ramp: {units: kW}}", "unknown key 'units'; did you mean 'unit'?"),
        ("{ramp: }", "'ramp' must be 'higher', 'lower', or a mapping of 'better' and 'unit'; got"),
        ("{ramp: {better: up}}", "'better' must be 'higher' or 'lower', got 'up'"),
        ("{ramp: {unit: 3}}", "'unit' must be text, got 3"),
        ("{ramp: {unit: kilowatts of the whole farm}}", "'unit' must have at most 20 characters"),
        ('{ramp: {unit: "  "}}', "unit '  ' must be printable text without blanks at its ends"),
        ('{ramp: {unit: "k\\u202eW"}}', "must be printable text without blanks at its ends"),
    ],
)
def test_what_is_wrong_with_a_meaning_is_said(metrics: str, told: str) -> None:
    """With the key that it is wrong of, and what to write."""
    with pytest.raises(DesiredStateError) as caught:
        loads(f"version: 2\nmodels: {{wind: {{metrics: {metrics}, stages: {{}}}}}}", "models.yaml")
    assert told in str(caught.value)


def test_a_unit_says_nothing_of_the_direction() -> None:
    """Which way is better is that of the metric's name, or is said beside the unit."""
    said = {"mae": {"unit": "kW"}, "ramp": {"better": "lower", "unit": "kW/h"}, "gain": "higher"}
    text = f"version: 2\nmodels: {{wind: {{metrics: {said}, stages: {{}}}}}}"
    model = loads(text, "models.yaml").models["wind"]
    assert dict(model.directions) == {"ramp": "lower", "gain": "higher"}
    assert dict(model.units) == {"mae": "kW", "ramp": "kW/h"}


def test_a_metric_that_nothing_is_said_of() -> None:
    """It is probably not finished; an empty meaning is not passed over."""
    text = "version: 2\nmodels: {wind: {metrics: {mae: {}}, stages: {}}}"
    with pytest.raises(
        DesiredStateError, match=r"nothing is said of 'mae'; add 'better' or 'unit'"
    ):
        loads(text, "models.yaml")


def test_metrics_need_form_2() -> None:
    """The key is new in form 2."""
    with pytest.raises(DesiredStateError, match="'metrics' needs form 2"):
        loads("models: {wind: {metrics: {a: lower}, stages: {}}}", "models.yaml")
