"""Which way is better for metrics with a standard name: a table, by exact name.

No name is guessed from its parts: `neg_mean_absolute_error` is an error that scikit-learn negates,
and a `davies_bouldin_score` is no score. tests/core/test_directions.py holds the table against
scikit-learn, MLflow and LightGBM as they are installed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Direction = Literal["higher", "lower"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What a team says of a metric; None and empty where it says nothing of it."""

    better: Direction | None = None
    unit: str = ""


_AVERAGES = ("binary", "macro", "micro", "samples", "weighted")
_AVERAGED = ("f1", "f1_score", "jaccard", "precision", "precision_score", "recall", "recall_score")

# each block: the functions and scorers of scikit-learn, MLflow's evaluators, then the libraries
# that train (XGBoost, LightGBM, CatBoost, Keras, Spark, statsmodels) and usual short names
_HIGHER = """
accuracy accuracy_score adjusted_mutual_info_score adjusted_rand_score average_precision
average_precision_score balanced_accuracy balanced_accuracy_score best_cv_score
calinski_harabasz_score cohen_kappa_score completeness_score consensus_score
d2_absolute_error_score d2_brier_score d2_log_loss_score d2_pinball_score d2_tweedie_score
dcg_score explained_variance explained_variance_score f1 f1_score fbeta_score
fowlkes_mallows_score homogeneity_score jaccard jaccard_score
label_ranking_average_precision_score matthews_corrcoef mean_test_score mutual_info_score
ndcg_score normalized_mutual_info_score positive_likelihood_ratio precision precision_score r2
r2_score rand_score recall recall_score roc_auc roc_auc_ovo roc_auc_ovo_weighted roc_auc_ovr
roc_auc_ovr_weighted roc_auc_score score silhouette_score top_k_accuracy top_k_accuracy_score
v_measure_score

answer_correctness answer_relevance answer_similarity bleu correctness equivalence exact_match
expectations_guidelines faithfulness guidelines ndcg@k precision@k precision_recall_auc recall@k
relevance relevance_to_query retrieval_groundedness retrieval_relevance retrieval_sufficiency
rouge1 rouge2 rougel rougelsum safety

auc auc_mu aucpr map map@k ndcg pre pre@k totalf1 binary_accuracy categorical_accuracy
sparse_categorical_accuracy top_k_categorical_accuracy areaunderroc areaunderpr rsquared
rsquared_adj

acc adjusted_r2 ap auprc auroc cohen_kappa dice hit_rate hit_rate@k
iou kappa macro_f1 matthews mcc mean_iou micro_f1 miou mrr mrr@k pr_auc sensitivity specificity
weighted_f1
"""
_LOWER = """
brier_score_loss coverage_error davies_bouldin_score hamming_loss hinge_loss label_ranking_loss
log_loss max_error mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance
mean_pinball_loss mean_poisson_deviance mean_squared_error mean_squared_log_error
mean_tweedie_deviance median_absolute_error negative_likelihood_ratio root_mean_squared_error
root_mean_squared_log_error zero_one_loss

ari_grade_level flesch_kincaid_grade_level latency toxicity

aft-nloglik binary_error binary_logloss cox-nloglik cross_entropy cross_entropy_lambda error error@k
fair gamma-deviance gamma-nloglik gamma_deviance huber kldiv kullback_leibler l1 l2 logloss mae
mape merror mlogloss mphe multi_error multi_logloss poisson-nloglik quantile rmse rmsle
tweedie-nloglik@k xentropy binary_crossentropy categorical_crossentropy crossentropy
sparse_categorical_crossentropy kl_divergence aic bic hqic

brier brier_score cer crps error_rate loss mase mean_absolute_scaled_error medae mse msle nll
perplexity pinball_loss quantile_loss rmsse smape
symmetric_mean_absolute_percentage_error wape weighted_absolute_percentage_error wer wmape
"""

_BETTER: Mapping[Direction, Iterable[str]] = {
    "higher": (
        *_HIGHER.split(),
        *(f"{name}_{how}" for name, how in product(_AVERAGED, _AVERAGES)),
        *(f"neg_{name}" for name in _LOWER.split()),  # scikit-learn negates what is to be low
    ),
    "lower": _LOWER.split(),
}
STANDARD = MappingProxyType({name: way for way, names in _BETTER.items() for name in names})
_SET = re.compile(r"^(test|train|training|val|valid|validation|eval)(_[0-9]+)?[-_/](?=.)")
_AGGREGATE = re.compile(r"(?<=.)(/v[0-9]+)?(/(mean|median|min|max|p90|ratio))?$")
_AT = re.compile(r"(@|_at_)[0-9]+(\.[0-9]+)?$")


def bare(metric: str) -> str:
    """A metric's name without the set that it was measured on, and without MLflow's aggregation.

    The sets are those of MLflow's autolog and evaluators and of recipes: `test_`, `val_`,
    `training_`, `validation_0-`, `eval/`.

    >>> bare("test_mae"), bare("toxicity/v1/mean"), bare("valid_0-binary_logloss")
    ('mae', 'toxicity', 'binary_logloss')
    """
    return _AGGREGATE.sub("", _SET.sub("", metric, count=1), count=1)


def standard(metric: str) -> Direction | None:
    """Which way is better by the standard meaning of a name, in any case; None if it has none.

    >>> standard("val_AUC"), standard("precision_at_3/v1/mean"), standard("price_drop")
    ('higher', 'higher', None)
    """
    return STANDARD.get(_AT.sub("@k", bare(metric).lower()))
