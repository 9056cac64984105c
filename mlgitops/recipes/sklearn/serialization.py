"""Which types a logged model may hold: an explicit list per kind of estimator.

Models are logged in the skops format, MLflow's default since it stopped trusting pickles: a file
of arrays and type names, of which only types from a list are made when it is loaded. skops
knows most of scikit-learn but not the compiled trees, so MLflow refuses every tree ensemble
(MLflow 3.17, skops 0.16) until their types are named.

The list here is per kind, written down, and of scikit-learn's own types only. Two ways that
look easier are not taken: to trust whatever `skops.io.get_untrusted_types` finds is to have no
list, and cloudpickle runs any code that a file holds when it is loaded. MLflow keeps the list
beside the model, so that loading and serving need nothing from this package.

What the list does not do: MLflow reads it from the very model that it loads, and scikit-learn's
trees do not check the arrays that they are restored from. It protects the training side from
logging something else than was meant; whoever can write to the artifact store must be trusted,
or models be pinned by digest. Where `MLFLOW_ALLOW_PICKLE_DESERIALIZATION` is false, MLflow loads
skops models no more than pickles.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.recipes.sklearn.hyperparameters import EstimatorKind

_TREE = ("sklearn.tree._tree.Tree",)
_HISTOGRAM_TREE = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",)

TRUSTED: Mapping[EstimatorKind, tuple[str, ...]] = MappingProxyType(
    {
        "linear": (),
        "logistic_regression": (),
        "random_forest": _TREE,
        "extra_trees": _TREE,
        "gradient_boosting": _HISTOGRAM_TREE,
    }
)


def trusted_types(kind: EstimatorKind, estimator: object) -> list[str]:
    """The types that loading `estimator` needs beyond those that skops knows.

    Args:
        kind: the kind of estimator that the recipe asked for.
        estimator: the fitted estimator.

    Raises:
        RecipeError: the estimator holds a type that is not listed for its kind.
    """
    import skops.io  # seconds, and only what logs a model needs it

    found = skops.io.get_untrusted_types(data=skops.io.dumps(estimator))
    foreign = sorted(set(found) - set(TRUSTED[kind]))
    if foreign:
        message = (
            f"the {kind} estimator holds {', '.join(foreign)}, which may not be in a logged "
            "model; build it from scikit-learn's own types, or use a recipe with `train` instead"
        )
        raise RecipeError(message)
    return sorted(found)
